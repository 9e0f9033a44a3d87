"""Intervals of means of tasks: from variances where those are known well enough, else from the tasks' intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from evalkit.scores import (
    BOUND,
    CLUSTER_T,
    COMBINED,
    Interval,
    Spread,
    TaskScore,
    cluster_interval,
    cluster_spread,
    logit_interval,
)
from evalkit.scores.intervals._group_interval import mean_interval


class Known(NamedTuple):
    """What scoring knows of a task."""

    score: TaskScore
    spread: Spread | None


def task(values: np.ndarray, name: str = "") -> Known:
    """A task of one score a document; those of the same name share documents."""
    columns, clusters = values[:, None], [f"{name}{index}" for index in range(len(values))]
    interval = cluster_interval(columns, clusters, lambda means: means[0])
    score = TaskScore(
        score=float(values.mean()), metric="m", n=len(values), failed=0, expected=None, clusters=len(values),
        cluster_unit="document", empty=0, ci95=interval and interval[:2], ci95_kind=interval and interval.kind,
    )  # fmt: skip
    return Known(score, cluster_spread(columns, clusters, lambda means: means[0]))


def drawn(seed: int, count: int, low: float = 20, high: float = 80) -> np.ndarray:
    """Scores."""
    return np.random.default_rng(seed).uniform(low, high, count)


def interval_of(tasks: Mapping[str, Known], weights: Mapping[str, float] | None = None) -> Interval | None:
    """The interval of their weighted mean."""
    weights = weights or dict.fromkeys(tasks, 1 / len(tasks))
    score = math.fsum(weight * (tasks[name].score.score or 0) for name, weight in weights.items())
    spreads = {name: known.spread for name, known in tasks.items() if known.spread is not None}
    return mean_interval(score, weights, {name: known.score for name, known in tasks.items()}, spreads)


def test_variances_of_independent_tasks_are_added_by_their_weights() -> None:
    """(¾² s² + ¼² t²), with the degrees of freedom of Welch and Satterthwaite."""
    one, two = drawn(1, 30), drawn(2, 20)
    first, second = (0.75 * stats.sem(one)) ** 2, (0.25 * stats.sem(two)) ** 2
    df = (first + second) ** 2 / (first**2 / 29 + second**2 / 19)
    expected = logit_interval(0.75 * one.mean() + 0.25 * two.mean(), math.sqrt(first + second), df)

    interval = interval_of({"a": task(one, "a"), "b": task(two, "b")}, {"a": 0.75, "b": 0.25})

    assert interval is not None
    assert (pytest.approx(expected.low), pytest.approx(expected.high), CLUSTER_T) == interval


def test_tasks_on_the_same_haystacks_are_not_independent() -> None:
    """The same scores twice on the same documents say nothing new; on others they would."""
    values = drawn(3, 30)
    alone = interval_of({"a": task(values, "seed")})

    shared = interval_of({"a": task(values, "seed"), "b": task(values, "seed")})
    apart = interval_of({"a": task(values, "a"), "b": task(values, "b")})

    assert alone is not None
    assert shared is not None
    assert apart is not None
    assert alone[:2] == pytest.approx(shared[:2])
    assert apart.high - apart.low < 0.75 * (shared.high - shared.low)


def test_the_mean_of_one_task_has_the_tasks_interval() -> None:
    """Whatever its kind."""
    few = task(drawn(4, 6), "a")

    assert (*(few.score.ci95 or ()), BOUND) == interval_of({"a": few})


def test_many_tasks_of_few_documents_know_more_together() -> None:
    """Six documents a task allow bounds alone, but eight tasks have 40 degrees of freedom."""
    tasks = {name: task(drawn(seed, 6), name) for seed, name in enumerate("abcdefgh")}

    interval = interval_of(tasks)

    assert {BOUND} == {known.score.ci95_kind for known in tasks.values()}
    assert interval is not None
    assert CLUSTER_T == interval.kind


def test_two_tasks_of_few_documents_combine_their_intervals() -> None:
    """Distances to the ends are squared and summed (Zou and Donner 2008)."""
    one, two = task(drawn(5, 5), "a"), task(drawn(6, 5), "b")
    below = math.hypot(*((known.score.score or 0) - (known.score.ci95 or (0, 0))[0] for known in (one, two))) / 2

    interval = interval_of({"a": one, "b": two})

    assert interval is not None
    assert COMBINED == interval.kind
    assert ((one.score.score or 0) + (two.score.score or 0)) / 2 - below == pytest.approx(interval.low)


def test_combined_intervals_of_shared_haystacks_are_as_wide_as_one() -> None:
    """What may err together is added, not squared."""
    values = drawn(7, 5)
    alone = task(values, "seed")

    interval = interval_of({"a": alone, "b": task(values, "seed")})

    assert interval is not None
    assert alone.score.ci95 == pytest.approx(interval[:2])


def test_a_task_without_variance_still_widens_the_mean() -> None:
    """All right in twelve documents is 74–100, not certainty."""
    varied, perfect = task(drawn(8, 30), "a"), task(np.full(12, 100.0), "b")
    alone = logit_interval((varied.score.score or 0) / 2 + 50, (varied.spread or Spread(0, {})).error / 2, 29)

    interval = interval_of({"a": varied, "b": perfect})

    assert interval is not None
    assert interval.low < alone.low - 5
    assert alone.high == pytest.approx(interval.high)


def test_perfect_tasks_have_a_perfect_mean_with_room_below() -> None:
    """Combined, and on the scale."""
    interval = interval_of({name: task(np.full(12, 100.0), name) for name in "abc"})

    assert interval is not None
    assert (pytest.approx(100), COMBINED) == (interval.high, interval.kind)
    assert 80 < interval.low < 90


@pytest.mark.parametrize("documents", [1, 4])
def test_a_task_without_an_interval_leaves_the_mean_without(documents: int) -> None:
    """Whether a mean has one depends on how many documents there are, not on what was answered."""
    tasks = {"a": task(drawn(9, 30), "a"), "b": task(drawn(10, documents), "b")}

    assert interval_of(tasks) is None


def test_no_score_no_interval() -> None:
    """A missing task leaves neither."""
    known = task(drawn(11, 30), "a")

    assert mean_interval(None, {"a": 1.0}, {"a": known.score}, {"a": known.spread or Spread(0, {})}) is None
    assert mean_interval(1.0, {"a": 0.5, "b": 0.5}, {"a": known.score}, {"a": known.spread or Spread(0, {})}) is None
    assert mean_interval(1.0, {}, {}, {}) is None
