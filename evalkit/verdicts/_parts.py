"""What each sample adds to a score, so that what a mean allows is allowed for any combination of column means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalkit.scores import TaskValues

__all__ = ["Parts", "moves_of", "same_samples", "sample_parts", "score_of"]

STEP = 1e-3
"""Points by which a column mean is moved to see how much the score follows."""
TOP = 100.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """The samples of several runs, each as one number whose mean moves as the score does."""

    values: Array
    """Shape (runs, samples), points."""
    members: NDArray[np.intp]
    """Shape (samples,): place of each sample's cluster in `clusters`."""
    clusters: tuple[str, ...]
    """Names of clusters."""
    top: float
    """The most that such a number can be: 100 for one column, about as much for several."""

    def by_cluster(self, values: Array) -> Array:
        """Sums of the clusters, shape (rows, clusters), of values of shape (rows, samples)."""
        return np.stack([np.bincount(self.members, weights=row, minlength=len(self.clusters)) for row in values])


def score_of(values: TaskValues) -> float:
    """The score of a task that has one; without one nothing can be compared."""
    if values.score is None:
        raise ValueError(f"{values.task} has no score")
    return values.score


def same_samples(runs: Sequence[TaskValues]) -> None:
    """Raises `ValueError` unless the runs have the same samples in the same order, in as many columns."""
    first = runs[0]
    for run in runs[1:]:
        if run.ids != first.ids or run.columns.shape != first.columns.shape:
            raise ValueError(f"{first.task}: runs of other samples, or in another order")


def sample_parts(runs: Sequence[TaskValues]) -> Parts:
    """The runs' samples as numbers: of several columns, the derivatives of the score times the columns.

    Taken at the mean of the runs; exact for a score that is a weighted mean of columns. A value that one run lacks
    enters none.
    """
    same_samples(runs)
    columns = np.stack([run.columns for run in runs])
    is_there = ~np.isnan(columns.sum(axis=0))
    columns = np.where(is_there, columns, 0.0)
    shares = _slopes(runs[0], columns, is_there) * len(is_there) / np.maximum(is_there.sum(axis=0), 1)
    places = {name: place for place, name in enumerate(dict.fromkeys(runs[0].clusters))}
    members = np.array([places[name] for name in runs[0].clusters])
    most = float((is_there * np.abs(shares)).sum(axis=1).max(initial=0.0))
    return Parts(columns @ shares, members, tuple(places), max(TOP, float(columns.max(initial=0.0))) * most)


def moves_of(ours: TaskValues, theirs: TaskValues) -> Array:
    """What each sample adds to our score, less what it adds to theirs, shape (samples,); exactly 0 where it is equal.

    Unlike `TaskValues.points` it sees a column that moves while a geometric mean stays 0.
    """
    first, second = sample_parts([ours, theirs]).values
    moves: Array = np.where(np.abs(first - second) > 1e-9, first - second, 0.0)
    return moves


def _slopes(run: TaskValues, columns: Array, is_there: NDArray[np.bool_]) -> Array:
    """How much the score moves with each column mean."""
    width = columns.shape[2]
    if width == 1:  # the combination of one mean is that mean
        return np.ones(1)
    means = columns.sum(axis=1).mean(axis=0) / np.maximum(is_there.sum(axis=0), 1)
    slopes = np.zeros(width)
    for place in range(width):
        low, high = means.copy(), means.copy()
        low[place], high[place] = max(means[place] - STEP, 0.0), means[place] + STEP
        slopes[place] = (run.combine(high.tolist()) - run.combine(low.tolist())) / (high[place] - low[place])
    return slopes
