"""How one task is scored: columns per sample, and how their means become the task's score.

A column is one number per sample (0–100); NaN means that the sample does not enter that column's mean. Most tasks have
one column and its mean; L-Eval's summaries have three whose geometric mean is the score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._records import Answer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Scorer", "single"]


def _first(means: Sequence[float]) -> float:
    return means[0]


@dataclass(frozen=True)
class Scorer:
    """Scores the samples of one task under one protocol."""

    metric: str
    """Name printed with the score."""
    score: Callable[[Answer], tuple[float, ...]]
    """Columns of one answer, 0–100 or NaN; raises `UnscorableError` where the official code fails."""
    columns: tuple[str, ...]
    """Names of the columns, as many as `score` returns."""
    combine: Callable[[Sequence[float]], float] = _first
    """Task score from the column means."""
    point: Callable[[NDArray[np.float64]], float] | None = None
    """Task score from the columns, shape (samples, columns), where it is not made of means; intervals use `combine`."""

    column_metadata: tuple[Mapping[str, Any], ...] = ()
    """What each column adds to its rows' metadata, such as the depth of one of several needles; empty = nothing."""
    column_evidence: tuple[int, ...] = ()
    """Index in `Sample.evidence` of the needle that each column asks for; empty = every column asks for all."""
    bucket: Callable[[Answer], str | tuple[str, ...]] | None = None
    """Length range of an answer, for benchmarks that report by length; or several parts that it belongs to."""
    bucket_names: tuple[str, ...] = ()
    """All ranges, in printed order."""
    effective_at: float | None = None
    """Mean that a length must reach to count for the effective length, where `bucket_names` are lengths in tokens."""
    includes: Callable[[Answer], bool] | None = None
    """Whether the protocol has a sample at all; others are left out of every count. None = it has all."""
    notes: Callable[[Sequence[Answer]], list[str]] | None = None
    """What a reader of the task's score should know, found in the scored answers."""


def single(metric: str, score: Callable[[str, Sequence[str]], float]) -> Scorer:
    """A scorer whose task score is the plain mean of `score(prediction, targets)`."""
    return Scorer(metric, lambda answer: (score(answer.prediction, answer.targets),), (metric,))
