"""Several needle grids in one figure, on one colour scale.

Every panel has its title and its mean on lines of their own, and the figure is as high as these lines need: however
long a label is, it is drawn over nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..drawing import (
    BETWEEN_LINES,
    GREY,
    INK,
    SEPARATOR,
    SMALL,
    TINY,
    TITLE,
    Lettering,
    Look,
    Palette,
    lettered,
    new_figure,
    note,
    save,
    wrap,
)
from ._cells import Style, has_upright_lengths, paint
from ._drawing import caption_of, colour_bar, missing_cells
from ._figure import LENGTHS
from ._grid import HeatGrid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Panel", "draw_side_by_side", "side_by_side"]

PANELS_PER_ROW, MOST_PANELS_OF_THREE = 3, 9
"""More panels than these stand in fours: the figure would be too high to be seen whole."""
PANEL_TITLE = Look(10, "bold")

# Inches.
PANEL_WIDTH, PANEL_HEIGHT = 3.4, 2.3
LEFT, RIGHT, BETWEEN = 0.65, 1.0, 0.5
FLAT_LABELS, UPRIGHT_LABELS = 0.3, 0.6
GAP = 0.1


class Panel(NamedTuple):
    """One grid of a figure that shows several."""

    grid: HeatGrid
    """Its cells."""
    title: str
    """Title above the panel."""
    partial: str = ""
    """What of the grid is missing; empty where it is whole."""


def draw_side_by_side(
    stem: Path,
    panels: Sequence[Panel],
    title: str,
    subtitle: str = "",
    *,
    lengths: str = LENGTHS,
    window: int | None = None,
    palette: Palette = "published",
) -> list[Path]:
    """`stem`.png and `stem`.svg of several grids on one colour scale, or the file that `stem` names; their paths."""
    with lettered([title, subtitle, lengths, *(panel.title for panel in panels)]) as letters:
        texts = _Texts(letters, title, subtitle, lengths, [_lines(panel, letters) for panel in panels])
        return save(side_by_side(panels, texts, Style(palette, 7.5, 0, window)), stem)


@dataclass(frozen=True)
class _Texts:
    """What stands in the figure."""

    letters: Lettering
    title: str
    subtitle: str
    lengths: str
    panels: Sequence[tuple[list[str], str]]

    @property
    def panel_height(self) -> float:
        """Inches that the longest panel title takes, the mean below it included."""
        most = max(len(title) for title, _ in self.panels)
        return (BETWEEN_LINES * (most * PANEL_TITLE.points + SMALL.points) + 12) / 72

    def above(self, room: float) -> tuple[list[str], list[str]]:
        """Lines of title and subtitle."""
        looks = ((self.title, TITLE), (self.subtitle, SMALL))
        title, subtitle = (wrap(self.letters(text), room, look, self.letters.families) for text, look in looks)
        return title, subtitle


def _lines(panel: Panel, letters: Lettering) -> tuple[list[str], str]:
    """A panel's title in lines, and its mean or why there is none."""
    title = wrap(letters(panel.title), 72 * PANEL_WIDTH, PANEL_TITLE, letters.families)
    partial = panel.partial or missing_cells(panel.grid)
    if panel.grid.mean is None:
        return title, "no data"
    mean = f"mean {panel.grid.mean:.1f}" if panel.grid.is_whole else ""
    return title, SEPARATOR.join(filter(None, [mean, partial]))


def side_by_side(panels: Sequence[Panel], texts: _Texts, style: Style) -> Figure:
    """The figure, nothing written to disk."""
    across = min(PANELS_PER_ROW + (len(panels) > MOST_PANELS_OF_THREE), len(panels))
    down = -(-len(panels) // across)
    width = LEFT + across * PANEL_WIDTH + (across - 1) * BETWEEN + RIGHT
    title, subtitle = texts.above(72 * (width - LEFT))
    head = (BETWEEN_LINES * (len(title) * TITLE.points + len(subtitle) * SMALL.points) + 12) / 72
    labels = UPRIGHT_LABELS if any(has_upright_lengths(panel.grid, style) for panel in panels) else FLAT_LABELS
    pitch = texts.panel_height + PANEL_HEIGHT + labels + GAP
    height = head + down * pitch + 0.3
    figure = new_figure((width, height))
    places = []
    for index, (panel, lines) in enumerate(zip(panels, texts.panels, strict=True)):
        left = LEFT + index % across * (PANEL_WIDTH + BETWEEN)
        bottom = height - head - (index // across) * pitch - texts.panel_height - PANEL_HEIGHT
        axes = figure.add_axes((left / width, bottom / height, PANEL_WIDTH / width, PANEL_HEIGHT / height))
        image = paint(axes, panel.grid, style)
        _name(axes, lines)
        if index % across == 0:
            axes.set_ylabel("Depth (%)", fontsize=9, color=INK)
        if index + across >= len(panels):
            axes.set_xlabel(texts.letters(texts.lengths), fontsize=9, color=INK)
        places.append(axes)
    _head(places[0], (title, subtitle), texts.panel_height)
    top, bottom = height - head - texts.panel_height, height - head - down * pitch + labels + GAP
    bar = figure.add_axes((1 - (RIGHT - 0.12) / width, bottom / height, 0.1 / width, (top - bottom) / height))
    colour_bar(figure, image, cax=bar)
    _caption(places[across * (down - 1)], panels, texts, style, (72 * (width - LEFT), 72 * labels))
    return figure


def _name(axes: Axes, lines: tuple[list[str], str]) -> None:
    """A panel's title, and its mean on the line below."""
    title, mean = lines
    note(axes, mean, (0, 1), 6, fontsize=SMALL.points, color=GREY, va="bottom")
    above = 9 + BETWEEN_LINES * SMALL.points
    note(axes, "\n".join(title), (0, 1), above, fontsize=PANEL_TITLE.points, fontweight="bold", color=INK, va="bottom")


def _head(first: Axes, lines: tuple[list[str], list[str]], panel_height: float) -> None:
    """Title and subtitle above the first panel's own."""
    title, subtitle = lines
    above = 72 * panel_height + 6
    note(first, "\n".join(subtitle), (0, 1), above, fontsize=SMALL.points, color=GREY, va="bottom")
    above += 3 + BETWEEN_LINES * len(subtitle) * SMALL.points
    note(first, "\n".join(title), (0, 1), above, fontsize=TITLE.points, fontweight="bold", color=INK, va="bottom")


def _caption(
    axes: Axes, panels: Sequence[Panel], texts: _Texts, style: Style, room_and_labels: tuple[float, float]
) -> None:
    """Counts below the last row, the tick labels and the axis label."""
    room, labels = room_and_labels
    partial = " ".join(panel.partial for panel in panels)
    text = caption_of([panel.grid for panel in panels], style.window, partial, texts.letters)
    lines = wrap(text, room, TINY, texts.letters.families)
    note(axes, "\n".join(lines), (0, 0), -labels - 18, fontsize=TINY.points, color=GREY, va="top")
