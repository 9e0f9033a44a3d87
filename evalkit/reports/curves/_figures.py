"""Figures of a perplexity curve: a line per spec over length, a line per length over base, a map of base × length.

The last two show what the Index-1.9B-32K report shows of its choice of a base.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evalkit.perplexity import Curve, CurvePoint, SpecCurve

from ..drawing import SEPARATOR, Lettering, Look, lettered, new_figure, note, save, wrap
from ._scales import GREY, INK, base_axis, length_axis, perplexity_axis, plain
from ._tables import curve_caption, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_curve"]

# Okabe and Ito's colours, which people of every colour vision tell apart; the reference is black.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8B6F47")
MARKERS = "osD^vPX*"
SIZE = (7.2, 4.4)
TITLE, SMALL = Look(13, "bold"), Look(9)
SHIFT, MOST_SHIFT = 0.008, 0.4
"""Of an axis, from one line to the next; and of the gap between two lengths, for all lines together."""
MOST_CAPPED = 5  # lines whose intervals end in a stroke
MOST_LETTERED = 60  # cells of a map whose numbers are printed


class _Line(NamedTuple):
    """One line of a figure."""

    name: str
    places: list[float]
    points: list[CurvePoint]


def draw_curve(folder: Path, curve: Curve) -> list[Path]:
    """The figures that the curve has enough points for, as PNG and SVG; their paths."""
    based = _by_base(curve)
    drawn: list[Path] = []
    if len(curve.lengths) > 1:
        drawn += _draw(folder / "perplexity-by-length", curve, _over_length)
    if len(based) > 1:
        drawn += _draw(folder / "perplexity-by-base", curve, _over_base)
    if len(based) > 1 and len(curve.lengths) > 1:
        drawn += _draw(folder / "perplexity-map", curve, _map)
    return drawn


def _draw(stem: Path, curve: Curve, draw: Callable[[Axes, Curve], str]) -> list[Path]:
    """One figure: its axes by `draw`, which returns the title, and what all figures have around them."""
    caption = f"{curve.text}: {curve_caption(curve)}"
    with lettered((curve.model, caption)) as letters:
        figure = new_figure(SIZE)
        axes = figure.add_subplot()
        title = draw(axes, curve)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(labelsize=9, length=2.5, color="#999999", labelcolor=INK)
        _texts(axes, (f"{title}, {curve.model}", caption), _below(curve, has_bars=draw is not _map), letters)
        return save(figure, stem)


def _texts(axes: Axes, above: tuple[str, str], below: str, letters: Lettering) -> None:
    room = 72 * SIZE[0] * (1 - axes.get_position().x0)
    title, caption = (
        wrap(letters(text), room, look, letters.families) for text, look in zip(above, (TITLE, SMALL), strict=True)
    )
    note(axes, "\n".join(caption), (0, 1), 12, fontsize=SMALL.points, color=GREY, va="bottom")
    height = 15 + len(caption) * SMALL.points * 1.25
    note(axes, "\n".join(title), (0, 1), height, fontsize=TITLE.points, fontweight="bold", color=INK, va="bottom")
    lines = wrap(letters(below), room, SMALL, letters.families)
    note(axes, "\n".join(lines), (0, 0), -44, fontsize=8, color=GREY, va="top")


def _below(curve: Curve, *, has_bars: bool) -> str:
    bars = "bars: 95% intervals over documents" if curve.has_intervals else "no intervals: too few documents"
    return SEPARATOR.join(["perplexity = e to the mean of −ln p per token", *([bars] if has_bars else [])])


def _over_length(axes: Axes, curve: Curve) -> str:
    lines = [_Line(spec.spec, [float(each) for each in curve.lengths], list(spec.points)) for spec in curve.specs]
    _plot(axes, lines, _colours(len(lines), is_ordered=_is_only_bases(curve)), "RoPE")
    length_axis(axes, curve.lengths)
    if curve.lengths[0] < curve.original_length < curve.lengths[-1]:
        _mark(axes, curve.original_length, f"made for {curve.original_length:,} tokens")
    return "Perplexity by length"


def _over_base(axes: Axes, curve: Curve) -> str:
    based = _by_base(curve)
    bases = [base for base, _ in based]
    lines = [
        _Line(f"{length:,}", bases, [spec.points[index] for _, spec in based])
        for index, length in enumerate(curve.lengths)
    ]
    _plot(axes, lines, _colours(len(lines), is_ordered=True), "Tokens")
    base_axis(axes, bases)
    if curve.base is not None and bases[0] <= curve.base <= bases[-1]:
        _mark(axes, curve.base, f"released with {plain(curve.base)}")
    return "Perplexity by rotation base"


def _map(axes: Axes, curve: Curve) -> str:
    import numpy as np

    based = _by_base(curve)
    losses = np.array([[point.loss for point in spec.points] for _, spec in based])
    image = axes.pcolormesh(losses, cmap="viridis_r", edgecolors="white", linewidth=0.8)
    axes.set_xticks([column + 0.5 for column in range(len(curve.lengths))], [f"{each:,}" for each in curve.lengths])
    axes.set_yticks([row + 0.5 for row in range(len(based))], [plain(base) for base, _ in based])
    axes.set_xlabel("Window length (tokens)", fontsize=10, color=INK)
    axes.set_ylabel("Rotation base", fontsize=10, color=INK)
    if losses.size <= MOST_LETTERED:
        _letter(axes, based, losses)
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02, fraction=0.05, aspect=30)
    bar.ax.ticklabel_format(useOffset=False)  # a summand above the bar is overlooked
    bar.set_label("Nats per token (light is low)", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8.5, length=2.5, color="#999999", labelcolor=INK)
    for spine in bar.ax.spines.values():
        spine.set_visible(False)
    return "Perplexity by base and length"


def _letter(axes: Axes, based: Sequence[tuple[float, SpecCurve]], losses: object) -> None:
    """The perplexity in each cell."""
    import numpy as np

    values = np.asarray(losses)
    middle = (values.min() + values.max()) / 2
    for row, (_, spec) in enumerate(based):
        for column, point in enumerate(spec.points):
            ink = "white" if point.loss > middle else INK
            axes.text(
                column + 0.5, row + 0.5, number(point.perplexity), ha="center", va="center", fontsize=8.5, color=ink
            )


def _plot(axes: Axes, lines: Sequence[_Line], colours: Sequence[str], title: str) -> None:
    """Lines with their intervals, and a legend beside them."""
    ends: list[float] = []
    for index, line in enumerate(lines):
        middle = [point.perplexity for point in line.points]
        reach = _reach(line.points)
        ends += [*middle, *(end for point in line.points for end in point.perplexity_ci95 or ())]
        bars = axes.errorbar(
            _beside(line.places, index, len(lines)), middle, yerr=reach, label=line.name, color=colours[index],
            marker=MARKERS[index % len(MARKERS)], markersize=4.5, linewidth=1.6, elinewidth=0.9,
            capsize=2.5 if len(lines) <= MOST_CAPPED else 0, zorder=3,
        )  # fmt: skip
        for bar in (*bars[1], *bars[2]):
            bar.set_alpha(0.6)
    perplexity_axis(axes, ends)
    legend = axes.legend(
        title=title, loc="upper left", bbox_to_anchor=(1.12, 1.02), frameon=False, fontsize=9, title_fontsize=9,
        labelcolor=INK, alignment="left", borderaxespad=0,
    )  # fmt: skip
    legend.get_title().set_color(GREY)


def _reach(points: Sequence[CurvePoint]) -> list[list[float]] | None:
    """How far the interval of each point reaches below and above it; None where there are none."""
    ends = [point.perplexity_ci95 for point in points]
    if None in ends:
        return None
    pairs = [(point.perplexity, end) for point, end in zip(points, ends, strict=True) if end is not None]
    return [[value - low for value, (low, _) in pairs], [high - value for value, (_, high) in pairs]]


def _beside(places: Sequence[float], index: int, lines: int) -> list[float]:
    """The places of one of several lines, moved a little, so that intervals stand beside each other."""
    if lines == 1 or len(places) == 1:
        return list(places)
    step = min(SHIFT * math.log(places[-1] / places[0]), MOST_SHIFT * _least_gap(places) / lines)
    return [place * math.exp(step * (index - (lines - 1) / 2)) for place in places]


def _least_gap(places: Sequence[float]) -> float:
    return min(math.log(after / before) for before, after in itertools.pairwise(places))


def _mark(axes: Axes, place: float, text: str) -> None:
    """A dashed line across the figure, named above it."""
    axes.axvline(place, color=GREY, linestyle=(0, (4, 3)), linewidth=1.0, zorder=1)
    axes.annotate(
        text, (place, 1), xycoords=("data", "axes fraction"), xytext=(0, 2), textcoords="offset points", fontsize=7.5,
        ha="center", va="bottom", color=GREY,
    )  # fmt: skip


def _colours(count: int, *, is_ordered: bool) -> list[str]:
    """As many colours: those of a scale where the lines have an order, else ones that are told apart."""
    import matplotlib
    from matplotlib.colors import to_hex

    if not is_ordered and count <= len(COLOURS):
        return list(COLOURS[:count])
    scale = matplotlib.colormaps["viridis"]
    found = [to_hex(scale(0.9 * index / max(1, count - 1))) for index in range(count)]
    return found if is_ordered else [COLOURS[0], *found[1:]]


def _by_base(curve: Curve) -> list[tuple[float, SpecCurve]]:
    """The curves of plain bases, rising; `none` has the model's own."""
    found = {
        point.base: spec
        for spec in reversed(curve.specs)
        if spec.spec.startswith("base:") or spec.spec == "none"
        for point in spec.points[:1]
        if point.base is not None
    }
    return sorted(found.items())


def _is_only_bases(curve: Curve) -> bool:
    return all(spec.spec.startswith("base:") for spec in curve.specs)
