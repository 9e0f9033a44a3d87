"""Counts of parts as stacked bars, each row a whole of 100%."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .drawing import INK, SMALL, TINY, Look, Sheet, Texts, joined, lettered, lines_height, save, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Part", "Stack", "StackPanel", "draw_stacks", "percent", "stacks_figure"]

PANEL_TITLE = Look(10, "bold")
INSIDE = Look(7.5)

# Inches.
WIDTHS = {1: 6.0, 2: 4.0, 3: 3.2}  # of a panel, by panels side by side
NAME_ROOM, GAP, ROW = 2.6, 0.12, 0.24
BETWEEN, LABELS, COUNTS = 0.3, 0.42, 0.1
SQUARE, KEY_GAP, KEY_LINE = 0.2, 0.25, 0.24
THICK = 0.74  # of a row
RULE = 0.06  # above a total


class Part(NamedTuple):
    """One part of every row."""

    name: str
    colour: str
    ink: str
    """Colour of what is written on it."""


class Stack(NamedTuple):
    """One row."""

    label: str
    counts: Sequence[int]
    """How much of each part there is."""
    is_total: bool = False
    """Whether it sums up the rows above it."""


class StackPanel(NamedTuple):
    """Rows of one thing."""

    title: str
    """Whose they are; empty where the figure's own texts say it."""
    stacks: Sequence[Stack]
    """From above to below; in panels side by side the same labels."""


class _Grid(NamedTuple):
    """Where panels stand, in inches."""

    across: int
    left: float
    width: float
    counts: float
    """Room for the whole numbers behind the rows."""
    head: float
    row: float

    def place(self, index: int, rows: int) -> tuple[float, float]:
        line, column = divmod(index, self.across)
        pitch = self.head + rows * self.row + LABELS + BETWEEN
        return self.left + column * (self.width + self.counts + BETWEEN), line * pitch


def draw_stacks(stem: Path, panels: Sequence[StackPanel], parts: Sequence[Part], texts: Texts, noun: str) -> list[Path]:
    """`stem`.png and `stem`.svg of the panels, or the file that `stem` names; their paths."""
    with lettered(_words(panels, parts, texts)):
        return save(stacks_figure(panels, parts, texts, noun), stem)


def stacks_figure(panels: Sequence[StackPanel], parts: Sequence[Part], texts: Texts, noun: str) -> Figure:
    """The figure, nothing written to disk: up to three panels side by side, with the labels on their left.

    `noun` is what is counted, in the plural.
    """
    with lettered(_words(panels, parts, texts)) as letters:
        blank = Sheet(letters, (1, 1), Texts(""))
        names = [blank.wrapped(stack.label, NAME_ROOM, SMALL) for stack in panels[0].stacks]
        grid, keys = _grid(blank, panels, names), _keys(blank, parts)
        rows, above = len(names), len(keys) * KEY_LINE + 0.1
        lines = -(-len(panels) // grid.across)
        right, bottom = grid.place(grid.across - 1, rows)[0], grid.place((lines - 1) * grid.across, rows)[1]
        size = (right + grid.width + grid.counts, above + bottom + grid.head + rows * grid.row + LABELS)
        sheet = Sheet(letters, size, texts._replace(caption=joined(texts.caption, letters.note)))
        _draw_keys(sheet, keys)
        for index, panel in enumerate(panels):
            left, top = grid.place(index, rows)
            axes = _panel(sheet, grid, panel, parts, (left, above + top))
            axes.set_xlabel(f"Share of {noun}", fontsize=TINY.points, color=INK)
            for row, name in enumerate(names if index % grid.across == 0 else ()):
                middle = above + top + grid.head + (row + 0.5) * grid.row
                weight = "bold" if panel.stacks[row].is_total else "normal"
                sheet.write(name, (left - GAP, middle), Look(SMALL.points, weight), va="center", ha="right")
        return sheet.figure


def _words(panels: Sequence[StackPanel], parts: Sequence[Part], texts: Texts) -> list[str]:
    labels = [text for panel in panels for text in (panel.title, *(stack.label for stack in panel.stacks))]
    return [*texts, *labels, *(part.name for part in parts)]


def _grid(blank: Sheet, panels: Sequence[StackPanel], names: Sequence[Sequence[str]]) -> _Grid:
    families = blank.letters.families
    across = min(len(panels), max(WIDTHS))
    left = max(text_width(line, Look(SMALL.points, "bold"), families) for lines in names for line in lines) / 72 + GAP
    totals = [f"{sum(stack.counts):,}" for panel in panels for stack in panel.stacks]
    counts = max(text_width(text, TINY, families) for text in totals) / 72 + COUNTS
    titles = [blank.wrapped(panel.title, WIDTHS[across], PANEL_TITLE) for panel in panels]
    head = max(lines_height(lines, PANEL_TITLE) for lines in titles) + 0.04
    row = max(ROW, *(lines_height(lines, SMALL) + 0.02 for lines in names))
    return _Grid(across, left, WIDTHS[across], counts, head, row)


def _panel(sheet: Sheet, grid: _Grid, panel: StackPanel, parts: Sequence[Part], place: tuple[float, float]) -> Axes:
    left, top = place
    sheet.write(sheet.wrapped(panel.title, grid.width, PANEL_TITLE), place, PANEL_TITLE)
    axes = sheet.axes(left, top + grid.head, grid.width, grid.row * len(panel.stacks))
    axes.set_xlim(0, 100)
    axes.set_ylim(len(panel.stacks), 0)
    axes.set_yticks([])
    axes.set_xticks(range(0, 101, 25), [f"{share}%" for share in range(0, 101, 25)])
    axes.spines["left"].set_visible(False)
    for index, stack in enumerate(panel.stacks):
        _stack(axes, sheet, grid, index, stack, parts)
        middle = top + grid.head + (index + 0.5) * grid.row
        text = [f"{sum(stack.counts):,}"]
        sheet.write(text, (left + grid.width + COUNTS, middle), TINY, va="center", color=INK)
    return axes


def _stack(axes: Axes, sheet: Sheet, grid: _Grid, index: int, stack: Stack, parts: Sequence[Part]) -> None:
    whole, start, middle = sum(stack.counts), 0.0, index + 0.5
    if stack.is_total:
        axes.axhline(index, color="#999999", linewidth=0.8)
    for part, count in zip(parts, stack.counts, strict=True):
        if not count:
            continue
        width = 100 * count / whole
        axes.barh(middle, width, left=start, height=THICK, color=part.colour, edgecolor="white", linewidth=0.6)
        room = 72 * grid.width * width / 100 - 4
        told = (f"{percent(count, whole)} ({count:,})", percent(count, whole))
        text = next((each for each in told if text_width(each, INSIDE, sheet.letters.families) <= room), "")
        axes.text(start + width / 2, middle, text, fontsize=INSIDE.points, color=part.ink, ha="center", va="center")
        start += width


def percent(count: int, whole: int) -> str:
    """A share as `31%`; `< 1%` and `> 99%` for what is not nothing and not all."""
    share = 100 * count / whole
    if 0 < share < 1:
        return "< 1%"
    if 99 < share < 100:
        return "> 99%"
    return f"{share:.0f}%"


def _keys(blank: Sheet, parts: Sequence[Part]) -> list[list[tuple[Part, float]]]:
    """Rows of the key: parts, each with the inches that it takes."""
    room = WIDTHS[1] + 1.5
    rows: list[list[tuple[Part, float]]] = [[]]
    for part in parts:
        width = SQUARE + text_width(part.name, SMALL, blank.letters.families) / 72 + KEY_GAP
        if rows[-1] and sum(taken for _, taken in rows[-1]) + width > room:
            rows.append([])
        rows[-1].append((part, width))
    return rows


def _draw_keys(sheet: Sheet, rows: Sequence[Sequence[tuple[Part, float]]]) -> None:
    for line, row in enumerate(rows):
        x = 0.0
        for part, width in row:
            middle = (x + SQUARE / 2 - 0.02, line * KEY_LINE + lines_height(["x"], SMALL) / 2)
            sheet.line(middle, middle, marker="s", markersize=8, color=part.colour)
            sheet.write([part.name], (x + SQUARE, line * KEY_LINE), SMALL)
            x += width
