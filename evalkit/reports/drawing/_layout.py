"""A figure laid out in inches: title and subtitle above, what is drawn, a caption below.

However long a text is, it gets the lines that it needs, and what stands below it moves down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ._lettering import SEPARATOR, Lettering, Look, wrap
from ._palettes import GREY, INK
from ._sheet import BETWEEN_LINES, SMALL, TINY, TITLE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Sheet", "Texts", "joined", "lines_height"]

# Inches: between the texts and what is drawn, and between title and subtitle.
GAP, BELOW_TITLE = 0.1, 0.04


class Texts(NamedTuple):
    """What stands around what is drawn."""

    title: str
    """Whose figure it is."""
    subtitle: str = ""
    """What is drawn."""
    caption: str = ""
    """Counts, marks, sources."""


class Sheet:
    """An empty figure with its texts; places are inches from the upper left corner of what is drawn."""

    def __init__(self, letters: Lettering, size: tuple[float, float], texts: Texts) -> None:
        width, height = size
        self.letters = letters
        title, subtitle, caption = (
            self.wrapped(text, width, look) for text, look in zip(texts, (TITLE, SMALL, TINY), strict=True)
        )
        below_title = lines_height(title, TITLE) + BELOW_TITLE
        self._top = below_title + lines_height(subtitle, SMALL) + GAP
        self._width = width
        self._height = self._top + height + GAP + lines_height(caption, TINY)
        self.figure: Figure = new_figure((width, self._height))
        self.write(title, (0, -self._top), TITLE)
        self.write(subtitle, (0, -self._top + below_title), SMALL, color=GREY)
        self.write(caption, (0, height + GAP), TINY, color=GREY)

    def wrapped(self, text: str, room: float, look: Look) -> list[str]:
        """The text in lines of at most that many inches."""
        return wrap(self.letters(text), 72 * room, look, self.letters.families)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Empty axes there, without a frame."""
        x, y = self._point((left, top + height))
        axes = self.figure.add_axes((x, y, width / self._width, height / self._height))
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color("#999999")
        axes.tick_params(length=2.5, color="#999999", labelcolor=INK, labelsize=TINY.points)
        return axes

    def write(self, lines: Sequence[str], place: tuple[float, float], look: Look, **style: Any) -> None:
        """Lines of text whose upper left corner is at that place."""
        if lines:
            style = {"color": INK, "va": "top", "linespacing": BETWEEN_LINES, **style}
            text = "\n".join(lines)
            self.figure.text(*self._point(place), text, fontsize=look.points, fontweight=look.weight, **style)

    def line(self, start: tuple[float, float], end: tuple[float, float], **style: Any) -> None:
        """A line between two places; with a `marker`, one at each of them."""
        from matplotlib.lines import Line2D

        (x0, y0), (x1, y1) = self._point(start), self._point(end)
        self.figure.add_artist(Line2D((x0, x1), (y0, y1), transform=self.figure.transFigure, **style))

    def _point(self, place: tuple[float, float]) -> tuple[float, float]:
        """The same place in shares of the figure, from its lower left corner: saving may add a margin to inches."""
        return place[0] / self._width, (self._height - self._top - place[1]) / self._height


def lines_height(lines: Sequence[str], look: Look) -> float:
    """Inches that lines of text take."""
    return len(lines) * look.points * BETWEEN_LINES / 72


def joined(*parts: str) -> str:
    """The parts of a caption that say something."""
    return SEPARATOR.join(filter(None, parts))
