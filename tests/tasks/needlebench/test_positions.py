"""Where needles go: worked out by hand from upstream's arithmetic."""

from __future__ import annotations

from evalkit.tasks.needlebench._grid import context_tokens, reasoning_positions, retrieval_positions, single_position


def test_the_haystack_gets_what_buffer_and_needle_leave() -> None:
    """A length of 1000 with a buffer of 600 and a needle of 30 has 370 haystack tokens."""
    assert 370 == context_tokens(1000, 600, 30)


def test_a_length_within_the_buffer_leaves_no_haystack() -> None:
    """The count never falls below zero, so such a prompt holds the needle alone."""
    assert 0 == context_tokens(1000, 3000, 30)


def test_a_position_is_cut_to_whole_tokens() -> None:
    """21 percent of 999 tokens is 209.79: the needle goes before token 209."""
    assert 209 == single_position(999, 21)


def test_full_depth_is_behind_the_last_token() -> None:
    """Depth 100 appends."""
    assert 999 == single_position(999, 100)


def test_each_retrieved_needle_is_moved_by_those_before_it() -> None:
    """Positions count the text with the earlier needles in it."""
    assert [0, 60, 120] == retrieval_positions(100, [0, 50, 100], [10, 10, 10])


def test_reasoning_needles_are_moved_twice() -> None:
    """The second needle stands at 50 + 8 + 10, moved once more by 8; the third at 68 + 6 + 10, moved by 14."""
    assert [50, 76, 98] == reasoning_positions(100, 50, 10, [8, 6, 4])


def test_reasoning_positions_are_capped_before_the_second_move() -> None:
    """At depth 100 the second needle is capped at 100 + 8, then moved past the end by 8: a slice there appends."""
    assert [100, 116] == reasoning_positions(100, 100, 10, [8, 6])
