"""Reasons of failed samples, counted by kind."""

from __future__ import annotations

from evalkit.scores._failures import MOST_KINDS, Failure, failure_notes


def test_reasons_that_differ_in_numbers_and_names_are_one_kind() -> None:
    """The first message stands for all of them, with the sample it belongs to."""
    failures = [
        Failure("toy/tales/3", "the prompt has 8,019 tokens and 'a' takes 2048"),
        Failure("toy/tales/4", "the prompt has 9,120 tokens and 'b' takes 2048"),
        Failure("toy/sagas/0", "the server answered 400"),
    ]

    notes = failure_notes(failures)

    assert [
        "2 failed: the prompt has 8,019 tokens and 'a' takes 2048 (first: toy/tales/3)",
        "1 failed: the server answered 400 (first: toy/sagas/0)",
    ] == notes


def test_the_most_frequent_kind_comes_first_and_many_kinds_are_a_number() -> None:
    """Thousands of different messages are a few lines."""
    often = [Failure(f"toy/tales/{index}", "often") for index in range(3)]
    once = [Failure(f"toy/sagas/{index}", f"once {'x' * index}") for index in range(MOST_KINDS + 6)]

    notes = failure_notes([*once, *often])

    assert notes[0].startswith("3 failed: often")
    assert MOST_KINDS + 1 == len(notes)
    assert "7 failed for 7 other reasons" == notes[-1]


def test_a_reason_is_one_line_of_bounded_length() -> None:
    """Whatever a server says."""
    note = failure_notes([Failure("toy/tales/0", "<html>\n" + "x" * 10_000)])[0]

    assert (True, True) == (len(note) < 400, "\n" not in note)


def test_nothing_failed_is_no_line() -> None:
    """Silence means that every sample has a score."""
    assert [] == failure_notes([])
