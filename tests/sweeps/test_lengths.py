"""Which lengths a sweep tests."""

from __future__ import annotations

from evalkit.sweeps import bucket_ends, default_lengths


def test_default_lengths_leave_room_for_the_answer() -> None:
    """Prompt and answer together are multiples of the model's own length."""
    assert (448, 960, 1984, 4032, 8128) == default_lengths(1024, 64)


def test_a_short_model_has_the_lengths_that_leave_a_prompt() -> None:
    """Half of 100 tokens has no room for 64 of an answer."""
    assert (36, 136, 336, 736) == default_lengths(100, 64)


def test_buckets_end_at_the_window_times_powers_of_two() -> None:
    """What is in the window's bucket is what no rule stretches."""
    tokens = {"a": 1000, "b": 1001, "c": 500, "d": 501, "e": 4001, "f": 2000}
    alone = {name: name for name in tokens}

    ends = bucket_ends(tokens, alone, 1000)

    assert {"a": 1000, "b": 2000, "c": 1000, "d": 1000, "e": 8000, "f": 2000} == ends


def test_short_buckets_stand_alone_where_they_have_ten_documents() -> None:
    """Two samples of one document are one."""
    tokens = {str(index): 200 for index in range(12)} | {str(index): 900 for index in range(12, 24)}

    of_ten = bucket_ends(tokens, {name: str(int(name) % 12) for name in tokens}, 1000)
    of_six = bucket_ends(tokens, {name: str(int(name) % 6) for name in tokens}, 1000)

    assert ({250, 1000}, {1000}) == (set(of_ten.values()), set(of_six.values()))
