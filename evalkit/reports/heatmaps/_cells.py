"""The inside of a heatmap: cells, their marks, the line of column means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..drawing import INK, NO_DATA, Palette, colours, is_dark, length_names
from ._grid import HeatCell, HeatGrid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "MOST_FLAT_LABELS",
    "Style",
    "has_upright_lengths",
    "paint",
    "window_place",
]

MOST_FLAT_LABELS = 12  # of columns; more are turned upright
MOST_PANEL_LETTERS = 44  # of all names of lengths below a panel; more are turned upright


@dataclass(frozen=True)
class Style:
    """Sizes that differ between a figure of its own and a panel."""

    palette: Palette
    text: float
    decimals: int
    window: int | None


def paint(axes: Axes, grid: HeatGrid, style: Style) -> Any:
    """Cells, marks and the line of means; what a colour bar is made of."""
    import numpy as np

    scores = [[grid.cell(length, depth).score for length in grid.lengths] for depth in grid.depths]
    values = np.ma.masked_invalid(np.array(scores, dtype=np.float64))
    many = max(len(grid.lengths), len(grid.depths))
    image = axes.pcolormesh(
        values, cmap=colours(style.palette), vmin=0, vmax=100, edgecolors="white", linewidth=0.8 if many <= 15 else 0.3
    )
    axes.set_facecolor(NO_DATA)
    axes.invert_yaxis()
    for row, depth in enumerate(grid.depths):
        for column, length in enumerate(grid.lengths):
            _mark(axes, column, row, grid.cell(length, depth), style)
    _ticks(axes, grid, style)
    _window_line(axes, grid, style)
    _mean_line(axes, grid, style)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=2.5, color="#999999", labelcolor=INK)
    return image


def _mark(axes: Axes, column: int, row: int, cell: HeatCell, style: Style) -> None:
    """Hatches a cell that lost its needle (closer where all its samples did), crosses one without data."""
    from matplotlib.patches import Rectangle

    if cell.n == 0:
        axes.text(column + 0.5, row + 0.5, "×", ha="center", va="center", fontsize=style.text, color="#9a9a9a")
    if cell.cut:
        hatch = "/////" if cell.cut >= cell.n else "//"
        ink = "#ffffffa0" if cell.score is not None and is_dark(cell.score, style.palette) else "#00000088"
        axes.add_patch(Rectangle((column, row), 1, 1, fill=False, hatch=hatch, edgecolor=ink, linewidth=0))


def _ticks(axes: Axes, grid: HeatGrid, style: Style) -> None:
    columns, rows = len(grid.lengths), len(grid.depths)
    step = 1 if rows <= 13 else 2 if rows <= 40 else -(-rows // 20)
    shown = range(0, rows, step)
    axes.set_yticks([row + 0.5 for row in shown], [f"{grid.depths[row]:.4g}" for row in shown], fontsize=style.text)
    step = -(-columns // 40)
    shown = range(0, columns, step)
    names = length_names(grid.lengths)
    axes.set_xticks(
        [column + 0.5 for column in shown],
        [names[column] for column in shown],
        fontsize=style.text if columns <= 20 else style.text - 1.5,
        rotation=90 if has_upright_lengths(grid, style) else 0,
    )


def has_upright_lengths(grid: HeatGrid, style: Style) -> bool:
    """Whether there are so many lengths that their names would touch each other."""
    columns = len(grid.lengths)
    if style.decimals:
        return columns > MOST_FLAT_LABELS
    return columns * max(map(len, length_names(grid.lengths)), default=0) > MOST_PANEL_LETTERS


def window_place(grid: HeatGrid, window: int | None) -> int:
    """Columns before the first length that the model was not made for; 0 where there is no such length."""
    inside = sum(length <= window for length in grid.lengths) if window is not None else 0
    return inside if inside < len(grid.lengths) else 0


def _window_line(axes: Axes, grid: HeatGrid, style: Style) -> None:
    """A dashed line behind the last length that the model was made for, named where there is room."""
    place = window_place(grid, style.window)
    if not place:
        return
    axes.axvline(place, color=INK, linestyle=(0, (4, 3)), linewidth=1.2)
    if style.decimals:
        axes.annotate(
            f"made for {style.window:,} tokens", (place, 0), xytext=(0, 4), textcoords="offset points", fontsize=7.5,
            ha="center", va="bottom", color=INK,
        )  # fmt: skip


def _mean_line(axes: Axes, grid: HeatGrid, style: Style) -> None:
    """The mean over depths of every whole column, as a line on the scale of the colour bar, its values printed.

    A column with a missing cell has no mean here, and the line is broken there: its other cells would tell of them
    alone.
    """
    from matplotlib.patheffects import withStroke

    means = [grid.whole_mean(length) for length in grid.lengths]
    scale = axes.twinx()
    scale.set_ylim(0, 100)
    scale.axis("off")
    outline = [withStroke(linewidth=3.2, foreground="#00000090")]
    scale.plot(
        [column + 0.5 for column in range(len(means))], [math.nan if mean is None else mean for mean in means],
        color="white", linewidth=1.6, marker="o", markersize=3.5, clip_on=False, path_effects=outline,
    )  # fmt: skip
    columns = len(means)
    if style.decimals == 0 and columns > MOST_FLAT_LABELS:
        return  # a panel has no room for so many numbers; its own figure prints them
    upright = columns > MOST_FLAT_LABELS
    for column, mean in enumerate(means):
        if mean is None:
            continue
        is_high = mean > 50
        scale.annotate(
            f"{mean:.{style.decimals}f}", (column + 0.5, mean), xytext=(0, -7 if is_high else 7),
            textcoords="offset points", ha="center", va="top" if is_high else "bottom", rotation=90 if upright else 0,
            color="white", fontsize=style.text - (2 if columns > 20 else 0.5), fontweight="bold",
            bbox={"boxstyle": "round,pad=0.16", "facecolor": "#000000a0", "edgecolor": "none"},
        )  # fmt: skip
