"""Uncertainty of a score: 95% intervals from clusters of samples.

Samples of one document share its difficulty, so the documents vary, not the samples. Three methods, or none:

- `exact`: Clopper and Pearson's, where every cluster is one right or wrong answer;
- `cluster t`: the spread of the scores without one cluster (jackknife), Student's t with clusters − 1 degrees of
  freedom, on the logit scale of 0–100, so that it stays inside and leans as scores near an end do;
- `bound`: Gaffke's, for means of bounded values, where there are few clusters, or a few of them carry the spread. It
  supposes nothing of clusters not seen but that they score 0–100, so it is wide;
- none under 5 clusters.

When which, with sources: docs/design.md, "Uncertainty". How often they hold: `tests/statistics/coverage.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.seeds import content_seed

from ._quantiles import beta_quantile, t_quantile

__all__ = [
    "BOUND",
    "CLUSTER_T",
    "EXACT",
    "MIN_CLUSTERS",
    "MIN_CLUSTERS_T",
    "SKEW_LIMIT",
    "Interval",
    "Spread",
    "cluster_interval",
    "cluster_spread",
    "logit_interval",
]

Combine = Callable[[Sequence[float]], float]
Array = NDArray[np.float64]

EXACT = "exact"
CLUSTER_T = "cluster t"
BOUND = "bound"
TAIL = 0.025  # on each side of a 95% interval

# The four limits below were chosen by the simulation in tests/statistics/coverage.py.
MIN_CLUSTERS = 5
"""Under so many clusters there is no interval: all right still means no more than 48–100."""
MIN_CLUSTERS_T = 10
"""Under so many clusters a kind of document that is one in ten is more likely unseen than not, unless…"""
LARGE_CLUSTER = 25
"""…clusters have so many samples on average, as the repeats of a grid have cells."""
SKEW_LIMIT = 0.3
"""Skewness over the root of the clusters (Boos and Hughes-Oliver 2000) beyond which Student's t misses too often."""
DRAWS = 4000
"""Of weights, for the bound: its ends move by a tenth of their distance at most with other draws."""


class Interval(NamedTuple):
    """A 95% interval and how it was made."""

    low: float
    high: float
    kind: str


@dataclass(frozen=True)
class Spread:
    """A score and how much it hangs on each cluster."""

    score: float
    """The combined column means."""
    influence: Mapping[str, float]
    """Cluster → how much it moves the score; the squares sum to the variance."""

    @property
    def df(self) -> int:
        """Degrees of freedom."""
        return len(self.influence) - 1

    @cached_property
    def error(self) -> float:
        """Standard error."""
        return math.hypot(*self.influence.values())

    @cached_property
    def skew(self) -> float:
        """Skewness of the sum that the score is: of the clusters, over the root of their number."""
        return math.fsum(value**3 for value in self.influence.values()) / self.error**3 if self.error else 0.0


@dataclass(frozen=True)
class _Gathered:
    """Sums and counts of each cluster, shape (clusters, columns)."""

    names: Sequence[str]
    sums: Array
    counts: Array
    samples: int
    top: float
    """The most that a sample can score: 100, or more where a protocol sums over references."""
    is_right_or_wrong: bool
    """One column of single samples that are all 0 or the most."""

    @property
    def is_large(self) -> bool:
        return self.samples >= LARGE_CLUSTER * len(self.names)


def cluster_interval(
    columns: Array, clusters: Sequence[str], combine: Combine, *, score: float | None = None
) -> Interval | None:
    """95% interval of `combine(column means)`; None under 5 clusters, or where one cluster alone fills a column.

    `columns` has shape (samples, columns), 0–100, NaN where a sample does not enter a column; `clusters` names each
    sample's. `combine` must not fall when a column mean rises, and stays within 0–100. `score` is the printed score
    where it is not exactly that.
    """
    found = _gather(columns, clusters)
    spread = _spread(found, combine)
    if spread is None or len(found.names) < MIN_CLUSTERS:
        return None
    if found.is_right_or_wrong:
        return Interval(*_exact(found), EXACT)
    is_enough = len(found.names) >= MIN_CLUSTERS_T or found.is_large
    if is_enough and spread.error and abs(spread.skew) <= SKEW_LIMIT:
        middle = score if score is not None and 0 < score < found.top else spread.score
        return logit_interval(middle, spread.error, spread.df, found.top)
    return Interval(*_bound(found, spread, combine), BOUND)


def cluster_spread(columns: Array, clusters: Sequence[str], combine: Combine) -> Spread | None:
    """The score with its standard error and what each cluster adds to it; None where it cannot be told.

    Unlike `cluster_interval` it takes values of any size and sign, differences of two models for example.
    """
    return _spread(_gather(columns, clusters), combine)


def logit_interval(score: float, error: float, df: float, top: float = 100.0) -> Interval:
    """Student's t interval on the logit scale of 0 to `top`; the score lies between."""
    share = score / top
    centre = math.log(share / (1 - share))
    half = t_quantile(1 - TAIL, df) * error / top / (share * (1 - share))
    return Interval(top * _expit(centre - half), top * _expit(centre + half), CLUSTER_T)


def _expit(value: float) -> float:
    return (1 + math.tanh(value / 2)) / 2  # without overflow


def _gather(columns: Array, clusters: Sequence[str]) -> _Gathered:
    names, members = np.unique(np.asarray(clusters), return_inverse=True)
    is_there = ~np.isnan(columns)
    values = np.where(is_there, columns, 0.0)
    top = max(100.0, float(values.max(initial=0.0)))
    is_single = columns.shape == (len(names), 1) and bool(is_there.all())
    return _Gathered(
        names=names.tolist(),
        sums=_per_cluster(values, members, len(names)),
        counts=_per_cluster(is_there.astype(np.float64), members, len(names)),
        samples=len(columns),
        top=top,
        is_right_or_wrong=is_single and bool(((values == 0) | (values == top)).all()),
    )


def _per_cluster(values: Array, members: NDArray[np.intp], clusters: int) -> Array:
    totals = np.zeros((clusters, values.shape[1]))
    np.add.at(totals, members, values)
    return totals


def _spread(found: _Gathered, combine: Combine) -> Spread | None:
    """By the jackknife: it needs no derivative of `combine`, and is the usual variance where clusters are alike."""
    clusters = len(found.names)
    if clusters < 2:
        return None
    sums, counts = found.sums.sum(axis=0), found.counts.sum(axis=0)
    (score,) = _combined(sums[None], counts[None], combine)
    without = _combined(sums - found.sums, counts - found.counts, combine)
    moves = (score - without) * math.sqrt((clusters - 1) / clusters)
    moves[np.abs(moves) < 1e-9] = 0.0  # rounding, where clusters are alike
    if np.isnan(moves).any():
        return None
    return Spread(float(score), dict(zip(found.names, moves.tolist(), strict=True)))


def _combined(sums: Array, counts: Array, combine: Combine) -> Array:
    """The combined column means of each row."""
    with np.errstate(invalid="ignore"):
        means = sums / counts
    if means.shape[1] == 1:  # the combination of one mean is that mean
        return means[:, 0]
    return np.array([combine(row) for row in means.tolist()])


def _exact(found: _Gathered) -> tuple[float, float]:
    """Clopper and Pearson's ends: the quantiles of two beta distributions."""
    clusters, right = len(found.names), round(float(found.sums.sum()) / found.top)
    low = beta_quantile(TAIL, right, clusters - right + 1) if right else 0.0
    high = beta_quantile(1 - TAIL, right + 1, clusters - right) if right < clusters else 1.0
    return found.top * low, found.top * high


def _bound(found: _Gathered, spread: Spread, combine: Combine) -> tuple[float, float]:
    """Gaffke's bound: random weights on the clusters and on one more, at the worst and at the best end of the scale."""
    clusters, top = len(found.names), found.top
    if not spread.error:  # clusters are alike: the closed form of what is drawn below
        share = TAIL ** (1 / clusters)
        return share * spread.score, top - share * (top - spread.score)
    weights = _weights(clusters)
    unseen = weights[:, -1:] * found.counts.mean(axis=0)
    sums, counts = weights[:, :-1] @ found.sums, weights[:, :-1] @ found.counts + unseen
    low = np.quantile(_combined(sums, counts, combine), TAIL)
    high = np.quantile(_combined(sums + top * unseen, counts, combine), 1 - TAIL)
    return float(low), float(high)


@lru_cache(maxsize=4)
def _weights(clusters: int) -> Array:
    """Exponential weights, shape (draws, clusters + 1): uniform over all shares once divided by their sums."""
    generator = np.random.default_rng(content_seed("cluster bound", clusters))
    return generator.standard_exponential((DRAWS, clusters + 1))
