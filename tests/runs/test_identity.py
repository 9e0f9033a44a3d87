"""The commits of a model on the hub."""

from __future__ import annotations

import pytest

from evalkit.runs._identity import moved_on_hub


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ("hub:o/m@" + "a" * 40, "hub:o/m@" + "b" * 40, ["o/m at aaaaaaaaaaaa", "bbbbbbbbbbbb now", "o/m@" + "a" * 40]),
        ("hub:o/m@" + "a" * 40, "hub:o/other@" + "b" * 40, None),
        ("sha256:aa", "hub:o/m@" + "b" * 40, None),
        ("sha256:aa", "sha256:bb", None),
    ],
)
def test_a_branch_that_moved_is_told_apart(before: str, now: str, words: list[str] | None) -> None:
    """Both commits, and the name that goes on; other differences are not the hub's."""
    found = moved_on_hub(before, now)

    assert (words is None) == (found is None)
    assert all(word in (found or "") for word in words or [])
