"""Tests of differences between two runs on the same samples, and of many of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalkit.scores import Spread, TaskValues, t_quantile
from evalkit.seeds import content_seed

from ._parts import moves_of, sample_parts
from ._rule import LEVEL

__all__ = [
    "Lean",
    "benjamini_hochberg",
    "lean",
    "mcnemar",
    "resample",
    "smallest_detectable",
    "spread_interval",
]

DETECTABLE = 1.959963984540054 + 0.8416212335729143
"""Normal quantiles of 0.975 and 0.8: two-sided at 5%, seen four times in five."""
FALSE_FLAGS = 0.10
"""Share of false ones among flags, at most."""
RESAMPLES = 10_000
CHUNK = 500
"""Resamples drawn at once: 20 MB for 5,000 clusters."""


@dataclass(frozen=True)
class Lean:
    """How the answers that changed went."""

    worse: int
    """Samples on which our score is lower."""
    better: int
    """Samples on which it is higher."""
    p: float
    """Exact two-sided sign test; 1 where nothing changed."""

    @property
    def is_one_sided(self) -> bool:
        """Whether the test says so at 5%."""
        return self.p <= LEVEL


def lean(ours: TaskValues, theirs: TaskValues) -> Lean:
    """Counts the samples whose score differs, and tests whether they lean to one side.

    Samples of one document count singly: where they move together the test finds a lean too often, which can only keep
    a number from being called held.
    """
    moves = moves_of(ours, theirs)
    worse, better = int((moves < 0).sum()), int((moves > 0).sum())
    return Lean(worse, better, mcnemar(worse, better))


def mcnemar(wins: int, losses: int) -> float:
    """Exact two-sided p value of McNemar's test: `wins` and `losses` are samples that one of the two has right."""
    from scipy.special import bdtr  # takes longer to import than all else here

    return min(2 * float(bdtr(min(wins, losses), wins + losses, 0.5)), 1.0)


def benjamini_hochberg(p_values: Sequence[float], level: float = FALSE_FLAGS) -> list[bool]:
    """Which are flagged so that a share of `level` of the flags is false at most (Benjamini and Hochberg 1995)."""
    ranked = sorted(p_values)
    passing = [p for rank, p in enumerate(ranked, 1) if p <= level * rank / len(ranked)]
    return [bool(passing) and p <= passing[-1] for p in p_values]


def smallest_detectable(error: float) -> float:
    """The smallest true difference seen as one, at 5% on two sides, four times in five: 2.80 standard errors."""
    return DETECTABLE * error


def spread_interval(spread: Spread, df: float | None = None) -> tuple[float, float]:
    """95% interval of a paired difference: Student's t, with clusters − 1 degrees of freedom unless they are given."""
    reach = t_quantile(0.975, spread.df if df is None else df) * spread.error
    return spread.score - reach, spread.score + reach


def resample(ours: TaskValues, theirs: TaskValues, resamples: int = RESAMPLES) -> float:
    """p value of no difference: how often swapping the sides of clusters by lot makes one as large.

    A randomisation test (Fisher 1935): it supposes only that, without a difference, either run could have given either
    answers to a document. Seeded by the samples, so it is the same at each call.
    """
    parts = sample_parts([ours, theirs])
    (moves,) = parts.by_cluster(parts.values[:1] - parts.values[1:])
    moves = moves[np.abs(moves) > 1e-9]
    if not len(moves):
        return 1.0
    generator = np.random.default_rng(content_seed("sign flips", ours.task, *ours.ids))
    seen, beyond = abs(float(moves.sum())) * (1 - 1e-9), 0
    for start in range(0, resamples, CHUNK):
        beyond += int((np.abs(_swapped(moves, min(CHUNK, resamples - start), generator)) >= seen).sum())
    return (beyond + 1) / (resamples + 1)


def _swapped(moves: NDArray[np.float64], count: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Sums with random signs, shape (count,)."""
    drawn = np.frombuffer(generator.bytes(count * (len(moves) // 8 + 1)), dtype=np.uint8).reshape(count, -1)
    is_kept = np.unpackbits(drawn, axis=1)[:, : len(moves)]
    sums: NDArray[np.float64] = 2 * (is_kept @ moves) - moves.sum()
    return sums
