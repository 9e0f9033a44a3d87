"""Scores by length with 95% intervals, and below them the paired differences to the first spec.

A few specs share one panel; more are spread over panels by rule, each with the first spec in it. Specs stand a little
beside each other at every length, so that no interval hides another.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.sweeps import SpecSweep, SweepCell

from ..drawing import INK, SMALL, TINY, Look, Sheet, lettered, lines_height, save, score_axis_end, text_width
from ._scene import Mark, Scene, draw_lengths, families, has_upright_names, marks_of, places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["curves_figure", "draw_curves"]

PANEL_TITLE = Look(10, "bold")
LEAST_DIFFERENCE = 5.0  # points that an axis of differences spans to either side, so that noise does not fill it

# Inches.
LONE_WIDTH, WIDTH = 6.2, 3.9
SCORES, DIFFERENCES = 2.3, 1.5
LEFT, BETWEEN, ABOVE_AXES, BELOW_AXES = 0.65, 0.75, 0.22, 0.16
FLAT_NAMES, UPRIGHT_NAMES = 0.42, 0.72
ROW_GAP = 0.2
KEY, KEY_GAP, KEY_LEAD = 0.36, 0.2, 0.04
DOTS = (0, (1, 1))
STEP = 3.2  # points from spec to spec at one length, where there is room


class _Panel(NamedTuple):
    title: str
    specs: Sequence[SpecSweep]
    keys: Sequence[Sequence[tuple[SpecSweep, list[str]]]]
    """Rows of the key: specs, each with the lines of its name."""

    @property
    def head(self) -> float:
        """Inches of title and key."""
        title = lines_height([self.title], PANEL_TITLE) + KEY_LEAD if self.title else 0.0
        return title + sum(map(_key_height, self.keys))


def draw_curves(stem: Path, scene: Scene) -> list[Path]:
    """`stem`.png and `stem`.svg of scores and differences by length; their paths."""
    with lettered(scene.words()):
        return save(curves_figure(scene), stem)


def curves_figure(scene: Scene) -> Figure:
    """The figure, nothing written to disk."""
    with lettered(scene.words()) as letters:
        groups = families(list(scene.sweep.specs))
        across = 1 if len(groups) == 1 else 2 if len(groups) in (2, 4) else 3
        width = LONE_WIDTH if across == 1 else WIDTH
        blank = Sheet(letters, (1, 1), scene.texts(""))
        panels = [_panel(scene, blank, title, members, width) for title, members in groups]
        names = UPRIGHT_NAMES if has_upright_names(scene, blank, width) else FLAT_NAMES
        head = max(panel.head for panel in panels)
        below = BELOW_AXES + DIFFERENCES if len(scene.specs) > 1 else 0.0
        pitch = head + ABOVE_AXES + SCORES + below + names + ROW_GAP
        down = -(-len(panels) // across)
        size = (LEFT + across * width + (across - 1) * BETWEEN, down * pitch - ROW_GAP)
        sheet = Sheet(letters, size, scene.texts("score by length", *_caption(scene, sheet_note=letters.note)))
        for index, panel in enumerate(panels):
            left = LEFT + index % across * (width + BETWEEN)
            top = index // across * pitch
            _draw_key(sheet, panel, marks_of(list(scene.sweep.specs)), (left, top))
            _draw_panel(sheet, scene, panel, (left, top + head + ABOVE_AXES), width)
        return sheet.figure


def _caption(scene: Scene, sheet_note: str) -> list[str]:
    found = [cell for spec in scene.specs for cell in spec.cells]
    is_open = any(_is_open(spec, cell, scene) for spec in scene.specs for cell in spec.cells)
    return [
        scene.counts,
        "bars: 95% intervals over documents" if any(cell.ci95 for cell in found) else "",
        f"below: differences to {scene.first.spec} on the same samples, paired" if len(scene.specs) > 1 else "",
        "hollow: too few documents for an interval" if is_open else "",
        scene.window_note,
        sheet_note,
    ]


def _is_open(spec: SpecSweep, cell: SweepCell, scene: Scene) -> bool:
    return cell.ci95 is None or (spec is not scene.first and cell.difference_ci95 is None)


def _panel(scene: Scene, sheet: Sheet, title: str, members: Sequence[str], width: float) -> _Panel:
    specs = [scene.first, *(scene.sweep.specs[name] for name in members)]
    rows: list[list[tuple[SpecSweep, list[str]]]] = [[]]
    used = 0.0
    for spec in specs:
        lines = sheet.wrapped(spec.spec, width - KEY, SMALL)
        taken = _key_width(lines, sheet)
        if rows[-1] and used + taken > width:
            rows.append([])
            used = 0.0
        rows[-1].append((spec, lines))
        used += taken + KEY_GAP
    return _Panel(title, specs, rows)


def _key_height(row: Sequence[tuple[SpecSweep, list[str]]]) -> float:
    return max(lines_height(lines, SMALL) for _, lines in row) + KEY_LEAD


def _key_width(lines: Sequence[str], sheet: Sheet) -> float:
    return KEY + max(text_width(line, SMALL, sheet.letters.families) for line in lines) / 72


def _draw_panel(sheet: Sheet, scene: Scene, panel: _Panel, place: tuple[float, float], width: float) -> None:
    """Scores, and differences below them where there are any; `place` is where the axes begin."""
    left, top = place
    marks = marks_of(list(scene.sweep.specs))
    above = sheet.axes(left, top, width, SCORES)
    others = [spec for spec in panel.specs if spec is not scene.first]
    draw_lengths(above, scene, sheet, width, is_labelled=not others)
    _name_window(above, scene)
    _score_axis(above, scene)
    shifts = _shifts(panel.specs, scene, width)
    for spec in panel.specs:
        points = _points(spec, scene, lambda cell: (cell.score, cell.ci95))
        _curve(above, points, shifts[spec.spec], marks[spec.spec], is_first=spec is scene.first)
    if not others:
        return
    below = sheet.axes(left, top + SCORES + BELOW_AXES, width, DIFFERENCES)
    draw_lengths(below, scene, sheet, width, is_labelled=True)
    _difference_axis(below, scene)
    for spec in others:
        points = _points(spec, scene, lambda cell: (cell.difference, cell.difference_ci95))
        _curve(below, points, shifts[spec.spec], marks[spec.spec], is_first=False)


def _draw_key(sheet: Sheet, panel: _Panel, marks: Mapping[str, Mark], place: tuple[float, float]) -> None:
    left, top = place
    if panel.title:
        sheet.write([panel.title], (left, top), PANEL_TITLE)
        top += lines_height([panel.title], PANEL_TITLE) + KEY_LEAD
    for row in panel.keys:
        x = left
        for spec, lines in row:
            mark, middle = marks[spec.spec], top + lines_height(lines[:1], SMALL) / 2
            dashes = DOTS if spec is panel.specs[0] else "-"
            sheet.line((x, middle), (x + KEY - 0.08, middle), color=mark.colour, linewidth=1.5, linestyle=dashes)
            centre = (x + (KEY - 0.08) / 2, middle)
            sheet.line(centre, centre, marker=mark.marker, markersize=5, color=mark.colour)
            sheet.write(lines, (x + KEY, top), SMALL)
            x += _key_width(lines, sheet) + KEY_GAP
        top += _key_height(row)


def _name_window(axes: Axes, scene: Scene) -> None:
    low, high = places(scene.sweep.lengths, scene.window)
    if low <= math.log2(scene.window) <= high:
        axes.annotate(
            f"L = {scene.window:,}", (math.log2(scene.window), 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
            textcoords="offset points", ha="center", va="bottom", fontsize=TINY.points - 0.5, color=INK,
        )  # fmt: skip


def _score_axis(axes: Axes, scene: Scene) -> None:
    """From 0 to the first round number above all intervals, the same in all panels."""
    ends = [end for spec in scene.specs for cell in spec.cells for end in (cell.score, *(cell.ci95 or ()))]
    top = score_axis_end(ends)
    axes.set_ylim(-0.03 * top, 1.03 * top)
    axes.set_ylabel("Score", fontsize=SMALL.points, color=INK)
    axes.grid(axis="y", color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)


def _difference_axis(axes: Axes, scene: Scene) -> None:
    """As far to either side as the differences go, the same in all panels."""
    others = [cell for spec in scene.specs[1:] for cell in spec.cells]
    ends = [end for cell in others for end in (cell.difference or 0.0, *(cell.difference_ci95 or ()))]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    least = LEAST_DIFFERENCE
    low, high = min(low, -least if high <= least else -0.1 * high), max(high, least if low >= -least else -0.1 * low)
    margin = 0.05 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    axes.axhline(0, color=INK, linewidth=1, zorder=1)
    axes.set_ylabel("Difference\n(points)", fontsize=SMALL.points, color=INK)
    axes.grid(axis="y", color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)


def _shifts(specs: Sequence[SpecSweep], scene: Scene, width: float) -> dict[str, float]:
    """Spec → octaves that it stands beside each length: less where lengths are near each other."""
    low, high = places(scene.sweep.lengths, scene.window)
    point = (high - low) / (72 * width)
    octaves = [math.log2(length) for length in scene.sweep.lengths]
    nearest = min((right - left for left, right in itertools.pairwise(octaves)), default=high - low)
    step = min(STEP * point, max(0.6 * nearest / len(specs), STEP * point / 2))
    return {spec.spec: (index - (len(specs) - 1) / 2) * step for index, spec in enumerate(specs)}


Value = tuple[float | None, tuple[float, float] | None]
Point = tuple[int, float | None, tuple[float, float] | None]


def _points(spec: SpecSweep, scene: Scene, value: Callable[[SweepCell], Value]) -> list[Point]:
    """Length, value and interval at every tested length; no value where the spec has no such cell."""
    cells = {cell.length: cell for cell in spec.cells}
    return [(length, *(value(cells[length]) if length in cells else (None, None))) for length in scene.sweep.lengths]


def _curve(axes: Axes, points: Sequence[Point], shift: float, mark: Mark, *, is_first: bool) -> None:
    """A line through the values, broken where one is missing, with intervals; hollow markers have none."""
    xs = [math.log2(length) + shift for length, _, _ in points]
    ys = [math.nan if value is None else value for _, value, _ in points]
    style: dict[str, Any] = {"color": mark.colour, "zorder": 2.5 if is_first else 3}
    axes.plot(xs, ys, linewidth=1.5, linestyle=DOTS if is_first else "-", **style)
    for x, (_, value, interval) in zip(xs, points, strict=True):
        if value is None:
            continue
        if interval is not None:
            axes.plot([x, x], interval, linewidth=1.2, marker="_", markersize=4, **style)
        face = mark.colour if interval is not None else "white"
        axes.plot([x], [value], marker=mark.marker, markersize=4.6, markerfacecolor=face, linestyle="none", **style)
