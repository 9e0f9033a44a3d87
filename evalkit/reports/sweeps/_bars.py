"""Scores as bars, each with its number: of a benchmark under several specs, or as somebody published them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..drawing import GREY, INK, SMALL, TINY, Look, Sheet, Texts, lettered, lines_height, save, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Bar", "BarPanel", "bars_figure", "draw_bars"]

BLUE, REFERENCE = "#0072B2", "#8c8c8c"
PANEL_TITLE = Look(10, "bold")
TOPS = (10, 20, 30, 40, 50, 60, 80, 100)  # where an axis may end

# Inches.
WIDTH, NAME_ROOM = 4.2, 2.8
GAP, ROW = 0.12, 0.3
LABELS, BETWEEN = 0.4, 0.25
THICK = 0.64  # of a row


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


class BarPanel(NamedTuple):
    """Bars of one measure."""

    title: str
    """What is measured; empty where the figure's own texts say it."""
    bars: Sequence[Bar]
    """From above to below."""


def draw_bars(stem: Path, panels: Sequence[BarPanel], texts: Texts) -> list[Path]:
    """`stem`.png and `stem`.svg of the panels one below the other, or the file that `stem` names; their paths."""
    with lettered(_words(panels, texts)):
        return save(bars_figure(panels, texts), stem)


def bars_figure(panels: Sequence[BarPanel], texts: Texts) -> Figure:
    """The figure, nothing written to disk; all panels have one scale."""
    with lettered(_words(panels, texts)) as letters:
        blank = Sheet(letters, (1, 1), Texts(""))
        names = [[blank.wrapped(bar.label, NAME_ROOM, SMALL) for bar in panel.bars] for panel in panels]
        widths = [text_width(line, SMALL, letters.families) for bars in names for lines in bars for line in lines]
        row = max(ROW, *(lines_height(lines, SMALL) + 0.08 for bars in names for lines in bars))
        left, top = max(widths) / 72 + GAP, _axis_end(panels)
        heads = [lines_height([panel.title], PANEL_TITLE) + 0.04 if panel.title else 0.0 for panel in panels]
        pitches = [head + row * len(panel.bars) + LABELS for head, panel in zip(heads, panels, strict=True)]
        height = sum(pitches) + BETWEEN * (len(panels) - 1)
        caption = texts.caption if not letters.note else f"{texts.caption} · {letters.note}"
        sheet = Sheet(letters, (left + WIDTH + 0.6, height), texts._replace(caption=caption))
        place = 0.0
        for panel, lines, head, pitch in zip(panels, names, heads, pitches, strict=True):
            sheet.write(sheet.wrapped(panel.title, left + WIDTH, PANEL_TITLE)[:1], (left, place), PANEL_TITLE)
            axes = sheet.axes(left, place + head, WIDTH, row * len(panel.bars))
            _paint(axes, panel, top)
            for index, name in enumerate(lines):
                middle = place + head + (index + 0.5) * row
                sheet.write(name, (left - GAP, middle), SMALL, va="center", ha="right")
            place += pitch + BETWEEN
        return sheet.figure


def _words(panels: Sequence[BarPanel], texts: Texts) -> list[str]:
    return [*texts, *(text for panel in panels for text in (panel.title, *(bar.label for bar in panel.bars)))]


def _axis_end(panels: Sequence[BarPanel]) -> int:
    """The first round number that no bar and no interval passes; 100 where all are 0."""
    ends = [end for panel in panels for bar in panel.bars for end in (bar.score or 0.0, *(bar.ci95 or ()))]
    highest = max(ends, default=0.0)
    return next((top for top in TOPS if highest <= top), 100) if highest > 0 else 100


def _paint(axes: Axes, panel: BarPanel, top: int) -> None:
    axes.set_xlim(0, top)
    axes.set_ylim(len(panel.bars), 0)
    axes.set_yticks([])
    axes.set_xlabel("Score", fontsize=SMALL.points, color=INK)
    axes.grid(axis="x", color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)
    for index, bar in enumerate(panel.bars):
        _bar(axes, index + 0.5, bar)


def _bar(axes: Axes, middle: float, bar: Bar) -> None:
    end = max([bar.score or 0.0, *(bar.ci95 or ())])
    if bar.score is not None:
        axes.barh(middle, bar.score, height=THICK, color=REFERENCE if bar.is_reference else BLUE)
    if bar.ci95 is not None:
        axes.plot(bar.ci95, [middle, middle], color=INK, linewidth=1.2, marker="|", markersize=6, clip_on=False)
    axes.annotate(
        bar.number if bar.score is not None else "no score", (end, middle), xytext=(6, 0), textcoords="offset points",
        va="center", ha="left", fontsize=SMALL.points if bar.score is not None else TINY.points,
        fontweight="bold" if bar.score is not None else "normal", color=INK if bar.score is not None else GREY,
    )  # fmt: skip
