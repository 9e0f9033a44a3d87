"""How long each spec holds, and from where it pays: tested lengths with their intervals, as marks and as a table."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.sweeps import LengthEstimate, SpecSweep

from ..drawing import SMALL, Look, Sheet, lettered, lines_height, save, text_width
from ._scene import Scene, draw_lengths, has_upright_names, places
from ._tables import NOWHERE, UNKNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_length_estimates", "estimate_words", "length_estimates_figure"]

HOLDS, PAYS = "#0072B2", "#D55E00"  # as in the curves: Okabe & Ito
HEAD = Look(9, "bold")

# Inches.
WIDTH = 4.4
NAME_ROOM, COLUMN = 2.6, 1.75
GAP = 0.2
LEAST_ROW = 0.3
OFFSET = 0.16  # of a row: holds above, pays below


def draw_length_estimates(stem: Path, scene: Scene, share: float) -> list[Path]:
    """`stem`.png and `stem`.svg of `holds_to` and `pays_from` of every spec; their paths."""
    with lettered(scene.words()):
        return save(length_estimates_figure(scene, share), stem)


def length_estimates_figure(scene: Scene, share: float) -> Figure:
    """The figure, nothing written to disk."""
    with lettered(scene.words()) as letters:
        blank = Sheet(letters, (1, 1), scene.texts(""))
        names = [blank.wrapped(spec.spec, NAME_ROOM, SMALL) for spec in scene.specs]
        widest = max(text_width(line, SMALL, letters.families) for lines in names for line in lines) / 72
        row = max(LEAST_ROW, *(lines_height(lines, SMALL) + 0.08 for lines in names))
        head = lines_height([""], HEAD) + 0.06
        labels = 0.8 if has_upright_names(scene, blank, WIDTH) else 0.5
        left = widest + GAP
        height = head + row * len(scene.specs) + labels
        size = (left + WIDTH + 2 * (GAP + COLUMN), height)
        sheet = Sheet(letters, size, scene.texts("lengths that each spec holds", *_caption(scene, share, letters.note)))
        axes = sheet.axes(left, head, WIDTH, row * len(scene.specs))
        draw_lengths(axes, scene, sheet, WIDTH, is_labelled=True)
        _rows(axes, scene)
        columns = [left + WIDTH + GAP, left + WIDTH + 2 * GAP + COLUMN]
        sheet.write(["● holds to"], (columns[0], 0), HEAD, color=HOLDS)
        if any(spec.pays_from for spec in scene.specs):
            sheet.write(["◇ pays from"], (columns[1], 0), HEAD, color=PAYS)
        for index, (spec, lines) in enumerate(zip(scene.specs, names, strict=True)):
            middle = head + (index + 0.5) * row
            sheet.write(lines, (0, middle), SMALL, va="center")
            holds = estimate_words(spec.holds_to) if scene.sweep.has_effective_lengths else UNKNOWN
            sheet.write([holds], (columns[0], middle), SMALL, va="center")
            pays = "" if spec.pays_from is None else estimate_words(spec.pays_from)
            sheet.write([pays], (columns[1], middle), SMALL, va="center")
        return sheet.figure


def _caption(scene: Scene, share: float, note: str) -> list[str]:
    control = scene.sweep.control
    first = scene.first.spec
    if scene.sweep.has_effective_lengths:
        holds = f"the longest tested length up to which every length keeps {share:.0%} of the score of {first}"
        holds += f" at {control:,} tokens"
    else:
        where = "at any length inside L" if control is None else f"above 0 at {control:,} tokens"
        holds = f"not known, because {first} has no score {where}"
    pays = f"pays from: the shortest tested length where a spec beats {first} and falls behind it nowhere beyond"
    return [
        f"holds to: {holds}",
        pays if len(scene.specs) > 1 else "",
        "in brackets and as lines: 95% intervals by bootstrap over documents; only tested lengths occur",
        "×: no tested length" if any(None in _tokens(spec, scene) for spec in scene.specs) else "",
        "≥: the longest length tested" if any(spec.holds_to.is_longest for spec in scene.specs) else "",
        scene.counts,
        scene.window_note,
        note,
    ]


def _tokens(spec: SpecSweep, scene: Scene) -> list[int | None]:
    holds = [spec.holds_to.tokens] if scene.sweep.has_effective_lengths else []
    return [*holds, *([spec.pays_from.tokens] if spec.pays_from is not None else [])]


def estimate_words(estimate: LengthEstimate) -> str:
    """`≥ 4,096 (2,048–4,096)`; `nowhere` stands for no tested length."""
    low, high = (NOWHERE if end is None else f"{end:,}" for end in estimate.ci95)
    tokens = NOWHERE if estimate.tokens is None else f"{estimate.tokens:,}"
    return f"{'≥ ' if estimate.is_longest else ''}{tokens} ({low}–{high})" if low != high else tokens


def _rows(axes: Axes, scene: Scene) -> None:
    count = len(scene.specs)
    axes.set_ylim(count, 0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    for index in range(0, count, 2):
        axes.axhspan(index, index + 1, color="#f4f4f4", zorder=0)
    for index, spec in enumerate(scene.specs):
        _draw_row(axes, scene, spec, index + 0.5)


def _draw_row(axes: Axes, scene: Scene, spec: SpecSweep, middle: float) -> None:
    offset = OFFSET if spec.pays_from is not None else 0.0
    low, high = places(scene.sweep.lengths, scene.window)
    if scene.sweep.has_effective_lengths:
        _estimate(axes, spec.holds_to, middle - offset, {"color": HOLDS, "marker": "o"}, nowhere=low)
    if spec.pays_from is not None:
        _estimate(axes, spec.pays_from, middle + offset, {"color": PAYS, "marker": "D", "mfc": "white"}, nowhere=high)


def _estimate(axes: Axes, estimate: LengthEstimate, y: float, style: dict[str, Any], *, nowhere: float) -> None:
    """A marker and its interval; an end that is no tested length runs to the edge where none holds, or none pays."""
    ends = [nowhere if end is None else math.log2(end) for end in estimate.ci95]
    axes.plot(ends, [y, y], color=style["color"], linewidth=1.5, solid_capstyle="butt")
    at = nowhere if estimate.tokens is None else math.log2(estimate.tokens)
    look = {**style, "marker": "x"} if estimate.tokens is None else style
    axes.plot([at], [y], markersize=5.5, linestyle="none", clip_on=False, **look)
