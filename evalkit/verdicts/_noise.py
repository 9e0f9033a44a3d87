"""How much one model's score moves when it is run again: what a published single run hides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.scores import Spread, TaskValues

from ._freedom import effective_clusters
from ._parts import sample_parts, score_of

__all__ = ["RunNoise", "run_noise", "upper_rate"]

CONFIDENCE = 0.95
LEAST_CLUSTERS = 2.0
"""Effective clusters below which nothing shows whether the answers of a document move together."""


@dataclass(frozen=True)
class RunNoise:
    """How much the score of one run moves, at most; points of 0–100."""

    error: float
    """Standard deviation of one run's score: its 95% upper bound, so never 0."""
    df: float
    """Degrees of freedom: effective clusters × (runs − 1), because the design effect is estimated from such sums."""
    flips: int | None
    """Samples that some runs have right and some wrong; None where scores lie between."""
    n: int
    """Samples."""
    spread: Spread
    """The mean score of the runs, and what each cluster adds to the seen noise of one run."""
    square: float
    """Mean square of the difference of two runs, over samples."""
    top: float
    """The largest difference of a sample."""
    effect: float
    """Design effect: how much answers of one document move together, 1 or more."""
    clusters: float
    """Effective clusters: that many of one size."""

    def expected(self, runs: int) -> tuple[float, float]:
        """`error` and `df` that so many runs would give, should answers change as often as they did."""
        return _bounded(self.square, self.top, self.effect, self.n, runs), self.clusters * (runs - 1)


def run_noise(runs: Sequence[TaskValues]) -> RunNoise:
    """The noise of two or more runs of one model that differ in nothing that the source pins.

    The mean square of the difference of two runs, as a share of the largest possible one, is a rate of flips: for right
    and wrong answers it is exactly that, and an answer that moves by half the scale counts as a quarter of a flip. Its
    bound is Clopper and Pearson's with that count (a bounded variable varies at most as a flip of the same mean does).
    Where samples of one document move together, samples and flips are divided by the design effect, as Korn and
    Graubard (1998) do for surveys. Clusters that come to fewer than two of one size are taken to move as one, because
    no other cluster shows whether they do.
    """
    if len(runs) < 2:
        raise ValueError("the noise of runs takes two runs")
    parts = sample_parts(runs)
    samples, count = parts.values.shape[1], len(runs)
    deviations = parts.values - parts.values.mean(axis=0)
    deviations[np.abs(deviations) < 1e-9] = 0.0  # rounding, where runs agree
    squares = 2 * (deviations**2).sum(axis=0) / (count - 1)
    summed = 2 * (parts.by_cluster(deviations) ** 2).sum(axis=0) / (count - 1)
    effect = max(1.0, float(summed.sum() / squares.sum())) if squares.sum() else 1.0
    clusters = effective_clusters(runs[0].clusters)
    if clusters < LEAST_CLUSTERS:
        effect = max(effect, samples / clusters)
    square = float(squares.mean())
    return RunNoise(
        error=_bounded(square, parts.top, effect, samples, count),
        df=clusters * (count - 1),
        flips=int((squares > 0).sum()) if all(run.is_binary for run in runs) else None,
        n=samples,
        spread=Spread(
            sum(score_of(run) for run in runs) / count,
            dict(zip(parts.clusters, (np.sqrt(summed / 2) / samples).tolist(), strict=True)),
        ),
        square=square,
        top=parts.top,
        effect=effect,
        clusters=clusters,
    )


def _bounded(square: float, top: float, effect: float, samples: int, runs: int) -> float:
    """Upper bound of one run's standard deviation; the largest mean square shrinks with the number of runs."""
    most = top**2 * 2 * (runs // 2) * ((runs + 1) // 2) / (runs * (runs - 1))
    rate = most * upper_rate(square / most * samples / effect, samples / effect)
    return math.sqrt(effect * rate / (2 * samples))


def upper_rate(count: float, n: float, level: float = CONFIDENCE) -> float:
    """Clopper and Pearson's upper bound of a rate; counts need not be whole."""
    from scipy.special import betaincinv  # takes longer to import than all else here

    return 1.0 if count >= n else float(betaincinv(count + 1, n - count, level))
