"""Scores against prompt length, of whole and of cut prompts, and against the number of needles: points with intervals.

Longer prompts are other samples, and of other tasks where tasks are pooled. So points at one length tell runs apart;
that one run falls along its line may be the samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from evalkit.scores import (
    Interval,
    Measured,
    TaskScore,
    TaskValues,
    cluster_interval,
    cluster_spread,
    mean_interval,
    task_weights,
)
from evalkit.tasks import BenchmarkSpec
from evalkit.verdicts import pool_tasks, take_samples

from .heatmaps import length_label

__all__ = [
    "ALL",
    "RANGES",
    "CurveKind",
    "CurvePoint",
    "LengthAxisKind",
    "PointCurve",
    "cut_curves",
    "length_curves",
    "needle_curves",
    "range_of_tokens",
]

ENDS = (4_000, 8_000, 16_000, 32_000)
RANGES = ("0–4K", "4–8K", "8–16K", "16–32K", "over 32K")
"""Ranges of lengths, K = 1,000, the lower end inside and the upper end outside, as LongBench-E counts them."""
ALL = "all"
"""Name of the curve over the samples of all tasks."""

LengthAxisKind = Literal["nominal", "kept", "own", "names"]
"""What a length axis counts: nominal lengths of a grid, prompt tokens as sent to the model, lengths as the benchmark
states them, or their names where it only names them."""


class CurvePoint(NamedTuple):
    """The score of the samples at one place of an axis."""

    place: float
    """Where it stands on the axis: the length of a grid, the number of needles, else the index of the part."""
    name: str
    """The part for people: `4–8K`, `512`, `cut`."""
    score: float | None
    """0–100; None where no sample enters the score."""
    n: int
    """Samples scored."""
    clusters: int
    """Documents among them, or whatever the task's intervals rest on."""
    low: float | None
    """Lower end of the 95% interval; None where there are too few clusters for one."""
    high: float | None
    """Upper end."""
    kind: str | None
    """How the interval was made; None without one."""
    filter: Mapping[str, str]
    """Facts that the samples have in common: `task`, and `length` or `tokens` (one number, or the first and the last
    whole number of a range as `4000-7999`, `32000-`), `cut` (`1` or `0`), `needles`."""


CurveKind = Literal["length", "cut", "needles"]
"""What an axis is."""


@dataclass(frozen=True)
class PointCurve:
    """The points of one task, group, or of all samples in the order of the axis, without parts that hold no samples."""

    kind: CurveKind
    task: str
    """Name of the task or group; `all` for the samples of all tasks."""
    label: str
    """The same for people."""
    axis: LengthAxisKind | None
    """What lengths count; None where the axis is none of lengths."""
    unit: str
    """What the axis counts, for people."""
    points: tuple[CurvePoint, ...]
    is_pooled: bool = False
    """Whether the scores are means over the samples of several tasks, not means of task scores."""


class _Part(NamedTuple):
    """One place of an axis."""

    place: float
    name: str
    fact: str
    """What its samples have in common, as in `CurvePoint.filter`."""
    value: str


PartOf = Callable[[str, Mapping[str, Any]], _Part | None]
"""Sample id and its axes → the part that it belongs to; None for none."""


class _Group(NamedTuple):
    """Tasks that make one curve."""

    name: str
    label: str
    values: Sequence[TaskValues]
    weights: Mapping[str, float]
    """Task → its share of the mean of task scores; empty = a mean over samples."""


class _Score(NamedTuple):
    """The score of a point."""

    score: float | None
    interval: Interval | None


def range_of_tokens(count: float) -> int:
    """The index in `RANGES` of a length."""
    return sum(count >= end for end in ENDS)


def length_curves(
    measured: Measured, options: Mapping[str, str] | None = None, unit: str = "tokens"
) -> list[PointCurve]:
    """Score by length: each task, each group of several tasks, and all samples where there are several tasks.

    Grids by nominal length; runs in ranges of prompt tokens as sent; outputs made elsewhere in ranges of the
    benchmark's own lengths, or by their names. Empty where no length is known. A group's point is the weighted mean of
    its tasks, and there is none where a task has no samples. `options` are the benchmark's, and `unit` is what the
    run's prompts are counted in (`settings["unit"]` of its manifest).
    """
    kept = {row.id: row.kept_tokens for row in measured.rows if row.kept_tokens is not None}
    axis = _axis(measured, kept)
    if axis is None:
        return []
    label, part_of = _unit(measured.spec, axis, options, unit), _parts_of(measured, axis, kept)
    curves = [_curve(measured, "length", axis, label, group, part_of) for group in _groups(measured)]
    return [curve for curve in curves if curve.points]


def cut_curves(measured: Measured) -> list[PointCurve]:
    """Score of whole and of cut prompts, of tasks and groups that have both; empty where truncation is not known."""
    known = {task: values for task, values in measured.values.items() if values.truncated is not None}
    cut = frozenset[str]().union(*(values.truncated or () for values in known.values()))

    def part_of(name: str, _: Mapping[str, Any]) -> _Part:
        return _Part(1, "cut", "cut", "1") if name in cut else _Part(0, "whole", "cut", "0")

    groups = _groups(replace(measured, values=known))
    curves = [_curve(measured, "cut", None, "prompts", group, part_of) for group in groups]
    return [curve for curve in curves if len(curve.points) > 1]


def needle_curves(measured: Measured) -> list[PointCurve]:
    """Score against the number of needles, of tasks, and groups under one metric, that have several numbers.

    A group's are means over samples.
    """

    def part_of(_: str, axes: Mapping[str, Any]) -> _Part | None:
        count = axes.get("needles")
        return _Part(count, str(count), "needles", str(count)) if isinstance(count, int) else None

    groups = [group for group in _groups(measured, is_pooled=True) if group.name != ALL and _has_one_metric(group)]
    curves = [_curve(measured, "needles", None, "needles", group, part_of) for group in groups]
    return [curve for curve in curves if len(curve.points) > 1]


def _has_one_metric(group: _Group) -> bool:
    return len({values.metric for values in group.values}) == 1


def _axis(measured: Measured, kept: Mapping[str, int]) -> LengthAxisKind | None:
    axes = [each for values in measured.values.values() for each in values.axes]
    if axes and all(map(_is_in_grid, axes)):
        return "nominal"
    if kept:
        return "kept"
    lengths = [each["length"] for each in axes if each.get("length") is not None]
    if lengths and all(isinstance(length, int) for length in lengths):
        return "own"
    return "names" if lengths else None


def _is_in_grid(axes: Mapping[str, Any]) -> bool:
    return isinstance(axes.get("length"), int | float) and ("depth" in axes or "repeat" in axes)


def _unit(spec: BenchmarkSpec, axis: LengthAxisKind, options: Mapping[str, str] | None, unit: str) -> str:
    if axis == "own" and spec.kind == "longbench":
        return "Length of the document (words; Chinese: characters)"
    return length_label(spec, "kept" if axis == "kept" else "nominal", options, unit)


def _parts_of(measured: Measured, axis: LengthAxisKind, kept: Mapping[str, int]) -> PartOf:
    names = _length_names(measured) if axis == "names" else []

    def nominal(_: str, axes: Mapping[str, Any]) -> _Part:
        return _Part(axes["length"], f"{axes['length']:,}", "length", str(axes["length"]))

    def of_prompt(name: str, _: Mapping[str, Any]) -> _Part | None:
        return _range(kept[name], "tokens") if name in kept else None

    def own(_: str, axes: Mapping[str, Any]) -> _Part | None:
        return None if axes.get("length") is None else _range(axes["length"], "length")

    def named(_: str, axes: Mapping[str, Any]) -> _Part | None:
        name = axes.get("length")
        return None if name is None else _Part(names.index(str(name)), str(name), "length", str(name))

    makers: dict[LengthAxisKind, PartOf] = {"nominal": nominal, "kept": of_prompt, "own": own, "names": named}
    return makers[axis]


def _range(count: float, fact: str) -> _Part:
    index = range_of_tokens(count)
    low, high = (0, *ENDS)[index], str(ENDS[index] - 1) if index < len(ENDS) else ""
    return _Part(index, RANGES[index], fact, f"{low}-{high}")


def _length_names(measured: Measured) -> list[str]:
    """Names of lengths, in the order in which the benchmark prints its parts."""
    found = {str(axes.get("length")) for values in measured.values.values() for axes in values.axes}
    printed = [name for task in measured.scores.tasks.values() for name in task.buckets or {}]
    return [name for name in dict.fromkeys([*printed, *sorted(found)]) if name in found]


def _groups(measured: Measured, *, is_pooled: bool = False) -> Iterator[_Group]:
    values, spec = measured.values, measured.spec
    for task, each in values.items():
        yield _Group(task, spec.tasks[task].title or task, [each], {task: 1.0})
    for name, group in spec.groups.items():
        weights = task_weights(spec, measured.protocol, name)
        if len(weights) > 1 and weights.keys() <= values.keys():
            yield _Group(name, group.title, [values[task] for task in weights], {} if is_pooled else weights)
    if len(values) > 1:
        yield _Group(ALL, "all samples", list(values.values()), {})


def _curve(
    measured: Measured, kind: CurveKind, axis: LengthAxisKind | None, unit: str, group: _Group, part_of: PartOf
) -> PointCurve:
    found: dict[_Part, list[TaskValues]] = {}
    for values in group.values:
        places: dict[_Part, list[int]] = {}
        for index, (name, axes) in enumerate(zip(values.ids, values.axes, strict=True)):
            if (part := part_of(name, axes)) is not None:
                places.setdefault(part, []).append(index)
        for part, chosen in places.items():
            found.setdefault(part, []).append(take_samples(values, chosen))
    task = {} if group.name == ALL else {"task": group.name}
    points = tuple(
        _point(part, parts, _score(group, parts, _printed(measured, kind, group.name, part)), task)
        for part, parts in sorted(found.items())
        if not group.weights or len(parts) == len(group.weights)
    )
    return PointCurve(kind, group.name, group.label, axis, unit, points, is_pooled=not group.weights)


def _point(part: _Part, values: Sequence[TaskValues], found: _Score, task: Mapping[str, str]) -> CurvePoint:
    interval = found.interval
    return CurvePoint(
        place=part.place,
        name=part.name,
        score=found.score,
        n=sum(len(each.ids) for each in values),
        clusters=len({name for each in values for name in each.clusters}),
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        kind=None if interval is None else interval.kind,
        filter={**task, part.fact: part.value},
    )


def _printed(measured: Measured, kind: CurveKind, name: str, part: _Part) -> float | None:
    """The score of the same samples in `scores.json`, which a protocol may make otherwise than by means of columns."""
    scored = measured.scores.tasks.get(name) or measured.scores.groups.get(name)
    if kind == "cut":
        told = scored.truncation if isinstance(scored, TaskScore) else None
        return None if told is None else told.score_truncated if part.place else told.score_whole
    bucket = None if scored is None else (scored.buckets or {}).get(part.value)
    return None if bucket is None else bucket.score


def _score(group: _Group, values: Sequence[TaskValues], printed: float | None) -> _Score:
    if len(group.weights) > 1:
        return _mean_of_tasks(group.weights, values, printed)
    return _of_samples(values[0] if group.weights else pool_tasks(values), printed)


def _of_samples(values: TaskValues, printed: float | None = None) -> _Score:
    is_there = ~np.isnan(values.columns)
    if not is_there.any(axis=0).all():
        return _Score(printed, None)
    means = np.where(is_there, values.columns, 0.0).sum(axis=0) / is_there.sum(axis=0)
    score = float(values.combine(means.tolist())) if printed is None else printed
    return _Score(score, cluster_interval(values.columns, values.clusters, values.combine, score=printed))


def _mean_of_tasks(weights: Mapping[str, float], values: Sequence[TaskValues], printed: float | None) -> _Score:
    found = {each.task: _of_samples(each) for each in values}
    known = {task: each.score for task, each in found.items() if each.score is not None}
    if len(known) < len(weights):
        return _Score(printed, None)
    score = math.fsum(weights[task] * each for task, each in known.items()) if printed is None else printed
    scores = {each.task: _task_score(each, found[each.task]) for each in values}
    spreads = {each.task: cluster_spread(each.columns, each.clusters, each.combine) for each in values}
    there = {task: spread for task, spread in spreads.items() if spread is not None}
    return _Score(score, mean_interval(score, weights, scores, there))


def _task_score(values: TaskValues, found: _Score) -> TaskScore:
    """A task's part as a score of its own, for what is made of several."""
    return TaskScore(
        score=found.score,
        metric=values.metric,
        n=len(values.ids),
        failed=0,
        expected=None,
        ci95=found.interval and (found.interval.low, found.interval.high),
        ci95_kind=found.interval and found.interval.kind,
        clusters=len(set(values.clusters)),
        cluster_unit=values.cluster_unit,
        empty=0,
    )
