"""How sure lengths are that are read off a sweep: documents are drawn again, and the lengths read again.

Each draw gives every document a random weight (the Bayesian bootstrap, Rubin 1981: as drawing documents with
replacement, but none is ever left out, so that no length is left without one). Weights are the same at all lengths and
for all specs, because documents are.

Two things the plain bootstrap gets wrong with few documents are mended. Weighted means vary less than their standard
error says, by (G − 1)/(G + 1) of the variance, and normal quantiles are too small: draws are spread by both factors,
so that at each length they end where Student's t interval ends. And samples that are all alike would never vary: there
one more sample is drawn that is not, which is worth what it is among so many (as a bound of Clopper and Pearson's).
Only prompts that turn as under the first spec are certain to differ by nothing: two specs that both find nothing among
a few documents need not be equal.
How often the intervals hold the true length: `tests/sweeps/test_coverage.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalkit.scores import t_quantile
from evalkit.seeds import content_seed
from evalkit.verdicts import freedom_of_sizes

from ._sweep import LengthEstimate, SweepCell

__all__ = ["DRAWS", "MIN_CLUSTERS", "Points", "Resampled", "holds_to", "pays_from"]

DRAWS = 4000
"""Ends of an interval are lengths, and so seldom move with other draws."""
MIN_CLUSTERS = 5
"""Under so many documents nothing is said of a length (docs/design.md, "Uncertainty")."""
CHUNK = 250
"""Draws made at once: 10 MB for 5,000 documents."""
TAIL = 0.025
NORMAL_975 = 1.959963984540054
TOP = 100.0
LEAST = 1e-9
"""Points that are rounding."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """The same samples under every spec."""

    values: Array
    """Shape (specs, samples), 0–100; NaN where a sample does not count."""
    lengths: NDArray[np.intp]
    """Shape (samples,): place of each sample's length among the tested ones."""
    clusters: Sequence[str]
    """Document of each sample."""
    count: int
    """Tested lengths."""
    is_reference: NDArray[np.bool_]
    """Shape (specs, lengths): whether all prompts of a length turn as under the first spec, so that answers are its."""

    def at(self, spec: int, length: int) -> Array:
        """Points of one spec at one length."""
        found: Array = self.values[spec, self.lengths == length]
        return found


class Resampled:
    """Mean scores of every spec at every length, over documents drawn again."""

    def __init__(self, points: Points) -> None:
        self.points = points
        names, members = np.unique(np.asarray(points.clusters), return_inverse=True)
        is_there = ~np.isnan(points.values)
        cells = points.lengths * len(names) + members
        shape = (len(points.values), points.count, len(names))

        def summed(values: Array) -> Array:
            rows = [np.bincount(cells, weights=row, minlength=shape[1] * shape[2]) for row in values]
            return np.stack(rows).astype(np.float64).reshape(shape)

        sums = summed(np.where(is_there, points.values, 0.0))
        counts = summed(is_there.astype(np.float64))
        self.documents: list[int] = (counts > 0).sum(axis=2).min(axis=0).tolist()
        """Documents at each length."""
        self.means = _means(np.ones((1, len(names))), sums, counts)[0]
        """Shape (specs, lengths): what was observed."""
        generator = np.random.default_rng(content_seed("sweep", len(names), points.count))
        drawn = [
            _means(generator.standard_exponential((min(CHUNK, DRAWS - start), len(names))), sums, counts)
            for start in range(0, DRAWS, CHUNK)
        ]
        self.draws = np.concatenate(drawn)
        """Shape (draws, specs, lengths)."""
        self.unseen = generator.random((DRAWS, points.count))
        """Uniform: how much an unseen sample weighs."""
        self.reach = np.array([self._reach(length) for length in range(points.count)])
        """Factor of each length by which draws are spread; 0 where there are too few documents."""

    def _reach(self, length: int) -> float:
        if (count := self.documents[length]) < MIN_CLUSTERS:
            return 0.0
        chosen = [
            name for name, place in zip(self.points.clusters, self.points.lengths, strict=True) if place == length
        ]
        df = freedom_of_sizes(chosen)
        return math.sqrt((count + 1) / (count - 1)) * t_quantile(1 - TAIL, df) / NORMAL_975

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Which lengths have documents enough."""
        return self.reach > 0

    def spread(self, observed: Array, draws: Array) -> Array:
        """Draws of a statistic of each length, spread about what was observed; shape (draws, lengths)."""
        spread: Array = observed + self.reach * (draws - observed)
        return spread

    def unseen_weight(self, length: int) -> Array:
        """Weight of one sample more in each draw, shape (draws,): uniform over all shares of the samples and of it."""
        samples = int((self.points.lengths == length).sum())
        weight: Array = 1 - self.unseen[:, length] ** (1 / samples)
        return weight


def _means(weights: Array, sums: Array, counts: Array) -> Array:
    """Weighted means, shape (draws, specs, lengths)."""
    specs, lengths, clusters = sums.shape
    over, below = (weights @ each.reshape(-1, clusters).T for each in (sums, counts))
    with np.errstate(invalid="ignore"):
        means: Array = (over / below).reshape(len(weights), specs, lengths)
    return means


def holds_to(found: Resampled, spec: int, lengths: Sequence[int], control: int, share: float) -> LengthEstimate:
    """The longest length up to which every one has `share` of the first spec's score at the place `control`.

    The first spec is the first row. What is no interval at a length may be either way.
    """
    reference = found.means[0, control]
    if not reference > 0:
        return LengthEstimate(None, (None, None), False)
    observed = found.means[spec] - share * reference
    draws = found.spread(observed, found.draws[:, spec] - share * found.draws[:, 0, control, None])
    low, high = draws.copy(), draws
    for length in np.flatnonzero(found.is_known).tolist():
        points = found.points.at(spec, length)
        is_own = length == control and found.points.is_reference[spec, control]
        if np.ptp(points) < LEAST and not is_own:  # the reference's own answers keep any share of it
            weight = found.unseen_weight(length)
            low[:, length] -= weight * points[0]
            high[:, length] += weight * (TOP - points[0])
    best = _run((observed >= -LEAST)[None])[0]
    least = _run((low >= -LEAST) & found.is_known)
    most = _run((high >= -LEAST) | ~found.is_known)
    return _estimate([None, *lengths], int(best), least, most)


def pays_from(found: Resampled, spec: int, lengths: Sequence[int], cells: Sequence[SweepCell]) -> LengthEstimate:
    """The shortest length at which the difference to the first spec is above 0 with its interval, and below 0 with
    it at no longer one; the interval is of the shortest length with a difference above 0.
    """
    ends = [cell.difference_ci95 for cell in cells]
    better = [index for index, each in enumerate(ends) if each is not None and each[0] > LEAST]
    worse = [index for index, each in enumerate(ends) if each is not None and each[1] < -LEAST]
    best = next((index for index in better if index > max(worse, default=-1)), len(lengths))
    observed = found.means[spec] - found.means[0]
    draws = found.spread(observed, found.draws[:, spec] - found.draws[:, 0])
    low, high = draws.copy(), draws
    is_open = ~found.is_known
    for length in range(len(lengths)):
        moves = found.points.at(spec, length) - found.points.at(0, length)
        if np.ptp(moves) >= LEAST:
            continue
        if abs(moves[0]) < LEAST and found.points.is_reference[spec, length]:  # nothing can begin to pay here
            low[:, length] = high[:, length] = 0.0
        else:
            weight = found.unseen_weight(length)
            low[:, length] -= weight * (moves[0] + TOP)
            high[:, length] += weight * (TOP - moves[0])
    soonest = len(lengths) - _behind((high > LEAST) | is_open)
    latest = len(lengths) - _behind((low > LEAST) & found.is_known)
    return _estimate([*lengths, None], best, soonest, latest)


def _run(holds: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Lengths up to the first that does not hold, shape (draws,)."""
    counts: NDArray[np.intp] = np.logical_and.accumulate(holds, axis=1).sum(axis=1)
    return counts


def _behind(pays: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Lengths from the first that pays on, shape (draws,)."""
    counts: NDArray[np.intp] = np.logical_or.accumulate(pays, axis=1).sum(axis=1)
    return counts


def _estimate(
    names: Sequence[int | None], best: int, least: NDArray[np.intp], most: NDArray[np.intp]
) -> LengthEstimate:
    """The place `best` with the ends of what was drawn, as lengths; it is always inside."""
    low = min(int(np.quantile(least, TAIL, method="inverted_cdf")), best)
    high = max(int(np.quantile(most, 1 - TAIL, method="inverted_cdf")), best)
    longest = max(name for name in names if name is not None)
    return LengthEstimate(names[best], (names[low], names[high]), names[best] == longest)
