"""How far our score lies from a published one and how sure that is, in three modes; and of means of tasks.

- paired: the published answers are at hand, sample by sample;
- rerun: only the printed score is, and two or more runs of our own show how much such a score moves;
- unpaired: only the printed score and its number of samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalkit.scores import CLUSTER_T, Spread, TaskValues, cluster_interval, cluster_spread, t_quantile

from ._freedom import effective_clusters, spread_freedom
from ._noise import RunNoise, run_noise, upper_rate
from ._parts import same_samples, score_of
from ._rule import NORMAL_95, Gap

__all__ = ["may_assume_spread", "mean_gap", "paired_gap", "paired_spread", "rerun_gap", "unpaired_gap"]

NORMAL_975 = 1.959963984540054
"""The value that a standard normal variable stays below with a probability of 0.975."""
EQUAL_SPREAD_MIN = 51
"""From so many samples, and documents, on their spread may be taken for the published one's; else it is bounded."""


def paired_spread(ours: TaskValues, theirs: TaskValues) -> Spread | None:
    """Our score minus theirs, with its standard error: the jackknife over clusters of both sides at once.

    Both have the same samples in the same order (`ValueError` otherwise); clusters are ours. None where it cannot be
    told: a single cluster, or one that alone fills a column.
    """
    same_samples([ours, theirs])
    width = ours.columns.shape[1]
    if width == 1 and bool((np.isnan(ours.columns) == np.isnan(theirs.columns)).all()):
        return cluster_spread(ours.columns - theirs.columns, ours.clusters, lambda means: means[0])
    return cluster_spread(
        np.hstack([ours.columns, theirs.columns]),
        ours.clusters,
        lambda means: ours.combine(means[:width]) - theirs.combine(means[width:]),
    )


def paired_gap(ours: TaskValues, theirs: TaskValues, printed_low: float, printed_high: float) -> Gap:
    """From the published answers: only where the two differ is there any doubt.

    The unrounded published score lies from `printed_low` to `printed_high`. The error is the larger of those over
    clusters and over single samples, because flips of one document may cancel. Where `paired_spread` cannot tell, it is
    infinite, unless all samples are alike.
    """
    spread = paired_spread(ours, theirs)
    if spread is not None:
        singly = paired_spread(replace(ours, clusters=ours.ids), theirs)
        error = max(spread.error, singly.error if singly is not None else 0.0)
        df = spread_freedom(spread, ours.clusters)
        return _gap(score_of(ours), printed_low, printed_high, error, df)
    is_alike = bool(np.array_equal(ours.columns, theirs.columns, equal_nan=True))
    return _gap(score_of(ours), printed_low, printed_high, 0.0 if is_alike else math.inf, math.inf)


def rerun_gap(
    runs: Sequence[TaskValues],
    printed_low: float,
    printed_high: float,
    k: int | None,
    noise: RunNoise | None = None,
    draws: int = 1,
) -> Gap:
    """From two or more runs of our own: the noise of their mean, and of the mean of `k` published runs (None: one).

    Where each of our runs is the mean of several `draws`, a published run of one draw moves more than ours do.
    """
    noise = noise or run_noise(runs)
    error = noise.error * math.sqrt(draws / (k or 1) + 1 / len(runs))
    return _gap(sum(score_of(run) for run in runs) / len(runs), printed_low, printed_high, error, noise.df)


def unpaired_gap(
    ours: TaskValues, printed_low: float, printed_high: float, n: int, spread_is_ours: bool = False
) -> Gap:
    """From a printed score and its number of samples, as if the published run had drawn samples of its own.

    The published error is bounded: no score of 0–100 can vary more than right and wrong answers of the same mean
    (Bhatia and Davis 2000). `spread_is_ours` takes our own spread for it instead, which nothing vouches for: say so
    wherever the verdict is shown. It is not taken for 50 samples or documents or fewer. For a task without a printed
    score, whose error a mean needs, give our own score as both ends.
    """
    score, middle = score_of(ours), (printed_low + printed_high) / 2
    own = _own_side(ours)
    theirs = own.error * math.sqrt(len(ours.ids) / n)
    if not spread_is_ours or not may_assume_spread(ours, n):
        theirs = _bounded_error(middle, n / own.effect, _top(ours))
    return _gap(score, printed_low, printed_high, math.hypot(own.error, theirs), own.df)


def may_assume_spread(ours: TaskValues, n: int) -> bool:
    """Whether samples and documents are enough to take our spread for that of `n` published samples."""
    return n >= EQUAL_SPREAD_MIN and effective_clusters(ours.clusters) >= EQUAL_SPREAD_MIN


def _top(ours: TaskValues) -> float:
    """The most that a sample can score: 100, or more where a protocol sums over references."""
    return max(100.0, float(np.nanmax(ours.columns, initial=0.0)))


def _gap(score: float, low: float, high: float, error: float, df: float) -> Gap:
    return Gap(score - (low + high) / 2, error, df, (high - low) / 2)


@dataclass(frozen=True)
class _OwnSide:
    """Uncertainty of our own score, were the samples drawn."""

    error: float
    effect: float
    """Design effect: how many times the variance of as many single samples."""
    df: float


def _own_side(ours: TaskValues) -> _OwnSide:
    """The standard error, or what the 95% interval says of it where that is wider: all right is not sure to be so."""
    score, clusters = score_of(ours), len(set(ours.clusters))
    spread = cluster_spread(ours.columns, ours.clusters, ours.combine)
    interval = cluster_interval(ours.columns, ours.clusters, ours.combine, score=score)
    if spread is None or interval is None:
        return _OwnSide(_bounded_error(score, clusters, _top(ours)), len(ours.ids) / clusters, max(clusters - 1, 1))
    quantile = t_quantile(0.975, spread.df) if interval.kind == CLUSTER_T else NORMAL_975
    reach = max(score - interval.low, interval.high - score) / quantile
    return _OwnSide(max(spread.error, reach), _design_effect(ours, spread), spread_freedom(spread, ours.clusters))


def _design_effect(ours: TaskValues, spread: Spread) -> float:
    singly = cluster_spread(ours.columns, ours.ids, ours.combine)
    if singly is None or not singly.error or not spread.error:  # all alike: clusters may be, for all that is seen
        return len(ours.ids) / len(spread.influence)
    return max(1.0, (spread.error / singly.error) ** 2)


def _bounded_error(score: float, n: float, top: float) -> float:
    """The largest standard error of a score of 0 to `top` over `n` samples.

    As the reach of Clopper and Pearson's bound on its longer side, so that 0 and the top have one too.
    """
    share = min(max(score / top, 0.0), 1.0)
    above = upper_rate(share * n, n) - share
    below = upper_rate((1 - share) * n, n) - (1 - share)
    return top * max(above, below) / NORMAL_95


def mean_gap(
    score: float,
    printed_low: float,
    printed_high: float,
    gaps: Mapping[str, Gap],
    weights: Mapping[str, float],
    spreads: Mapping[str, Spread] | None = None,
) -> Gap:
    """Our weighted mean of tasks against a printed one: squared errors add over tasks, with squared weights.

    `score` is our mean, `gaps` those of the tasks in one mode, `weights` their shares of the mean. Samples are never
    pooled. Tasks that share clusters in `spreads` (of the paired differences, the noise of runs, or our own scores)
    are added cluster by cluster. Degrees of freedom by Welch and Satterthwaite.
    """
    blocks = [_block(names, gaps, weights, spreads or {}) for names in _sharing(weights, spreads or {})]
    variance = math.fsum(block.variance for block in blocks)
    uncertain = math.fsum(block.variance**2 / block.df for block in blocks if block.variance)
    if not uncertain or math.isinf(variance):
        return _gap(score, printed_low, printed_high, math.sqrt(variance), math.inf)
    return _gap(score, printed_low, printed_high, math.sqrt(variance), variance**2 / uncertain)


@dataclass(frozen=True)
class _Block:
    """Tasks that share clusters, as one sum."""

    variance: float
    df: float


def _block(
    names: Sequence[str], gaps: Mapping[str, Gap], weights: Mapping[str, float], spreads: Mapping[str, Spread]
) -> _Block:
    df = min(gaps[name].df for name in names)
    if len(names) == 1:
        return _Block((weights[names[0]] * gaps[names[0]].error) ** 2, df)
    influence: dict[str, float] = {}
    apart = 0.0  # errors without a spread that shares them out: at worst they all go one way
    for name in names:
        error, spread = weights[name] * gaps[name].error, spreads[name]
        if not spread.error or math.isinf(error):
            apart += error
            continue
        for cluster, value in spread.influence.items():
            influence[cluster] = influence.get(cluster, 0.0) + value * error / spread.error
    return _Block(math.fsum(value * value for value in influence.values()) + apart**2, df)


def _sharing(names: Mapping[str, float], spreads: Mapping[str, Spread]) -> list[list[str]]:
    """The tasks in lists, those that share a cluster in one."""
    blocks: list[tuple[set[str], list[str]]] = []
    for name in names:
        clusters, members = set(spreads[name].influence) if name in spreads else set(), [name]
        apart = []
        for others, block in blocks:
            if clusters.isdisjoint(others):
                apart.append((others, block))
            else:
                clusters, members = clusters | others, [*block, *members]
        blocks = [*apart, (clusters, members)]
    return [members for _, members in blocks]
