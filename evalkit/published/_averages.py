"""Printed means, computed again from the printed numbers behind them by the benchmark's own rule.

L-Eval's average is the mean of its two group means, LongBench's that of six category means; the definitions say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from evalkit.scores import task_weights
from evalkit.tasks import BenchmarkSpec

from ._definition import definition
from ._digits import kept_decimals
from ._finding import Finding, found
from ._records import PublishedScore

__all__ = ["Column", "Key", "check_average", "check_second_print", "columns_of", "key_of"]

_SLACK = 1e-9  # points: means are computed in floating point

Key = tuple[str, str, str, str]
Values = Mapping[str, float]


@dataclass(frozen=True)
class Column:
    """The numbers of one model under one RoPE setting and protocol."""

    scores: Mapping[str, PublishedScore]
    """Task → its number."""
    lengths: Sequence[PublishedScore]
    """Its numbers by length."""
    dashes: frozenset[str]
    """Tasks for which a dash is printed."""


def key_of(score: PublishedScore) -> Key:
    """The column that a number stands in: benchmark, model, RoPE setting and protocol."""
    return score.benchmark, score.model, score.rope, score.protocol


def columns_of(scores: Iterable[PublishedScore], dashes: Iterable[tuple[Key, str]]) -> dict[Key, Column]:
    """The columns of a table; `dashes` are the column and task of each."""
    tasks: dict[Key, dict[str, PublishedScore]] = {}
    lengths: dict[Key, list[PublishedScore]] = {}
    missing: dict[Key, set[str]] = {}
    for score in scores:
        if score.kind == "task":
            tasks.setdefault(key_of(score), {})[score.task] = score
        elif score.kind == "length":
            lengths.setdefault(key_of(score), []).append(score)
    for key, task in dashes:
        missing.setdefault(key, set()).add(task)
    keys = tasks.keys() | lengths.keys() | missing.keys()
    return {key: Column(tasks.get(key, {}), lengths.get(key, []), frozenset(missing.get(key, ()))) for key in keys}


def check_average(score: PublishedScore, column: Column) -> tuple[bool, Finding | None]:
    """Whether a printed mean could be computed again, and what is odd about it.

    The source may have averaged more digits than it prints, so a mean is right where some numbers that print as its
    members do have it.
    """
    spec = definition(score.benchmark)
    values = {task: each.score for task, each in column.scores.items()}
    members = _members(spec, score)
    if column.lengths and not values:
        return True, _of_lengths(score, column.lengths)
    if any(task not in values and task not in column.dashes for task in members):
        return False, None
    if all(task in values for task in members):
        return True, _of_tasks(score, spec, column)
    return True, _with_dashes(score, spec, values, column.dashes)


def check_second_print(score: PublishedScore) -> Finding | None:
    """What is odd about the digits that another source prints of the number: one must be the other, rounded."""
    if not score.also_printed:
        return None
    short, long = sorted((score.also_printed, score.printed), key=lambda text: len(text.partition(".")[2]))
    fit = _fit(float(long), short, len(short.partition(".")[2]))
    if fit == "rounded":
        return None
    if fit == "truncated":
        reason = f"{short} is {long}, as {score.source} prints it, cut off instead of rounded"
        return found(score, "truncated", reason, score.also_printed)
    return found(score, "average", f"{score.source} prints {score.printed} for it", score.also_printed)


def _of_tasks(score: PublishedScore, spec: BenchmarkSpec, column: Column) -> Finding | None:
    mean = _mean(spec, score, {task: each.score for task, each in column.scores.items()})
    low, high = (
        _mean(spec, score, {task: each.digits_range[end] for task, each in column.scores.items()}) for end in (0, 1)
    )
    return _judged(score, mean, low, high)


def _of_lengths(score: PublishedScore, lengths: Sequence[PublishedScore]) -> Finding | None:
    mean, low, high = (
        fsum(values) / len(lengths)
        for values in ([each.score for each in lengths], *zip(*(each.digits_range for each in lengths), strict=True))
    )
    return _judged(score, mean, low, high)


def _judged(score: PublishedScore, mean: float, low: float, high: float) -> Finding | None:
    decimals = kept_decimals(score.printed, score.knobs["digits"].value)
    half = 0.5 * 10.0**-decimals + _SLACK
    if low - half <= score.score <= high + half:
        return None
    if _fit(mean, score.printed, decimals) == "truncated":
        return found(score, "truncated", f"the mean of its numbers is {mean:.6g}: cut off instead of rounded")
    return found(score, "average", f"the mean of its numbers is {mean:.6g} by the benchmark's rule ({_rule(score)})")


def _with_dashes(score: PublishedScore, spec: BenchmarkSpec, values: Values, dashes: frozenset[str]) -> Finding | None:
    decimals = kept_decimals(score.printed, score.knobs["digits"].value)
    without = _mean(spec, score, values)
    counted = _mean(spec, score, {**dict.fromkeys(dashes, 0.0), **values})
    if _fit(without, score.printed, decimals) == "rounded":
        return None
    named = " and ".join(sorted(dashes & set(_members(spec, score))))
    if _fit(counted, score.printed, decimals) == "rounded":
        reason = f"{named}: the table has a dash, which counts as 0 here; without it the mean is {without:.6g}"
        return found(score, "dash_as_zero", reason)
    return found(score, "average", f"the mean is {without:.6g} without {named}, and {counted:.6g} with 0 for it")


def _mean(spec: BenchmarkSpec, score: PublishedScore, values: Values) -> float:
    """The group's or the overall mean over those tasks that have a value, groups without any left out."""
    if score.kind == "group":
        return _group_mean(spec, score, score.task, values)
    entering = {
        name: group.weight
        for name, group in spec.groups.items()
        if group.in_overall and any(task in values for task in spec.members(name))
    }
    return fsum(_group_mean(spec, score, name, values) * weight for name, weight in entering.items()) / fsum(
        entering.values()
    )


def _group_mean(spec: BenchmarkSpec, score: PublishedScore, group: str, values: Values) -> float:
    weights = {task: w for task, w in task_weights(spec, score.protocol, group).items() if task in values}
    return fsum(values[task] * weight for task, weight in weights.items()) / fsum(weights.values())


def _members(spec: BenchmarkSpec, score: PublishedScore) -> list[str]:
    members = spec.members(score.task) if score.kind == "group" else list(spec.tasks)
    return [task for task in members if spec.has_task(task, score.protocol)]


def _fit(value: float, printed: str, decimals: int) -> str:
    unit, number = 10.0**-decimals, float(printed)
    if abs(value - number) <= unit / 2 + _SLACK:
        return "rounded"
    return "truncated" if number <= value + _SLACK and value <= number + unit + _SLACK else "no"


def _rule(score: PublishedScore) -> str:
    return definition(score.benchmark).overall if score.kind == "overall" else "mean of the group's tasks"
