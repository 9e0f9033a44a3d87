"""Uncertainty of a task score: percentile bootstrap over clusters.

Samples of one document share its difficulty, so documents are drawn, not samples. The few lines here instead of
`scipy.stats.bootstrap` (same method, tested to agree) spare every scoring the second that importing scipy.stats takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["MIN_CLUSTERS", "RESAMPLES", "cluster_interval"]

RESAMPLES = 2000
MIN_CLUSTERS = 5
LEVELS = (2.5, 97.5)


def cluster_interval(
    columns: NDArray[np.float64],
    clusters: Sequence[str],
    combine: Callable[[Sequence[float]], float],
    seed: int,
) -> tuple[float, float] | None:
    """95% interval of `combine(column means)`; None under 5 clusters.

    `columns` has shape (samples, columns), NaN where a sample does not enter a column; `clusters` names each sample's.
    """
    names, members = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < MIN_CLUSTERS:
        return None
    is_there = ~np.isnan(columns)
    sums = _per_cluster(np.where(is_there, columns, 0.0), members, len(names))
    counts = _per_cluster(is_there.astype(np.float64), members, len(names))
    draws = np.random.default_rng(seed).integers(0, len(names), (RESAMPLES, len(names)))
    with np.errstate(invalid="ignore"):
        means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    values = means[:, 0] if means.shape[1] == 1 else np.array([combine(row) for row in means.tolist()])
    there = values[~np.isnan(values)]  # a draw may miss every sample of a column
    if not len(there):
        return None
    low, high = np.percentile(there, LEVELS)
    return float(low), float(high)


def _per_cluster(values: NDArray[np.float64], members: NDArray[np.intp], clusters: int) -> NDArray[np.float64]:
    totals = np.zeros((clusters, values.shape[1]))
    np.add.at(totals, members, values)
    return totals
