"""What a check of published numbers found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ._records import PublishedScore

__all__ = ["MEANINGS", "Finding", "FindingKind", "found"]

FindingKind = Literal["impossible", "truncated", "runs", "equal_columns", "dash_as_zero", "average"]

MEANINGS: Mapping[FindingKind, str] = {
    "impossible": "no score of so many samples reads so",
    "truncated": "cut off instead of rounded",
    "runs": "a mean of several runs, or another number of samples",
    "equal_columns": "equal in two columns where chance seldom makes it so",
    "dash_as_zero": "a task without a score counts as 0",
    "average": "not the mean of the numbers it is said to be the mean of",
}
"""Kind of finding → what it says, in a few words."""


@dataclass(frozen=True)
class Finding:
    """Something about one printed number that a reader should know."""

    benchmark: str
    """Benchmark."""
    task: str
    """Task, length, group or `overall`; of a range `TASK RANGE`."""
    model: str
    """Model, with the RoPE scaling where it is not the released one."""
    kind: FindingKind
    """What kind of thing was found, a key of `MEANINGS`."""
    source: str
    """The publication."""
    row: str
    """File and line."""
    score: str
    """The number as printed."""
    n: int | None
    """Samples."""
    reason: str
    """What was found, in a sentence."""


def found(score: PublishedScore, kind: FindingKind, reason: str, printed: str | None = None) -> Finding:
    """A finding about a row, or about what its other source prints."""
    return Finding(
        benchmark=score.benchmark,
        task=f"{score.task} {score.bucket}".rstrip(),
        model=score.model if score.rope == "native" else f"{score.model} {score.rope}",
        kind=kind,
        source=score.source if printed is None else score.also_in,
        row=score.where,
        score=printed or score.printed,
        n=score.n,
        reason=reason,
    )
