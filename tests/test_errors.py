"""Messages of one line."""

from __future__ import annotations

import pytest

from evalkit.errors import UnknownNameError, one_line


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("first\n\n  second\tthird "), "first second third"),
        (RuntimeError(""), "RuntimeError"),
        (ValueError("x" * 400), "x" * 299 + "…"),
        ("as\nit is", "as it is"),
    ],
)
def test_any_message_becomes_one_line_that_says_something(error: BaseException | str, expected: str) -> None:
    """Line ends and runs of blanks are one blank, what is cut is marked, and an empty message names its error."""
    assert expected == one_line(error)


def test_a_shorter_limit_can_be_asked_for() -> None:
    """Where the message stands inside a longer one."""
    assert "abcd…" == one_line("abcdefgh", 5)


def test_no_word_is_cut_in_two() -> None:
    """Half an address leads nowhere."""
    assert "see the page…" == one_line("see the page https://example.org/a/long/address and more", 30)


def test_a_name_that_merely_shares_letters_is_not_suggested() -> None:
    """All that there are, rather than nonsense."""
    assert "unknown task 'hotpotqa': there are: quality, tpo" == str(
        UnknownNameError("task", "hotpotqa", ["tpo", "quality"])
    )


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    """And the hint is kept."""
    assert "unknown card 'leval': did you mean 'l-eval'? (look again)" == str(
        UnknownNameError("card", "leval", ["l-eval", "needle"], "look again")
    )
