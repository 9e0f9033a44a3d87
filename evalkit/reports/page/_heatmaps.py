"""The section `heatmaps`: the needle grids of all runs, as `evalkit report` draws them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from evalkit.scores import Interval, Measured, own_rows

from ..drawing import PALETTES, colours, is_dark, length_names
from ..heatmaps import HeatCell, Picture, Shown, missing_cells, pictures_of, window_of, window_place
from ._cell_intervals import Place, cell_intervals
from ._content import PageRun, Part
from ._labels import Labels
from ._lengths import nominal_unit

__all__ = ["heatmaps_part"]

SHADES = 256
"""Colours of a palette in the page, as many as its colour map has."""


class _Grid(NamedTuple):
    """One grid of one run."""

    run: int
    """Index of the run."""
    name: str
    """Name of the task, of a task's language, or of the group."""
    task: str
    """Name of its task; empty for a group."""
    language: str
    """Its language where it is one of a task's several."""
    picture: Picture
    intervals: Mapping[Place, Interval]
    """Intervals of its cells; none of groups."""


def heatmaps_part(runs: Sequence[PageRun], words: Labels) -> Part | None:
    """The section; None where no run has lengths and depths."""
    grids = [grid for index, run in enumerate(runs) for grid in _grids(index, run)]
    if not grids:
        return None
    tables = [_table(grid, runs[grid.run], words) for grid in grids]
    drawn = [_drawn(grid, runs[grid.run], words) for grid in grids]
    return Part("heatmaps", "heatmaps.html.j2", {"tables": tables}, {"grids": drawn, "palettes": _palettes()})


def _palettes() -> dict[str, dict[str, Any]]:
    """Palette → its colours from 0 to 100, and which of them are dark (`1`)."""
    from matplotlib.colors import to_hex

    levels = [(index + 0.5) / SHADES for index in range(SHADES)]
    return {
        name: {
            "colours": [to_hex(colour) for colour in colours(name)(levels)],
            "dark": "".join(str(int(is_dark(100 * level, name))) for level in levels),
        }
        for name in PALETTES
    }


def _grids(index: int, run: PageRun) -> Iterator[_Grid]:
    if run.measured is None:
        return
    rows = own_rows(run.measured.scores, run.measured.rows)
    pictures = pictures_of(Shown(run.measured.scores, rows, run.spec, run.options))
    for name, picture in pictures.items():
        task, language = _task_of(name, picture, run.measured)
        intervals: Mapping[Place, Interval] = {}
        if task:
            chosen = [row for row in rows if row.task == task]
            if language:
                chosen = [row for row in chosen if str(row.metadata.get("language")) == language]
            of_cells = [row for row in chosen if row.metric == chosen[0].metric]
            parts = (language,) if language else picture.languages
            intervals = cell_intervals(of_cells, run.measured.values[task], parts)
        yield _Grid(index, name, task, language, picture, intervals)


def _task_of(name: str, picture: Picture, measured: Measured) -> tuple[str, str]:
    """Task and language of a picture's name; nothing for a group."""
    if name in measured.values:
        return name, ""
    language = picture.languages[0] if len(picture.languages) == 1 else ""
    task = name.removesuffix(f"-{language}")
    return (task, language) if language and task in measured.values else ("", "")


def _drawn(found: _Grid, run: PageRun, words: Labels) -> dict[str, Any]:
    """A grid as scripts draw it; cells by length, then depth."""
    grid, window = found.picture.grid, _window(run)
    cells = grid.all_cells()
    ends = [found.intervals.get((cell.length, cell.depth)) for cell in cells]
    return {
        "run": found.run,
        "name": found.name,
        "label": found.picture.label,
        "task": found.task,
        "of": found.task or (found.name if found.name in run.spec.groups else ""),
        "language": found.language,
        "axis": nominal_unit(run, words),
        "partial": _partial(found.picture),
        "window": window,
        "inside": window_place(grid, window),
        "lengths": grid.lengths,
        "names": length_names(grid.lengths),
        "depths": grid.depths,
        "score": [cell.score for cell in cells],
        "n": [cell.n for cell in cells],
        "cut": [cell.cut for cell in cells],
        "low": [interval and interval.low for interval in ends],
        "high": [interval and interval.high for interval in ends],
        "real": [cell.real_depth for cell in cells],
        "gap": [cell.depth_gap for cell in cells],
        "means": [grid.whole_mean(length) for length in grid.lengths],
        "mean": grid.mean if grid.is_whole else None,
    }


def _window(run: PageRun) -> int | None:
    return None if run.manifest is None else window_of(run.manifest)


def _partial(picture: Picture) -> str:
    """What of the grid is missing: tasks and samples, or cells; empty where it is whole."""
    return picture.partial or missing_cells(picture.grid)


def _table(found: _Grid, run: PageRun, words: Labels) -> dict[str, Any]:
    """A grid as a table of depths and lengths."""
    grid = found.picture.grid
    counts = {cell.n for cell in grid.all_cells() if cell.n}
    rows = [
        (f"{depth:.4g}", [_cell(grid.cell(length, depth), words, len(counts) > 1) for length in grid.lengths])
        for depth in grid.depths
    ]
    return {
        "title": f"{run.name} · {run.spec.title} · {found.picture.label}",
        "axis": nominal_unit(run, words),
        "partial": _partial(found.picture),
        "counts": "–".join(f"{count:,}" for count in sorted({min(counts), max(counts)})) if counts else "0",
        "lengths": length_names(grid.lengths),
        "rows": rows,
        "means": [_number(grid.whole_mean(length)) for length in grid.lengths],
    }


def _cell(cell: HeatCell, words: Labels, is_counted: bool) -> str:
    if cell.score is None:
        return "×"
    count = words["heatmaps_table_n"].format(n=cell.n) if is_counted else ""
    cut = words["heatmaps_table_cut"].format(cut=cell.cut) if cell.cut else ""
    return " · ".join(filter(None, [_number(cell.score), count, cut]))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
