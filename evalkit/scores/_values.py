"""What scores are made of, sample by sample: for whoever compares two of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.tasks import BenchmarkSpec

from ._records import BenchmarkScores, ScoreRow

__all__ = ["Measured", "TaskValues"]


@dataclass(frozen=True)
class TaskValues:
    """The samples of one task that entered its score, in sample order; of several draws, their means."""

    task: str
    """Task name."""
    metric: str
    """Metric of the protocol."""
    ids: tuple[str, ...]
    """Sample ids."""
    clusters: tuple[str, ...]
    """Cluster of each sample: its document; the sample itself where documents are not known."""
    columns: NDArray[np.float64]
    """Shape (samples, columns), 0–100; NaN where a sample does not enter a column's mean."""
    combine: Callable[[Sequence[float]], float]
    """Task score from the column means."""
    score: float | None
    """The task's score, 0–100; None where none could be told."""
    texts: tuple[str, ...]
    """Answer of each sample, of several draws the first."""
    targets: tuple[tuple[str, ...], ...]
    """Gold answers of each sample."""
    axes: tuple[Mapping[str, Any], ...]
    """Where each sample stands in the benchmark, as far as it has such axes: length, depth, language…"""
    truncated: frozenset[str] | None
    """Ids of samples whose prompt was shortened; None for outputs made elsewhere."""
    cluster_unit: str
    """`document` or `sample`."""
    evidence_lost: frozenset[str] | None = None
    """Ids of samples that lost their needle or gold answer to truncation; None for outputs made elsewhere."""
    margins: tuple[float | None, ...] = ()
    """Nearest tie of the answers to each sample, over steps and draws, in nats, None where it is not known; empty for
    outputs made elsewhere."""

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """One number for each sample, shape (samples,), 0–100: its columns combined, those that it has not left out.

        Their mean is the task's score where the task has one column; NaN for a sample that enters no column.
        """
        if self.columns.shape[1] == 1:
            return self.columns[:, 0]
        return np.array([self.point_of(row) for row in self.columns], dtype=np.float64)

    def point_of(self, row: NDArray[np.float64]) -> float:
        """The one number of a row of columns; NaN where it enters no column."""
        there = row[~np.isnan(row)]
        if not len(there):
            return float("nan")
        return float(self.combine(row.tolist())) if len(there) == len(row) else float(there.mean())

    @property
    def is_binary(self) -> bool:
        """Whether every sample is right or wrong: 0 or 100."""
        return bool(np.isin(self.points[~np.isnan(self.points)], (0.0, 100.0)).all())


@dataclass(frozen=True)
class Measured:
    """A benchmark's scores with the samples behind them."""

    scores: BenchmarkScores
    """The scores."""
    rows: Sequence[ScoreRow]
    """Lines of `scores.jsonl`."""
    values: Mapping[str, TaskValues]
    """Task → its samples."""
    spec: BenchmarkSpec
    """Definition of the benchmark."""
    protocol: str
    """Name of the protocol that scored, without overrides."""
