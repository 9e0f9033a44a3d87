"""A heatmap of one needle grid: depth downward, length across, 0 to 100.

After the figure of the Index-1.9B-32K report (OpenCompass, `summarizers/needlebench.py`): its colour map, and the line
of column means with their values, drawn on the same 0–100 scale as the colour bar beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..drawing import (
    BETWEEN_LINES,
    GREY,
    INK,
    SEPARATOR,
    SMALL,
    TINY,
    TITLE,
    Lettering,
    Palette,
    lettered,
    new_figure,
    note,
    save,
    wrap,
)
from ._cells import MOST_FLAT_LABELS, Style, paint, window_place
from ._drawing import caption_of, colour_bar, missing_cells
from ._grid import HeatGrid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LENGTHS", "draw_heatmap", "heatmap_figure"]

LENGTHS = "Prompt length (tokens)"


def draw_heatmap(
    stem: Path,
    grid: HeatGrid,
    title: str,
    subtitle: str = "",
    *,
    lengths: str = LENGTHS,
    partial: str = "",
    window: int | None = None,
    palette: Palette = "published",
) -> list[Path]:
    """`stem`.png and `stem`.svg of one grid, or the file that `stem` names; their paths.

    `lengths` names the axis, `partial` what of the grid is missing, `window` = the tokens the model was made for.
    """
    texts = (title, subtitle, lengths)
    with lettered(texts) as letters:
        return save(_drawn(grid, texts, letters, partial=partial, window=window, palette=palette), stem)


def heatmap_figure(
    grid: HeatGrid,
    title: str,
    subtitle: str = "",
    *,
    lengths: str = LENGTHS,
    partial: str = "",
    window: int | None = None,
    palette: Palette = "published",
) -> Figure:
    """The figure that `draw_heatmap` saves, as an object; pyplot does not know of it."""
    texts = (title, subtitle, lengths)
    with lettered(texts) as letters:
        return _drawn(grid, texts, letters, partial=partial, window=window, palette=palette)


def _drawn(
    grid: HeatGrid,
    texts: tuple[str, str, str],
    letters: Lettering,
    *,
    partial: str,
    window: int | None,
    palette: Palette,
) -> Figure:
    """The grid with its title, subtitle and name of the length axis, in fonts that have their characters."""
    title, subtitle, lengths = texts
    columns, rows = len(grid.lengths), len(grid.depths)
    size = (min(12.0, max(5.5, 2.2 + 0.9 * columns)), min(7.5, max(3.6, 1.4 + 0.42 * rows)))
    figure = new_figure(size)
    axes = figure.add_subplot()
    image = paint(axes, grid, Style(palette, 9.0, 2, window))
    axes.set_xlabel(letters(lengths), fontsize=10, color=INK)
    axes.set_ylabel("Depth of the needle (%)", fontsize=10, color=INK)
    colour_bar(figure, image, ax=[axes], pad=0.02, fraction=0.05, aspect=30)
    partial = partial or missing_cells(grid)
    room = 72 * size[0] * (1 - axes.get_position().x0)
    # The name of the window line stands between the cells and the texts above them.
    above = 20 if window_place(grid, window) else 9
    _texts_above(axes, (title, SEPARATOR.join(filter(None, [subtitle, partial]))), room, above, letters)
    caption = wrap(caption_of([grid], window, partial, letters), room, TINY, letters.families)
    below = -66 if columns > MOST_FLAT_LABELS else -46
    note(axes, "\n".join(caption), (0, 0), below, fontsize=TINY.points, color=GREY, va="top")
    return figure


def _texts_above(axes: Axes, texts: tuple[str, str], room: float, points: float, letters: Lettering) -> None:
    """Title and subtitle, in as many lines as they need."""
    title, subtitle = (
        wrap(letters(text), room, look, letters.families) for text, look in zip(texts, (TITLE, SMALL), strict=True)
    )
    note(axes, "\n".join(subtitle), (0, 1), points, fontsize=SMALL.points, color=GREY, va="bottom")
    points += 3 + max(1, len(subtitle)) * SMALL.points * BETWEEN_LINES
    note(axes, "\n".join(title), (0, 1), points, fontsize=TITLE.points, fontweight="bold", color=INK, va="bottom")
