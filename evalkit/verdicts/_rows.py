"""Which published numbers a run is held against, and which of its samples are behind each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evalkit.errors import UnknownNameError, UserError
from evalkit.published import PublishedScore, published, published_benchmarks, published_groups
from evalkit.scores import Measured, TaskValues

from ._sides import Side

__all__ = ["Number", "Target", "choose_rows", "model_of", "named_rows", "numbers_of", "part_of", "rows_of_benchmark"]

_RANGE = re.compile(r"(\d+)(?:-(\d+))?k\+?")
"""A range of lengths as LongBench-E names it: `0-4k`, `8k+`."""


@dataclass(frozen=True)
class Target:
    """The published numbers that a run is held against."""

    model: str
    """Their model."""
    rope: str
    """Their RoPE setting."""
    rows: tuple[PublishedScore, ...]
    """The numbers, tasks before means."""


@dataclass(frozen=True)
class Number:
    """One published number beside our score."""

    name: str
    """What it is called, once in a table."""
    row: PublishedScore
    """The published number."""
    ours: float | None
    """Our score; None where we have none."""
    n: int | None
    """Samples behind it."""


def rows_of_benchmark(benchmark: str) -> tuple[PublishedScore, ...]:
    """All published numbers of a benchmark; `UnknownNameError` where there are none."""
    if benchmark not in published_benchmarks():
        raise UnknownNameError("benchmark with published scores", benchmark, published_benchmarks())
    return published(benchmark) + published_groups(benchmark)


def choose_rows(side: Side, scores: Sequence[PublishedScore], model: str | None = None) -> Target:
    """The numbers of the run's benchmark, model and RoPE setting; of its protocol where there are any, else of others.

    `model` names the published model where the run's is called otherwise. Raises `UserError` where nothing is
    published for them.
    """
    benchmark = side.measured.scores.benchmark
    there = [row for row in scores if row.benchmark == benchmark]
    if not there:
        known = sorted({row.benchmark for row in scores})
        hint = f", but for {_list(known)}" if known else ": there are no numbers in it"
        raise UserError(f"{side.name} is of {benchmark}, for which nothing is published there{hint}")
    name = model_of(model or side.measured.scores.model, there, benchmark)
    rope = "native" if side.manifest is None else str(side.manifest.identity.get("rope") or "native")
    rows = [row for row in there if (row.model, row.rope) == (name, rope)]
    if not rows:
        ropes = sorted({row.rope for row in there if row.model == name})
        raise UserError(
            f"{side.name} ran with RoPE {rope}, and {benchmark} is published for {name} with {_list(ropes)}: "
            f"run it again with --rope {ropes[0]}"
        )
    same = [row for row in rows if row.protocol == side.measured.protocol]
    return Target(name, rope, tuple(same or rows))


def model_of(name: str, rows: Sequence[PublishedScore], benchmark: str) -> str:
    """The published name of a model: its own, or that of the folder of its published answers."""
    known = {row.model for row in rows}
    if name in known:
        return name
    folders = {row.outputs.rpartition("/")[2]: row.model for row in rows if row.outputs}
    if name in folders:
        return folders[name]
    raise UnknownNameError(f"model with published {benchmark} scores", name, known, hint="--model names it")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"


def named_rows(rows: Sequence[PublishedScore]) -> dict[str, PublishedScore]:
    """The rows by a name that each has alone: of a number that several tables print, the later ones name theirs."""
    named: dict[str, PublishedScore] = {}
    for row in rows:
        name = f"{row.task} {row.bucket}" if row.bucket else row.task
        named[f"{name} [{row.source}]" if name in named else name] = row
    return named


def numbers_of(measured: Measured, rows: Sequence[PublishedScore]) -> list[Number]:
    """Every published number with our score."""
    return [Number(name, row, *_own_score(measured, row)) for name, row in named_rows(rows).items()]


def _own_score(measured: Measured, row: PublishedScore) -> tuple[float | None, int | None]:
    scores = measured.scores
    if row.kind == "overall":
        return scores.overall.score, sum(task.n for task in scores.tasks.values())
    if row.kind == "group":
        group = scores.groups.get(row.task)
        counted = [scores.tasks[task].n for task in (group.tasks if group else ()) if task in scores.tasks]
        return (group.score if group else None), sum(counted)
    values = part_of(measured.values, row, measured)
    return (None, None) if values is None else (values.score, len(values.ids))


def part_of(values: Mapping[str, TaskValues], row: PublishedScore, measured: Measured) -> TaskValues | None:
    """The samples behind the number of a task, a range of lengths or a length; None where the run has none of them."""
    if row.kind == "task":
        return values.get(row.task)
    if row.kind == "range":
        task = values.get(row.task)
        return None if task is None else _within(task, row.bucket)
    return _of_length(values, int(row.task), measured)


def _within(values: TaskValues, bucket: str) -> TaskValues | None:
    match = _RANGE.fullmatch(bucket)
    if match is None or any("length" not in place for place in values.axes):
        return None
    low, high = int(match[1]) * 1000, int(match[2]) * 1000 if match[2] else None
    lengths = np.array([place["length"] for place in values.axes])
    return _chosen(values, (lengths >= low) & ((lengths < high) if high else True))


def _of_length(values: Mapping[str, TaskValues], length: int, measured: Measured) -> TaskValues | None:
    """The samples of one length, of the tasks of the benchmark's first group that has lengths."""
    spec = measured.spec
    members = next((spec.members(name) for name in spec.groups if set(spec.members(name)) & set(values)), [])
    parts = [
        _chosen(values[task], np.array([place.get("length") == length for place in values[task].axes], dtype=bool))
        for task in members
        if task in values
    ]
    there = [part for part in parts if part is not None]
    return _joined(there) if there else None


def _chosen(values: TaskValues, is_in: NDArray[np.bool_]) -> TaskValues | None:
    """Some samples of a task, with the score that they have alone; None for none."""
    places = np.flatnonzero(is_in).tolist()
    if not places:
        return None
    columns = values.columns[places]
    return replace(
        values,
        ids=tuple(values.ids[place] for place in places),
        clusters=tuple(values.clusters[place] for place in places),
        columns=columns,
        score=float(values.combine(np.nanmean(columns, axis=0).tolist())),
        texts=tuple(values.texts[place] for place in places),
        targets=tuple(values.targets[place] for place in places),
        axes=tuple(values.axes[place] for place in places),
    )


def _joined(parts: Sequence[TaskValues]) -> TaskValues:
    """The samples of several tasks as of one: their mean is that of the samples, which tasks of a grid have alike."""
    first, columns = parts[0], np.concatenate([part.columns for part in parts])
    return replace(
        first,
        ids=tuple(name for part in parts for name in part.ids),
        clusters=tuple(name for part in parts for name in part.clusters),
        columns=columns,
        score=float(first.combine(np.nanmean(columns, axis=0).tolist())),
        texts=tuple(text for part in parts for text in part.texts),
        targets=tuple(targets for part in parts for targets in part.targets),
        axes=tuple(place for part in parts for place in part.axes),
    )
