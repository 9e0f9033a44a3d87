"""Score rows with a length and a depth, as the cells of a heatmap: of tasks, of languages, of groups of tasks.

A group is drawn from the tasks that were run; its name says how many of them are missing.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

from evalkit.files import write_text
from evalkit.scores import ScoreRow
from evalkit.tasks import BenchmarkSpec

__all__ = [
    "GroupGrid",
    "HeatCell",
    "HeatGrid",
    "LengthAxis",
    "Places",
    "axis_lengths",
    "combine",
    "grid_of",
    "grids_of",
    "group_grids",
    "has_place",
    "on_axis",
    "write_cells",
]


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One length at one depth."""

    length: float
    """Nominal prompt length, in tokens."""
    depth: float
    """Depth of the needle, in percent."""
    score: float | None
    """Mean over the cell's samples, 0–100; None where there are none."""
    n: int
    """Samples scored."""
    cut: int = 0
    """Samples whose needle truncation removed."""
    real_depth: float | None = None
    """Mean of where its needles really stand, in percent; None where no sample tells."""
    depth_gap: float = 0.0
    """How far the needle that is farthest from `depth` stands from it, in points."""


@dataclass(frozen=True)
class HeatGrid:
    """Cells by length and depth; those of the full grid that are missing have no data."""

    cells: tuple[HeatCell, ...]
    """Cells in any order, each length and depth once."""

    @cached_property
    def lengths(self) -> list[float]:
        """Lengths, ascending."""
        return sorted({cell.length for cell in self.cells})

    @cached_property
    def depths(self) -> list[float]:
        """Depths, ascending."""
        return sorted({cell.depth for cell in self.cells})

    @cached_property
    def _by_place(self) -> dict[tuple[float, float], HeatCell]:
        return {(cell.length, cell.depth): cell for cell in self.cells}

    def cell(self, length: float, depth: float) -> HeatCell:
        """The cell of that place, an empty one where there is none."""
        return self._by_place.get((length, depth), HeatCell(length, depth, None, 0))

    def all_cells(self) -> list[HeatCell]:
        """Every cell of the full grid, by length, then depth."""
        return [self.cell(length, depth) for length in self.lengths for depth in self.depths]

    def column_mean(self, length: float) -> float | None:
        """Mean over the depths of a length, over the cells that have data."""
        return _mean(self.cell(length, depth).score for depth in self.depths)

    def whole_mean(self, length: float) -> float | None:
        """Mean over the depths of a length where every one of them has data; None otherwise."""
        is_whole = all(self.cell(length, depth).score is not None for depth in self.depths)
        return self.column_mean(length) if is_whole else None

    @property
    def is_whole(self) -> bool:
        """Whether every cell of the full grid has data."""
        return all(cell.score is not None for cell in self.all_cells())

    @property
    def mean(self) -> float | None:
        """Mean of the column means, the number that NeedleBench prints under a figure."""
        return _mean(self.column_mean(length) for length in self.lengths)

    def spanning(self, places: Places) -> HeatGrid:
        """The grid with an empty cell at each of those lengths and depths that it lacks."""
        asked = itertools.product(places.lengths, places.depths)
        empty = [HeatCell(*place, None, 0) for place in asked if place not in self._by_place]
        return HeatGrid((*self.cells, *empty))


class Places(NamedTuple):
    """The cells that a run was asked for."""

    lengths: tuple[float, ...]
    """Lengths, in the unit of the figure's axis."""
    depths: tuple[float, ...]
    """Depths, in percent."""


NOWHERE = Places((), ())


def grids_of(rows: Iterable[ScoreRow], asked: Mapping[str, Places] = MappingProxyType({})) -> dict[str, HeatGrid]:
    """Name → grid: of each task whose rows have length and depth, and of its languages where it has several.

    `asked` says which cells a task's grid should have: those without rows are in it as empty ones.
    """
    by_task: dict[str, list[ScoreRow]] = {task: [] for task, places in asked.items() if places.lengths}
    for row in rows:
        if has_place(row):
            by_task.setdefault(row.task, []).append(row)
    grids: dict[str, HeatGrid] = {}
    for task, members in by_task.items():
        places = asked.get(task, NOWHERE)
        scored = [row for row in members if row.metric == members[0].metric]  # a task may have further columns
        languages = {str(row.metadata["language"]): None for row in scored if "language" in row.metadata}
        parts = {
            language: grid_of(row for row in scored if str(row.metadata.get("language")) == language).spanning(places)
            for language in languages
        }
        if len(parts) < 2:
            grids[task] = grid_of(scored).spanning(places)
            continue
        grids[task] = combine(list(parts.values()))
        grids |= {f"{task}-{language}": grid for language, grid in parts.items()}
    return grids


def has_place(row: ScoreRow) -> bool:
    """Whether the row is of a cell; a benchmark may also call its lengths and depths by words."""
    axes = [row.metadata.get(name) for name in ("length", "depth")]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in axes)


def _nominal(row: ScoreRow) -> float:
    return float(row.metadata["length"])


def grid_of(rows: Iterable[ScoreRow], length: Callable[[ScoreRow], float] = _nominal) -> HeatGrid:
    """The cells of rows of one metric; `length` decides the column that a row belongs to."""
    members: dict[tuple[float, float], list[ScoreRow]] = {}
    for row in rows:
        members.setdefault((length(row), float(row.metadata["depth"])), []).append(row)
    return HeatGrid(tuple(_cell(place, group) for place, group in members.items()))


def combine(grids: Sequence[HeatGrid], weights: Sequence[float] | None = None) -> HeatGrid:
    """Cell by cell the (weighted) mean of several grids; a cell that one of them lacks has no data."""
    shares = weights or [1.0] * len(grids)
    places = dict.fromkeys((cell.length, cell.depth) for grid in grids for cell in grid.cells)
    return HeatGrid(tuple(_combined([grid.cell(*place) for grid in grids], shares) for place in places))


def write_cells(path: Path, grid: HeatGrid) -> None:
    """A CSV with one line per cell of the full grid: length, depth, score, n, cut, real_depth."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["length", "depth", "score", "n", "cut", "real_depth"])
    for cell in grid.all_cells():
        score = "" if cell.score is None else repr(cell.score)
        real_depth = "" if cell.real_depth is None else f"{cell.real_depth:.6g}"
        writer.writerow([f"{cell.length:.12g}", f"{cell.depth:.12g}", score, cell.n, cell.cut, real_depth])
    write_text(path, stream.getvalue())


def _cell(place: tuple[float, float], rows: Sequence[ScoreRow]) -> HeatCell:
    scores = [row.score for row in rows if row.score is not None]
    depths = [float(row.metadata["real_depth"]) for row in rows if "real_depth" in row.metadata]
    gap = max((abs(depth - place[1]) for depth in depths), default=0.0)
    cut = sum(row.evidence_kept is False for row in rows)
    return HeatCell(*place, _mean(scores), len(scores), cut, _mean(depths), gap)


def _combined(cells: Sequence[HeatCell], weights: Sequence[float]) -> HeatCell:
    scores = [cell.score for cell in cells if cell.score is not None]
    score = None
    if len(scores) == len(cells):
        score = math.fsum(weight * value for weight, value in zip(weights, scores, strict=True)) / math.fsum(weights)
    first = cells[0]
    n, cut = sum(cell.n for cell in cells), sum(cell.cut for cell in cells)
    gap = max(cell.depth_gap for cell in cells)
    return HeatCell(first.length, first.depth, score, n, cut, _mean(cell.real_depth for cell in cells), gap)


def _mean(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return math.fsum(there) / len(there) if there else None


LengthAxis = Literal["nominal", "prompt", "kept"]
"""Lengths as the benchmark names them, or the mean tokens of the model's prompts before or after truncation."""


class GroupGrid(NamedTuple):
    """The grid of a group, as far as its tasks were run."""

    title: str
    """Name for people, with the coverage where it is not full."""
    grid: HeatGrid
    """Weighted means, cell by cell."""


def group_grids(grids: Mapping[str, HeatGrid], spec: BenchmarkSpec) -> dict[str, GroupGrid]:
    """Group name → grid of each group of several tasks, and `overall`; groups without any grid are left out."""
    found: dict[str, HeatGrid] = {}
    named: dict[str, GroupGrid] = {}
    for name, group in spec.groups.items():
        tasks = spec.members(name)
        weights = group.members or dict.fromkeys(tasks, 1.0)
        there = {each: grid for each in weights if (grid := found.get(each) or grids.get(each)) is not None}
        if len(tasks) > 1 and there:
            found[name] = combine(list(there.values()), [weights[each] for each in there])
            named[name] = GroupGrid(_covered(group.title, tasks, grids), found[name])
        elif there:
            found[name] = next(iter(there.values()))
    entering = [name for name, group in spec.groups.items() if group.in_overall and name in found]
    if len(spec.tasks) > 1 and entering:
        overall = combine([found[name] for name in entering], [spec.groups[name].weight for name in entering])
        named["overall"] = GroupGrid(_covered("Overall", list(spec.tasks), grids), overall)
    return named


def on_axis(rows: Sequence[ScoreRow], axis: LengthAxis) -> list[ScoreRow]:
    """The rows with their nominal lengths replaced by the mean tokens that the model's prompts of that length have.

    Means are over all tasks and languages, so that the columns of all figures of a run are the same.
    """
    if axis == "nominal":
        return list(rows)
    means = axis_lengths(rows, axis)
    return [
        replace(row, metadata={**row.metadata, "length": means[row.metadata["length"]]})
        for row in rows
        if row.metadata.get("length") in means
    ]


def axis_lengths(rows: Sequence[ScoreRow], axis: LengthAxis) -> dict[float, float]:
    """Nominal length → where it stands on the axis; a length without prompts stands on the nominal axis only."""
    if axis == "nominal":
        return {row.metadata["length"]: row.metadata["length"] for row in rows if "length" in row.metadata}
    tokens: dict[float, list[int]] = {}
    for row in rows:
        seen = row.prompt_tokens if axis == "prompt" else row.kept_tokens
        if seen is not None and "length" in row.metadata:
            tokens.setdefault(row.metadata["length"], []).append(seen)
    return {length: round(sum(found) / len(found)) for length, found in tokens.items()}


def _covered(title: str, tasks: Sequence[str], grids: Mapping[str, HeatGrid]) -> str:
    there = sum(task in grids for task in tasks)
    return title if there == len(tasks) else f"{title}, {there} of {len(tasks)} tasks"
