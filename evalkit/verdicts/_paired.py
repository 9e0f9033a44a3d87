"""Statistics of one set of samples that two sides have: the score of each, their difference, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evalkit.scores import Spread, TaskValues, t_quantile, two_sided_p

from ._comparison import PairedScore, TaskComparison
from ._freedom import freedom_of_sizes
from ._gaps import mean_gap, paired_spread
from ._rule import Gap
from ._tests import mcnemar, resample, smallest_detectable, spread_interval

__all__ = ["compare_mean", "compare_samples", "compare_task"]

MIN_CLUSTERS = 5
"""Under so many clusters a score has no interval (docs/design.md, "Uncertainty"), and a difference neither."""
MOST_RESAMPLED = 500
"""Clusters up to which sides are swapped by lot for a p value; with more of them Student's t says the same."""
SAME = 1e-9
"""Points within which two scores are alike: rounding."""


def compare_samples(ours: TaskValues, theirs: TaskValues) -> PairedScore:
    """Two sides on the same samples, in one order; scores are the combined column means over these."""
    left, right = _score(ours), _score(theirs)
    spread = paired_spread(ours, theirs)
    return PairedScore(
        n=len(ours.ids),
        left=left,
        right=right,
        difference=left - right,
        **_uncertainty(spread, ours.clusters, left - right),
        p=_p(ours, theirs, spread, left - right),
    )


def compare_task(ours: TaskValues, theirs: TaskValues) -> TaskComparison:
    """The same of a task, with what became of single samples."""
    moves = ours.points - theirs.points
    wins, losses = int((moves > SAME).sum()), int((moves < -SAME).sum())
    is_binary = ours.is_binary and theirs.is_binary
    return TaskComparison(
        **compare_samples(ours, theirs).model_dump(),
        metric=ours.metric,
        clusters=len(set(ours.clusters)),
        cluster_unit=ours.cluster_unit,
        mcnemar_p=mcnemar(wins, losses) if is_binary else None,
        wins=wins,
        losses=losses,
        ties=len(ours.ids) - wins - losses,
    )


def compare_mean(
    tasks: Mapping[str, tuple[TaskValues, TaskValues]], scores: Mapping[str, PairedScore], weights: Mapping[str, float]
) -> PairedScore | None:
    """The weighted mean of tasks; None where one of them was not compared."""
    if not weights or any(task not in scores for task in weights):
        return None
    if len(weights) == 1:
        return PairedScore(**scores[next(iter(weights))].model_dump(include=set(PairedScore.model_fields)))
    left, right = (math.fsum(weights[task] * getattr(scores[task], side) for task in weights) for side in _SIDES)
    given: dict[str, Any] = {"n": sum(scores[task].n for task in weights), "left": left, "right": right}
    difference = left - right
    spreads = {task: spread for task in weights if (spread := paired_spread(*tasks[task])) is not None}
    known = {task: scores[task] for task in weights}
    if any(each.se is None for each in known.values()):
        return PairedScore(**given, difference=difference, **_NOTHING, p=None)
    gaps = {task: Gap(each.difference, each.se or 0.0, each.df or 1.0, 0.0) for task, each in known.items()}
    gap = mean_gap(difference, 0.0, 0.0, gaps, weights, spreads)
    if not gap.error:  # every task's samples differ alike: from zero no interval says how surely
        return PairedScore(**given, difference=difference, **_alike(difference))
    reach = t_quantile(0.975, gap.df) * gap.error
    return PairedScore(
        **given,
        difference=difference,
        ci95=(difference - reach, difference + reach),
        se=gap.error,
        df=gap.df,
        smallest_detectable=smallest_detectable(gap.error),
        p=_p_of_t(difference, gap.error, gap.df),
    )


def _alike(difference: float) -> dict[str, Any]:
    if abs(difference) > SAME:
        return {**_NOTHING, "p": None}
    return {**_NOTHING, "ci95": (difference, difference), "se": 0.0, "p": 1.0}


_SIDES = ("left", "right")
_NOTHING: dict[str, Any] = {"ci95": None, "se": None, "df": None, "smallest_detectable": None}


def _score(values: TaskValues) -> float:
    """The combined column means; NaN columns hold no sample."""
    there = ~np.isnan(values.columns)
    with np.errstate(invalid="ignore"):
        means = np.where(there, values.columns, 0.0).sum(axis=0) / there.sum(axis=0)
    return float(values.combine(means.tolist()))


def _uncertainty(spread: Spread | None, clusters: Sequence[str], difference: float) -> dict[str, Any]:
    """Interval, error, degrees of freedom; nothing where clusters are few, or all differ alike from zero."""
    if spread is None or len(spread.influence) < MIN_CLUSTERS or (not spread.error and abs(difference) > SAME):
        return _NOTHING
    df = freedom_of_sizes(clusters)
    return {
        "ci95": spread_interval(spread, df),
        "se": spread.error,
        "df": df,
        "smallest_detectable": smallest_detectable(spread.error) if spread.error else None,
    }


def _p(ours: TaskValues, theirs: TaskValues, spread: Spread | None, difference: float) -> float | None:
    """By swapping the sides of clusters by lot; of many clusters by Student's t."""
    if spread is None:
        return None
    if len(spread.influence) <= MOST_RESAMPLED or not spread.error:
        return resample(ours, theirs)
    return _p_of_t(difference, spread.error, freedom_of_sizes(ours.clusters))


def _p_of_t(difference: float, error: float, df: float) -> float:
    return two_sided_p(difference / error, df)
