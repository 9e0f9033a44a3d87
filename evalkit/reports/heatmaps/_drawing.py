"""What every figure of heatmaps has: a colour bar, counts below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evalkit.printable import counted

from ..drawing import INK, SEPARATOR, Lettering
from ._cells import window_place
from ._grid import HeatGrid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["caption_of", "colour_bar", "missing_cells"]

DEPTH_TOLERANCE = 5.0  # points: half of what lies between two rows of the shipped grid


def colour_bar(figure: Figure, image: Any, **where: Any) -> None:
    """The scale of cells and means."""
    bar = figure.colorbar(image, **where)
    bar.set_label("Score of a cell; mean over depths (line)", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8.5, length=2.5, color="#999999", labelcolor=INK)
    for spine in bar.ax.spines.values():
        spine.set_visible(False)


def missing_cells(grid: HeatGrid) -> str:
    """That a grid is not whole, and how much of it there is; empty for a whole one."""
    cells = grid.all_cells()
    return (
        "" if grid.is_whole else f"PARTIAL: {sum(cell.score is not None for cell in cells):,} of {len(cells):,} cells"
    )


def caption_of(grids: Sequence[HeatGrid], window: int | None, partial: str, letters: Lettering) -> str:
    """Counts below the figure: samples per cell, cells whose needle was cut, cells without data."""
    cells = [cell for grid in grids for cell in grid.all_cells()]
    parts = [_mean(grids[0], partial)] if len(grids) == 1 else []
    counts = sorted({cell.n for cell in cells if cell.n})
    if counts:
        number = f"{counts[0]} to {counts[-1]} samples" if len(counts) > 1 else counted(counts[0], "sample")
        parts.append(f"{number} per cell")
    if cut := sum(cell.cut > 0 for cell in cells):
        parts.append(f"hatched: truncation removed the needle ({counted(cut, 'cell')})")
    if (gap := max((cell.depth_gap for cell in cells), default=0.0)) > DEPTH_TOLERANCE:
        parts.append(f"needles stand up to {gap:.0f} points from the depth asked for")
    if empty := sum(cell.n == 0 for cell in cells):
        parts.append(f"×: no data ({counted(empty, 'cell')})")
    if len(grids) > 1 and any(window_place(grid, window) for grid in grids):
        parts.append(f"dashed: made for {window:,} tokens")
    return SEPARATOR.join(filter(None, [*parts, letters.note]))


def _mean(grid: HeatGrid, partial: str) -> str:
    """The mean of the column means, or why there is none."""
    if grid.mean is None:
        return ""
    if grid.is_whole:
        return f"Mean of the column means {grid.mean:.2f}" + (" (PARTIAL)" if partial else "")
    broken = sum(grid.whole_mean(length) is None for length in grid.lengths)
    return f"No mean of the column means: {broken} of {counted(len(grid.lengths), 'column')} not whole"
