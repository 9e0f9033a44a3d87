"""Why samples failed: their reasons counted by kind, so that a run of thousands says it in a few lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from evalkit.errors import one_line

__all__ = ["Failure", "failure_notes"]

MOST_KINDS = 5
"""Kinds of reasons that are said one by one; the rest is a number."""
MOST_REASON = 240
"""Characters of a reason that are said."""
NUMBERS = re.compile(r"\d[\d.,]*|'[^']*'|\"[^\"]*\"")
"""What differs between two messages of one kind: counts, quoted names."""


class Failure(NamedTuple):
    """A sample without a score."""

    id: str
    """Sample id."""
    reason: str
    """What the backend, the truncation or the scorer said."""


def failure_notes(failures: Iterable[Failure]) -> list[str]:
    """A line for each kind of reason, the most frequent first: how many, the first message, and whose it is."""
    kinds: dict[str, list[Failure]] = {}
    for failure in failures:
        kinds.setdefault(NUMBERS.sub("#", failure.reason), []).append(failure)
    members = sorted(kinds.values(), key=len, reverse=True)
    lines = [_line(each) for each in members[:MOST_KINDS]]
    rest = members[MOST_KINDS:]
    return lines + ([f"{sum(map(len, rest))} failed for {len(rest)} other reasons"] if rest else [])


def _line(failures: list[Failure]) -> str:
    first = failures[0]
    return f"{len(failures)} failed: {one_line(first.reason, MOST_REASON)} (first: {first.id})"
