"""Score rows with a length and a depth, as the cells of a heatmap."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from evalkit.runs import write_atomically
from evalkit.scores import ScoreRow

__all__ = ["HeatCell", "HeatGrid", "combine", "grid_of", "grids_of", "write_cells"]


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

    @property
    def mean(self) -> float | None:
        """Mean of the column means, the number that NeedleBench prints under a figure."""
        return _mean(self.column_mean(length) for length in self.lengths)


def grids_of(rows: Iterable[ScoreRow]) -> dict[str, HeatGrid]:
    """Name → grid: of each task whose rows have length and depth, and of its languages where it has several."""
    by_task: dict[str, list[ScoreRow]] = {}
    for row in rows:
        if {"length", "depth"} <= row.metadata.keys():
            by_task.setdefault(row.task, []).append(row)
    grids: dict[str, HeatGrid] = {}
    for task, members in by_task.items():
        scored = [row for row in members if row.metric == members[0].metric]  # a task may have further columns
        languages = {str(row.metadata["language"]): None for row in scored if "language" in row.metadata}
        parts = {
            language: grid_of(row for row in scored if row.metadata.get("language") == language)
            for language in languages
        }
        if len(parts) < 2:
            grids[task] = grid_of(scored)
            continue
        grids[task] = combine(list(parts.values()))
        grids |= {f"{task}-{language}": grid for language, grid in parts.items()}
    return grids


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
    """A CSV with one line per cell of the full grid: length, depth, score, n, cut."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["length", "depth", "score", "n", "cut"])
    for cell in grid.all_cells():
        score = "" if cell.score is None else repr(cell.score)
        writer.writerow([f"{cell.length:.12g}", f"{cell.depth:.12g}", score, cell.n, cell.cut])
    write_atomically(path, stream.getvalue())


def _cell(place: tuple[float, float], rows: Sequence[ScoreRow]) -> HeatCell:
    scores = [row.score for row in rows if row.score is not None]
    return HeatCell(*place, _mean(scores), len(scores), sum(row.evidence_kept is False for row in rows))


def _combined(cells: Sequence[HeatCell], weights: Sequence[float]) -> HeatCell:
    scores = [cell.score for cell in cells if cell.score is not None]
    score = None
    if len(scores) == len(cells):
        score = math.fsum(weight * value for weight, value in zip(weights, scores, strict=True)) / math.fsum(weights)
    first = cells[0]
    return HeatCell(first.length, first.depth, score, sum(cell.n for cell in cells), sum(cell.cut for cell in cells))


def _mean(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return math.fsum(there) / len(there) if there else None
