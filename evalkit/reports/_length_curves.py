"""Scores by length as lines with 95% intervals, a line for each run and a panel for each task or group."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.errors import UnknownNameError, UserError
from evalkit.printable import counted
from evalkit.scores import Measured

from ._benchmark_bars import named_protocols, stem_of
from ._length_points import ALL, CurvePoint, PointCurve, length_curves
from .drawing import (
    GREY,
    INK,
    MOST_MARKS,
    SMALL,
    TINY,
    Look,
    Mark,
    Sheet,
    Texts,
    joined,
    lettered,
    lines_height,
    marks,
    save,
    score_axis_end,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["CurveRun", "draw_length_curves", "length_curves_figure"]

PANEL_TITLE = Look(10, "bold")
TICK = Look(7)
SHORT = {"over 32K": "> 32K"}
MARGIN = 0.03  # of the score axis, above and below
MOST_NAMES = 8  # places named along one panel

# Inches.
LONE, WIDTH = (5.4, 3.0), (2.6, 1.35)  # of one panel by itself, and of one of several
LEFT, BETWEEN, BELOW, TITLES = 0.55, 0.25, 0.5, 0.36
KEY, KEY_GAP = 0.36, 0.25
LABEL_ROOM, BEFORE_LABEL = 2.4, 0.44  # for the names behind the lines of a lone panel
SHIFT, MOST_SHIFT = 0.09, 0.64  # of the room of a place, from line to line and for all lines together


@dataclass(frozen=True)
class CurveRun:
    """One run of a figure of curves."""

    name: str
    """What the figure calls it."""
    folder: Path
    """Its folder, for messages."""
    measured: Measured
    """Its scores, with the samples behind them."""
    options: Mapping[str, str]
    """Options of the benchmark that it had."""
    unit: str = "tokens"
    """What its prompts are counted in."""


class _Panel(NamedTuple):
    title: str
    about: str
    lines: Sequence[tuple[Mark, Sequence[CurvePoint]]]


class _Places(NamedTuple):
    """Places along the length axis, in all panels the same."""

    values: Sequence[float]
    names: Sequence[str]


class _Scene(NamedTuple):
    """What all panels share."""

    runs: Sequence[CurveRun]
    places: _Places
    top: int
    unit: str
    texts: Texts


class _Key(NamedTuple):
    """One run in the key, with the room that it takes."""

    mark: Mark
    lines: Sequence[str]
    width: float


def draw_length_curves(
    stem: Path, runs: Sequence[CurveRun], *, group: str | None = None, by_task: bool = False
) -> list[Path]:
    """Curves of each benchmark of the runs: all samples and groups where these have every length, else tasks.

    `stem`.png and `stem`.svg, or the file that `stem` names; of several benchmarks `stem-BENCHMARK`. `group` narrows to
    a group and its tasks, or to one task. `UserError` where no lengths are known, where they count other things, or
    where there are more runs than lines that can be told apart.
    """
    by_benchmark: dict[str, list[CurveRun]] = {}
    for run in runs:
        by_benchmark.setdefault(run.measured.scores.benchmark, []).append(run)
    made = {name: _panels_of(members, group, by_task=by_task) for name, members in by_benchmark.items()}
    made = {name: found for name, found in made.items() if found[0]}
    if not made:
        names = [each for run in runs for each in (*run.measured.spec.groups, *run.measured.spec.tasks)]
        raise UnknownNameError("task or group of these runs", str(group), list(dict.fromkeys(names)))
    return [
        path
        for name, (curves, unit) in made.items()
        for path in _draw(stem_of(stem, name, is_one=len(made) == 1), by_benchmark[name], curves, unit)
    ]


Curves = Mapping[str, Sequence[PointCurve | None]]
"""Task, group or `all` → the curve of each run; None where the run has none."""


def _panels_of(runs: Sequence[CurveRun], group: str | None, *, by_task: bool) -> tuple[Curves, str]:
    if len(runs) > MOST_MARKS:
        raise UserError(f"--curves: {len(runs)} runs in one figure cannot be told apart; name {MOST_MARKS} at most")
    found = [length_curves(run.measured, run.options, run.unit) for run in runs]
    _check_axes(runs, found)
    names = dict.fromkeys(curve.task for curves in found for curve in curves)
    by_name = [{curve.task: curve for curve in curves} for curves in found]
    chosen = _chosen(runs[0], list(names), by_name, group, by_task=by_task)
    unit = next(curve.unit for curves in found for curve in curves)
    return {name: [curves.get(name) for curves in by_name] for name in chosen}, unit


def _check_axes(runs: Sequence[CurveRun], found: Sequence[Sequence[PointCurve]]) -> None:
    for run, curves in zip(runs, found, strict=True):
        if not curves:
            raise UserError(f"--curves: {run.folder}: nothing tells how long its prompts are; leave it out")
        if curves[0].unit != found[0][0].unit:
            raise UserError(
                f"--curves: {run.folder} has lengths as “{curves[0].unit}”, {runs[0].folder} as “{found[0][0].unit}”; "
                "draw them in figures of their own"
            )


def _chosen(
    run: CurveRun, names: Sequence[str], found: Sequence[Mapping[str, PointCurve]], group: str | None, *, by_task: bool
) -> list[str]:
    """The panels of the figure, by name."""
    spec = run.measured.spec
    tasks = [name for name in spec.tasks if name in names]
    if group is not None:
        members = [group, *spec.members(group)] if group in spec.groups else [group]
        return [name for name in members if name in names]
    groups = [name for name in spec.groups if name in names]
    is_by_task = by_task or not groups or not all(_is_whole(name, curves) for name in groups for curves in found)
    return [*([ALL] if ALL in names else []), *(tasks if is_by_task else groups)]


def _is_whole(group: str, curves: Mapping[str, PointCurve]) -> bool:
    """Whether a group has a point at every length that any sample has."""
    places = {point.place for point in curves[ALL].points} if ALL in curves else set()
    return group in curves and {point.place for point in curves[group].points} == places


def _draw(stem: Path, runs: Sequence[CurveRun], curves: Curves, unit: str) -> list[Path]:
    with lettered(_words(runs, curves, unit)):
        return save(length_curves_figure(runs, curves, unit), stem)


def _words(runs: Sequence[CurveRun], curves: Curves, unit: str) -> list[str]:
    labels = [curve.label for found in curves.values() for curve in found if curve is not None]
    return [unit, runs[0].measured.spec.title, *(run.name for run in runs), *labels]


def length_curves_figure(runs: Sequence[CurveRun], curves: Curves, unit: str) -> Figure:
    """The figure, nothing written to disk; all panels have one scale."""
    with lettered(_words(runs, curves, unit)) as letters:
        panels = [_panel(found, marks(len(runs)), runs[0].measured.spec.tasks) for found in curves.values()]
        scene = _Scene(runs, _places(curves), _axis_end(panels), unit, _texts(runs, curves, unit, letters.note))
        blank = Sheet(letters, (1, 1), Texts(""))
        return _lone(blank, scene, panels[0]) if len(panels) == 1 else _several(blank, scene, panels)


def _panel(found: Sequence[PointCurve | None], used: Sequence[Mark], tasks: Collection[str]) -> _Panel:
    there = [curve for curve in found if curve is not None]
    rule = "mean over samples" if there[0].is_pooled else "" if there[0].task in tasks else "mean of tasks"
    lines = [(mark, () if curve is None else curve.points) for mark, curve in zip(used, found, strict=True)]
    counts = sorted({sum(point.n for point in curve.points) for curve in there})
    n = f"n = {counts[0]:,}" if len(counts) == 1 else f"n = {counts[0]:,} to {counts[-1]:,}"
    title = "All samples" if there[0].task == ALL else there[0].label
    return _Panel(title, joined(n, rule), lines)


def _places(curves: Curves) -> _Places:
    points = [point for found in curves.values() for curve in found if curve is not None for point in curve.points]
    names = {point.place: SHORT.get(point.name, point.name) for point in points}
    return _Places(sorted(names), [names[place] for place in sorted(names)])


def _axis_end(panels: Sequence[_Panel]) -> int:
    """Where the axis ends that all panels share."""
    points = [point for panel in panels for _, line in panel.lines for point in line]
    return score_axis_end(end for point in points for end in (point.score or 0.0, point.high or 0.0))


def _texts(runs: Sequence[CurveRun], curves: Curves, unit: str, note: str) -> Texts:
    measured = [run.measured.scores for run in runs]
    there = [curve for found in curves.values() for curve in found if curve is not None]
    points = [point for curve in there for point in curve.points]
    models = {scores.model for scores in measured}
    is_own_tokens = there[0].axis == "kept" and len(models) > 1
    return Texts(
        runs[0].measured.spec.title,
        joined(
            f"score by {unit[:1].lower()}{unit[1:]}", named_protocols(measured), counted(len(runs), "run"),
            "PARTIAL" if any(scores.partial for scores in measured) else "",
        ),
        joined(
            "bars: 95% interval of each score by itself" if any(point.low is not None for point in points) else "",
            "hollow: too few documents for an interval" if any(point.low is None for point in points) else "",
            "below the lengths: samples",
            "each model's own tokens" if is_own_tokens else "",
            "longer prompts are other samples: compare runs at one length" if there[0].axis != "nominal" else "",
            note,
        ),
    )  # fmt: skip


def _several(blank: Sheet, scene: _Scene, panels: Sequence[_Panel]) -> Figure:
    """Panels in rows, below one key."""
    across, (width, height) = 2 if len(panels) in (2, 4) else 3, WIDTH
    keys = _keys(blank, [run.name for run in scene.runs], across * (width + BETWEEN))
    head, pitch = 0.1 + sum(_row_height(row) for row in keys), TITLES + height + BELOW
    size = (LEFT + across * (width + BETWEEN), head + -(-len(panels) // across) * pitch)
    sheet = Sheet(blank.letters, size, scene.texts)
    _draw_keys(sheet, keys)
    for index, panel in enumerate(panels):
        left, above = LEFT + index % across * (width + BETWEEN), head + index // across * pitch
        axes = _axes(sheet, panel, (left, above), WIDTH)
        _paint(axes, panel, scene, is_first=index % across == 0)
        axes.tick_params(labelleft=index % across == 0)
    return sheet.figure


def _lone(blank: Sheet, scene: _Scene, panel: _Panel) -> Figure:
    """One panel, its lines named where they end."""
    width, height = LONE
    names = [blank.wrapped(run.name, LABEL_ROOM, SMALL) for run in scene.runs]
    room = max(text_width(line, SMALL, blank.letters.families) for lines in names for line in lines) / 72
    sheet = Sheet(blank.letters, (LEFT + width + BEFORE_LABEL + room, TITLES + height + BELOW), scene.texts)
    axes = _axes(sheet, panel, (LEFT, 0), LONE)
    _paint(axes, panel, scene, is_first=True)
    axes.set_xlabel(scene.unit, fontsize=SMALL.points, color=INK)
    ends = [_end_of(points) for _, points in panel.lines]
    named = [index for index, end in enumerate(ends) if end is not None]
    wanted = [height * (1 + MARGIN - (ends[index] or 0.0) / scene.top) / (1 + 2 * MARGIN) for index in named]
    for index, middle in zip(named, _apart(wanted, [lines_height(names[i], SMALL) for i in named]), strict=True):
        mark, x, y = panel.lines[index][0], LEFT + width + BEFORE_LABEL, TITLES + middle
        _sample(sheet, mark, x - BEFORE_LABEL + 0.1, y)
        sheet.write(names[index], (x, y), SMALL, va="center", color=mark.colour)
    return sheet.figure


def _axes(sheet: Sheet, panel: _Panel, place: tuple[float, float], size: tuple[float, float]) -> Axes:
    """Empty axes below the title of a panel."""
    left, above = place
    sheet.write(sheet.wrapped(panel.title, size[0], PANEL_TITLE)[:1], place, PANEL_TITLE)
    sheet.write([panel.about], (left, above + lines_height([panel.title], PANEL_TITLE)), TINY, color=GREY)
    return sheet.axes(left, above + TITLES, *size)


def _end_of(points: Sequence[CurvePoint]) -> float | None:
    """The score at the end of a line; None where it has none."""
    scores = [point.score for point in points if point.score is not None]
    return scores[-1] if scores else None


def _apart(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Middles of labels near the wanted ones, from above to below, that do not touch."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    found = list(wanted)
    for above, below in itertools.pairwise(order):
        found[below] = max(found[below], found[above] + (sizes[above] + sizes[below]) / 2)
    return found


def _keys(blank: Sheet, names: Sequence[str], room: float) -> list[list[_Key]]:
    """Rows of the key that fit into the figure."""
    rows: list[list[_Key]] = [[]]
    for mark, name in zip(marks(len(names)), names, strict=True):
        lines = blank.wrapped(name, room - KEY, SMALL)
        width = KEY + max(text_width(line, SMALL, blank.letters.families) for line in lines) / 72 + KEY_GAP
        if rows[-1] and sum(key.width for key in rows[-1]) + width > room:
            rows.append([])
        rows[-1].append(_Key(mark, lines, width))
    return rows


def _row_height(row: Sequence[_Key]) -> float:
    return max(lines_height(key.lines, SMALL) for key in row) + 0.04


def _draw_keys(sheet: Sheet, rows: Sequence[Sequence[_Key]]) -> None:
    top = 0.0
    for row in rows:
        x, middle = 0.0, top + lines_height(["x"], SMALL) / 2
        for mark, lines, width in row:
            _sample(sheet, mark, x, middle)
            sheet.write(lines, (x + KEY, top), SMALL)
            x += width
        top += _row_height(row)


def _sample(sheet: Sheet, mark: Mark, left: float, middle: float) -> None:
    """A piece of a line with its marker, in front of its name."""
    end, centre = left + KEY - 0.08, (left + (KEY - 0.08) / 2, middle)
    sheet.line((left, middle), (end, middle), color=mark.colour, linewidth=1.5, linestyle=mark.dashes)
    sheet.line(centre, centre, marker=mark.marker, markersize=5, color=mark.colour)


def _paint(axes: Axes, panel: _Panel, scene: _Scene, *, is_first: bool) -> None:
    places, top = scene.places, scene.top
    axes.set_ylim(-MARGIN * top, (1 + MARGIN) * top)
    axes.set_xlim(-0.5, len(places.values) - 0.5)
    step = -(-len(places.values) // MOST_NAMES)
    counts = _counts(panel)
    axes.set_xticks(
        range(len(places.values)),
        [
            f"{name}\n{counts.get(place, '')}" if index % step == 0 else ""
            for index, (place, name) in enumerate(zip(places.values, places.names, strict=True))
        ],
        fontsize=TICK.points,
    )
    axes.grid(axis="y", color="#eeeeee", linewidth=0.8)
    axes.set_axisbelow(True)
    if is_first:
        axes.set_ylabel("Score", fontsize=SMALL.points, color=INK)
    beside = min(SHIFT, MOST_SHIFT / len(panel.lines))
    for index, (mark, points) in enumerate(panel.lines):
        _line(axes, points, places, beside * (index - (len(panel.lines) - 1) / 2), mark)


def _counts(panel: _Panel) -> dict[float, str]:
    """Place → samples there: one number, or the fewest and the most of any run."""
    found: dict[float, set[int]] = {}
    for _, points in panel.lines:
        for point in points:
            found.setdefault(point.place, set()).add(point.n)
    return {place: "–".join(f"{n:,}" for n in sorted({min(each), max(each)})) for place, each in found.items()}


def _line(axes: Axes, points: Sequence[CurvePoint], places: _Places, shift: float, mark: Mark) -> None:
    """A line through the points, broken where one is missing, with intervals; hollow ones have none."""
    by_place = {point.place: point for point in points if point.score is not None}
    scores = {place: point.score or 0.0 for place, point in by_place.items()}
    xs = [index + shift for index in range(len(places.values))]
    style: dict[str, Any] = {"color": mark.colour, "clip_on": False}
    axes.plot(
        xs, [scores.get(place, math.nan) for place in places.values], linewidth=1.4, linestyle=mark.dashes, **style
    )
    for x, place in zip(xs, places.values, strict=True):
        if (point := by_place.get(place)) is None:
            continue
        if point.low is not None and point.high is not None:
            axes.plot([x, x], [point.low, point.high], linewidth=1, marker="_", markersize=3.5, **style)
        face = mark.colour if point.low is not None else "white"
        axes.plot([x], [scores[place]], marker=mark.marker, markersize=4.4, markerfacecolor=face, **style)
