"""Scores as bars, each with its number: of runs by task, of a benchmark under several specs, or as published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .drawing import (
    GREY,
    INK,
    SMALL,
    TINY,
    Look,
    Sheet,
    Texts,
    lettered,
    lines_height,
    save,
    score_axis_end,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Bar", "BarPanel", "Shade", "bars_figure", "draw_bars"]

BLUE, LIGHT, REFERENCE = "#0072B2", "#86BBDD", "#8c8c8c"
HATCH = "//////"
NO_SCORE = "no score"
PANEL_TITLE = Look(10, "bold")
ENDS = (10, 20, 30, 40, 50, 60, 80, 100)  # where an axis may end

# Inches.
WIDTHS = {1: 4.2, 2: 2.9, 3: 2.3, 4: 1.9}  # of a panel, by panels side by side
NAME_ROOM = 2.8
GAP, ROW, LOW_ROW = 0.12, 0.3, 0.2  # rows are low from 4 bars on where panels stand side by side
LABELS, BETWEEN = 0.4, 0.25
BESIDE = 0.3  # between the longest text behind a bar and the next panel
THICK = 0.64  # of a row
FEW = 3  # bars

Shade = Literal["full", "light", "hatched"]


class Bar(NamedTuple):
    """One bar."""

    label: str
    """What it is the score of."""
    score: float | None
    """0–100; None = there is no score, and no bar."""
    number: str
    """The score as it is written beside the bar."""
    ci95: tuple[float, float] | None = None
    """95% interval."""
    is_reference: bool = False
    """Whether the others are held against it."""
    shade: Shade = "full"
    """How it is painted where it is no reference."""
    remark: str = ""
    """What stands in grey behind the number."""


class BarPanel(NamedTuple):
    """Bars of one measure."""

    title: str
    """What is measured; empty where the figure's own texts say it."""
    bars: Sequence[Bar]
    """From above to below."""
    about: str = ""
    """What stands below the title: how many samples there are."""


class _Grid(NamedTuple):
    """Where panels stand, in inches."""

    columns: int
    left: float
    """Room for the names of bars."""
    width: float
    """Of a panel."""
    behind: float
    """Room for the numbers behind its bars."""
    row: float
    """Height of a bar's row."""
    head: float
    """Room for a panel's title."""

    def place(self, index: int, bars: int) -> tuple[float, float]:
        """Left and upper ends of a panel's axes; all panels of several columns have as many bars."""
        line, column = divmod(index, self.columns)
        pitch = self.head + bars * self.row + BETWEEN
        return self.left + column * (self.width + self.behind), line * pitch + self.head


def draw_bars(stem: Path, panels: Sequence[BarPanel], texts: Texts, columns: int = 1) -> list[Path]:
    """`stem`.png and `stem`.svg of the panels, or the file that `stem` names; their paths."""
    with lettered(_words(panels, texts)):
        return save(bars_figure(panels, texts, columns), stem)


def bars_figure(panels: Sequence[BarPanel], texts: Texts, columns: int = 1) -> Figure:
    """The figure, nothing written to disk; all panels have one scale.

    Panels stand one below the other, or side by side in so many `columns`; then all have the same bars, whose names
    stand on the left once.
    """
    with lettered(_words(panels, texts)) as letters:
        caption = texts.caption if not letters.note else f"{texts.caption} · {letters.note}"
        texts = texts._replace(caption=caption)
        blank = Sheet(letters, (1, 1), Texts(""))
        return _one_below_other(blank, panels, texts) if columns == 1 else _beside(blank, panels, texts, columns)


def _one_below_other(blank: Sheet, panels: Sequence[BarPanel], texts: Texts) -> Figure:
    letters = blank.letters
    names = [[blank.wrapped(bar.label, NAME_ROOM, SMALL) for bar in panel.bars] for panel in panels]
    left, row = _room(blank, [lines for bars in names for lines in bars], ROW)
    heads = [_head(panel) for panel in panels]
    pitches = [head + row * len(panel.bars) + LABELS for head, panel in zip(heads, panels, strict=True)]
    height = sum(pitches) + BETWEEN * (len(panels) - 1)
    behind = max(0.6, _behind(blank, panels, WIDTHS[1]))
    sheet, top, place = Sheet(letters, (left + WIDTHS[1] + behind, height), texts), _axis_end(panels), 0.0
    for panel, lines, head, pitch in zip(panels, names, heads, pitches, strict=True):
        _titles(sheet, panel, (left, place), left + WIDTHS[1])
        _paint(sheet.axes(left, place + head, WIDTHS[1], row * len(panel.bars)), panel, top)
        _names(sheet, lines, (left, place + head), row)
        place += pitch + BETWEEN
    return sheet.figure


def _beside(blank: Sheet, panels: Sequence[BarPanel], texts: Texts, columns: int) -> Figure:
    labels = [bar.label for bar in panels[0].bars]
    names = [blank.wrapped(label, NAME_ROOM, SMALL) for label in labels]
    left, row = _room(blank, names, ROW if len(labels) <= FEW else LOW_ROW)
    head = max(map(_head, panels))
    grid = _Grid(columns, left, WIDTHS[columns], _behind(blank, panels, WIDTHS[columns]), row, head)
    lines = -(-len(panels) // columns)
    width = left + columns * (grid.width + grid.behind)
    height = grid.place((lines - 1) * columns, len(labels))[1] + row * len(labels) + LABELS
    sheet, top = Sheet(blank.letters, (width, height), texts), _axis_end(panels)
    for index, panel in enumerate(panels):
        x, y = grid.place(index, len(labels))
        _titles(sheet, panel, (x, y - head), grid.width + grid.behind)
        is_lowest = index + columns >= len(panels)
        _paint(sheet.axes(x, y, grid.width, row * len(labels)), panel, top, is_labelled=is_lowest)
        if index % columns == 0:
            _names(sheet, names, (x, y), row)
    return sheet.figure


def _room(blank: Sheet, names: Sequence[Sequence[str]], row: float) -> tuple[float, float]:
    """Inches on the left of the bars, and of a bar's row, that the names need."""
    widths = [text_width(line, SMALL, blank.letters.families) for lines in names for line in lines]
    return max(widths) / 72 + GAP, max(row, *(lines_height(lines, SMALL) + 0.02 for lines in names))


def _behind(blank: Sheet, panels: Sequence[BarPanel], width: float) -> float:
    """Inches that numbers take beyond the end of an axis that is `width` inches long, and a gap."""
    families, top = blank.letters.families, _axis_end(panels)
    ends = [
        width * _end_of(bar) / top
        + text_width(bar.number or NO_SCORE, Look(SMALL.points, "bold"), families) / 72
        + (text_width(f"  {bar.remark}", TINY, families) / 72 if bar.remark else 0.0)
        for panel in panels for bar in panel.bars
    ]  # fmt: skip
    return max(0.0, max(ends) - width) + BESIDE


def _end_of(bar: Bar) -> float:
    """Where the bar with its interval ends."""
    return max(bar.score or 0.0, 0.0 if bar.ci95 is None else bar.ci95[1])


def _head(panel: BarPanel) -> float:
    title = lines_height([panel.title], PANEL_TITLE) + 0.04 if panel.title else 0.0
    return title + (lines_height([panel.about], TINY) + 0.03 if panel.about else 0.0)


def _titles(sheet: Sheet, panel: BarPanel, place: tuple[float, float], room: float) -> None:
    sheet.write(sheet.wrapped(panel.title, room, PANEL_TITLE)[:1], place, PANEL_TITLE)
    below = place[1] + (lines_height([panel.title], PANEL_TITLE) if panel.title else 0.0)
    sheet.write(sheet.wrapped(panel.about, room, TINY)[:1], (place[0], below), TINY, color=GREY)


def _names(sheet: Sheet, names: Sequence[Sequence[str]], place: tuple[float, float], row: float) -> None:
    for index, name in enumerate(names):
        sheet.write(name, (place[0] - GAP, place[1] + (index + 0.5) * row), SMALL, va="center", ha="right")


def _words(panels: Sequence[BarPanel], texts: Texts) -> list[str]:
    return [
        *texts,
        *(text for panel in panels for text in (panel.title, panel.about, *(bar.label for bar in panel.bars))),
    ]


def _axis_end(panels: Sequence[BarPanel]) -> int:
    """Where the axis ends that all panels share."""
    return score_axis_end((_end_of(bar) for panel in panels for bar in panel.bars), ENDS)


def _paint(axes: Axes, panel: BarPanel, top: int, *, is_labelled: bool = True) -> None:
    axes.set_xlim(0, top)
    axes.set_ylim(len(panel.bars), 0)
    axes.set_yticks([])
    if is_labelled:
        axes.set_xlabel("Score", fontsize=SMALL.points, color=INK)
    else:
        axes.tick_params(labelbottom=False)
    axes.grid(axis="x", color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)
    for index, bar in enumerate(panel.bars):
        _bar(axes, index + 0.5, bar)


def _bar(axes: Axes, middle: float, bar: Bar) -> None:
    end = _end_of(bar)
    if bar.score is not None:
        axes.barh(middle, bar.score, height=THICK, **_look(bar))
    if bar.ci95 is not None:
        axes.plot(bar.ci95, [middle, middle], color=INK, linewidth=1.2, marker="|", markersize=6, clip_on=False)
    number = axes.annotate(
        bar.number if bar.score is not None else NO_SCORE, (end, middle), xytext=(6, 0), textcoords="offset points",
        va="center", ha="left", fontsize=SMALL.points if bar.score is not None else TINY.points,
        fontweight="bold" if bar.score is not None else "normal", color=INK if bar.score is not None else GREY,
    )  # fmt: skip
    if bar.remark:
        axes.annotate(
            bar.remark, (1, 0.5), xycoords=number, xytext=(4, 0), textcoords="offset points", va="center", ha="left",
            fontsize=TINY.points, color=GREY,
        )  # fmt: skip


def _look(bar: Bar) -> dict[str, Any]:
    if bar.is_reference:
        return {"color": REFERENCE}
    if bar.shade == "hatched":
        return {"facecolor": "white", "edgecolor": REFERENCE, "hatch": HATCH, "linewidth": 0.8}
    return {"color": BLUE if bar.shade == "full" else LIGHT}
