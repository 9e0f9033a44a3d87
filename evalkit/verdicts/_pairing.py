"""The same samples of two sides, in one order.

Samples are the same where their ids are. Outputs made elsewhere number their rows as they stand in the file, which
several processes may have written in any order or with gaps: where gold answers tell that the numbers of both sides do
not agree, samples are told by gold answers and length.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalkit.errors import UserError, shown
from evalkit.printable import counted
from evalkit.scores import TaskValues

from ._sides import Side

__all__ = ["Pairs", "check_comparable", "pair", "pair_sides"]

LISTED = 5
"""Ids that a message lists; the rest is a number."""

COMMON = "--common compares the samples of both"


@dataclass(frozen=True)
class Pairs:
    """What two sides have in common."""

    tasks: Mapping[str, tuple[TaskValues, TaskValues]]
    """Task → the samples of both sides, the same ones in the same order, under the left side's ids."""
    right_ids: Mapping[str, tuple[str, ...]]
    """Task → the same samples' ids on the right side: others where ids do not tell samples."""
    only_left: int
    """Samples that the right side lacks."""
    only_right: int
    """Samples that the left side lacks."""
    notes: Sequence[str]
    """What a reader should know of how samples were told."""


@dataclass(frozen=True)
class _Matched:
    """The samples of one task."""

    places: Sequence[tuple[int, int]]
    """Indices of the same sample on both sides, in the left side's order."""
    by_facts: bool
    """Whether ids did not tell, but gold answers and lengths."""
    ambiguous: int = 0
    """Samples of the left side that share gold answers and length with others."""


def pair_sides(left: Side, right: Side, common: bool = False) -> Mapping[str, tuple[TaskValues, TaskValues]]:
    """Task → the samples of both sides in the same order.

    Raises `UserError` for sides of different benchmarks or protocols, and for samples that only one side has, unless
    only the `common` ones are asked for.
    """
    return pair(left, right, common).tasks


def check_comparable(left: Side, right: Side) -> None:
    """Raise `UserError` where two sides are of different benchmarks, or scored under different protocols."""
    ours, theirs = left.measured, right.measured
    if ours.scores.benchmark != theirs.scores.benchmark:
        raise UserError(
            f"{left.name} is of {ours.scores.benchmark}, {right.name} of {theirs.scores.benchmark}: "
            "two runs of one benchmark can be compared"
        )
    if ours.protocol != theirs.protocol:
        raise UserError(
            f"{left.name} is scored under {ours.protocol}, {right.name} under {theirs.protocol}: "
            "choose one for both with --protocol"
        )


def pair(left: Side, right: Side, common: bool = False, remedy: str = COMMON) -> Pairs:
    """As `pair_sides`, with what was left out; `remedy` says what to do where samples are missing."""
    check_comparable(left, right)
    tasks: dict[str, tuple[TaskValues, TaskValues]] = {}
    right_ids: dict[str, tuple[str, ...]] = {}
    alone: tuple[list[str], list[str]] = ([], [])
    notes: list[str] = []
    for task in left.measured.spec.tasks:
        ours, theirs = (side.measured.values.get(task) for side in (left, right))
        if ours is None or theirs is None:
            for ids, values in zip(alone, (ours, theirs), strict=True):
                ids += [] if values is None else values.ids
            continue
        matched = _match(ours, theirs)
        for place, (ids, values) in enumerate(zip(alone, (ours, theirs), strict=True)):
            taken = {each[place] for each in matched.places}
            ids += [name for index, name in enumerate(values.ids) if index not in taken]
        if matched.places:
            tasks[task] = _aligned(ours, theirs, matched)
            right_ids[task] = tuple(theirs.ids[place] for _, place in matched.places)
        notes += _matching_notes(task, matched)
    if not common and any(alone):
        raise UserError(f"{_unmatched(left, right, alone)}: {remedy}")
    if not tasks:
        raise UserError(f"{left.name} and {right.name}: no sample is in both, nothing can be compared")
    return Pairs(tasks, right_ids, len(alone[0]), len(alone[1]), notes)


def _unmatched(left: Side, right: Side, alone: tuple[list[str], list[str]]) -> str:
    parts = [
        f"{counted(len(ids), 'sample')} only in {side.name} ({_listed(ids)})"
        for side, ids in zip((left, right), alone, strict=True)
        if ids
    ]
    return "; ".join(parts)


def _listed(ids: Sequence[str]) -> str:
    first = ", ".join(shown(name, 60).strip("'\"") for name in ids[:LISTED])
    return f"{first} and {len(ids) - LISTED:,} more" if len(ids) > LISTED else first


def _match(ours: TaskValues, theirs: TaskValues) -> _Matched:
    """By id; by gold answers and length where a shared id has other gold answers on the other side."""
    there = {name: index for index, name in enumerate(theirs.ids)}
    places = [(index, there[name]) for index, name in enumerate(ours.ids) if name in there]
    if all(ours.targets[mine] == theirs.targets[other] for mine, other in places):
        return _Matched(places, by_facts=False)
    return _match_by_facts(ours, theirs)


def _match_by_facts(ours: TaskValues, theirs: TaskValues) -> _Matched:
    names = [name for name in ("length",) if all(name in axes for each in (ours, theirs) for axes in each.axes)]
    mine, other = _keys(ours, names), _keys(theirs, names)
    times, times_there = Counter(mine), Counter(other)
    there = {key: index for index, key in enumerate(other) if times_there[key] == 1}
    places = [(index, there[key]) for index, key in enumerate(mine) if times[key] == 1 and key in there]
    return _Matched(places, by_facts=True, ambiguous=sum(times[key] > 1 for key in mine))


def _keys(values: TaskValues, axes: Sequence[str]) -> list[str]:
    return [
        json.dumps([targets, [place[name] for name in axes]], ensure_ascii=True, default=str)
        for targets, place in zip(values.targets, values.axes, strict=True)
    ]


def _matching_notes(task: str, matched: _Matched) -> list[str]:
    if not matched.by_facts:
        return []
    unclear = f"; {counted(matched.ambiguous, 'sample')} could not be told apart" if matched.ambiguous else ""
    return [f"{task}: the two sides number their samples otherwise; told by gold answers and length{unclear}"]


def _aligned(ours: TaskValues, theirs: TaskValues, matched: _Matched) -> tuple[TaskValues, TaskValues]:
    """Both sides' samples in the left side's order, under its ids and in clusters that either side knows."""
    mine = _taken(ours, [place for place, _ in matched.places])
    other = _taken(theirs, [place for _, place in matched.places])
    known = other if (mine.cluster_unit, other.cluster_unit) == ("sample", "document") else mine
    clusters, unit = known.clusters, known.cluster_unit
    return (
        replace(mine, clusters=clusters, cluster_unit=unit),
        replace(other, ids=mine.ids, clusters=clusters, cluster_unit=unit),
    )


def _taken(values: TaskValues, places: Sequence[int]) -> TaskValues:
    """Some samples of a task, in that order; its score stays the task's."""
    if list(places) == list(range(len(values.ids))):
        return values
    ids = tuple(values.ids[place] for place in places)
    return replace(
        values,
        ids=ids,
        clusters=tuple(values.clusters[place] for place in places),
        columns=values.columns[np.array(places, dtype=np.intp)],
        texts=tuple(values.texts[place] for place in places),
        targets=tuple(values.targets[place] for place in places),
        axes=tuple(values.axes[place] for place in places),
        margins=tuple(values.margins[place] for place in places) if values.margins else (),
    )
