"""Uncertainty of a weighted mean of task scores.

Tasks vary independently, except where they share clusters: the tasks of a needle grid share its haystacks.
The rule, with sources: docs/design.md, "Uncertainty".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .._records import TaskScore
from ._interval import BOUND, CLUSTER_T, MIN_CLUSTERS_T, SKEW_LIMIT, Interval, Spread, logit_interval

__all__ = ["COMBINED", "mean_interval"]

COMBINED = "combined"


class _Task(NamedTuple):
    """A task in the mean."""

    weight: float
    """Its share of the mean."""
    score: float
    interval: Interval
    spread: Spread


class _Block(NamedTuple):
    """Tasks that share clusters, as one sum."""

    influence: dict[str, float]
    """Cluster → how much it moves the mean."""
    df: int

    @property
    def variance(self) -> float:
        return math.fsum(value * value for value in self.influence.values())


def mean_interval(
    score: float | None,
    weights: Mapping[str, float],
    scores: Mapping[str, TaskScore],
    spreads: Mapping[str, Spread],
) -> Interval | None:
    """95% interval of the mean `score` of tasks with those shares; None where a task has none.

    One task's is the task's own. Of several: Student's t from the sum of variances where that has the degrees of
    freedom of 10 clusters and little skewness; else the tasks' own intervals combined.
    """
    tasks = []
    for name, weight in weights.items():
        task, spread = scores.get(name), spreads.get(name)
        if task is None or task.score is None or task.ci95 is None or spread is None:
            return None
        tasks.append(_Task(weight, task.score, Interval(*task.ci95, task.ci95_kind or BOUND), spread))
    if score is None or not tasks:
        return None
    if len(tasks) == 1:
        return tasks[0].interval
    return _from_variances(score, tasks) or _from_intervals(score, tasks)


def _from_variances(score: float, tasks: Sequence[_Task]) -> Interval | None:
    blocks = _blocks([task for task in tasks if task.spread.error])
    alike = [task for task in tasks if not task.spread.error]  # their variance says nothing: their bounds enter
    variance = math.fsum(block.variance for block in blocks)
    if not variance or not 0 < score < 100:
        return None
    third = math.fsum(value**3 for block in blocks for value in block.influence.values())
    df = variance**2 / math.fsum(block.variance**2 / block.df for block in blocks)  # Satterthwaite
    if df < MIN_CLUSTERS_T - 1 or abs(third) / variance**1.5 > SKEW_LIMIT:
        return None
    middle = logit_interval(score, math.sqrt(variance), df)
    below, above = _distances(alike)
    return Interval(
        max(score - math.hypot(score - middle.low, *below), 0.0),
        min(score + math.hypot(middle.high - score, *above), 100.0),
        CLUSTER_T,
    )


def _from_intervals(score: float, tasks: Sequence[_Task]) -> Interval:
    """Distances to the ends, squared and summed (Zou and Donner 2008); within a block they are added as they are."""
    distances = [_distances(block) for block in _sharing(tasks)]
    below = math.hypot(*(math.fsum(lows) for lows, _ in distances))
    above = math.hypot(*(math.fsum(highs) for _, highs in distances))
    return Interval(max(score - below, 0.0), min(score + above, 100.0), COMBINED)


def _distances(tasks: Sequence[_Task]) -> tuple[list[float], list[float]]:
    """How far each task's interval reaches below and above its score, in points of the mean."""
    return (
        [task.weight * max(task.score - task.interval.low, 0.0) for task in tasks],
        [task.weight * max(task.interval.high - task.score, 0.0) for task in tasks],
    )


def _blocks(tasks: Sequence[_Task]) -> list[_Block]:
    blocks = []
    for sharing in _sharing(tasks):
        influence: dict[str, float] = {}
        for task in sharing:
            for cluster, value in task.spread.influence.items():
                influence[cluster] = influence.get(cluster, 0.0) + task.weight * value
        blocks.append(_Block(influence, min(task.spread.df for task in sharing)))
    return blocks


def _sharing(tasks: Sequence[_Task]) -> list[list[_Task]]:
    """The tasks in lists, those that share a cluster in one."""
    blocks: list[tuple[set[str], list[_Task]]] = []
    for task in tasks:
        names, members = set(task.spread.influence), [task]
        apart = []
        for others, block in blocks:
            if names.isdisjoint(others):
                apart.append((others, block))
            else:
                names, members = names | others, [*block, *members]
        blocks = [*apart, (names, members)]
    return [members for _, members in blocks]
