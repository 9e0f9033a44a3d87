"""Messages of one line."""

from __future__ import annotations

import pytest

from evalkit.errors import UnknownNameError, one_line


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("first\n\n  second\tthird "), "first second third"),
        (RuntimeError(""), "RuntimeError"),
        (ValueError("x" * 400), "x" * 300),
        ("as\nit is", "as it is"),
    ],
)
def test_any_message_becomes_one_line_that_says_something(error: BaseException | str, expected: str) -> None:
    """Line ends and runs of blanks are one blank, the end is cut, and an empty message names its error."""
    assert expected == one_line(error)


def test_a_shorter_limit_can_be_asked_for() -> None:
    """Where the message stands inside a longer one."""
    assert "abcde" == one_line("abcdefgh", 5)


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    """And the hint is kept."""
    assert "unknown card 'leval': did you mean 'l-eval'? (look again)" == str(
        UnknownNameError("card", "leval", ["l-eval", "needle"], "look again")
    )
