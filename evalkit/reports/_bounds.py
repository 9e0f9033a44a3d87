"""The figure of `evalkit rope base`: the sum of cosines by distance, and the periods of dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.errors import UserError

from .drawing import FILE_KINDS, GREY, INK, lettered, new_figure, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from evalkit.rope.bounds import BaseBounds

__all__ = ["check_figure_file", "draw_bounds"]

SIZE = (11.0, 4.6)
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito (2008): told apart with and without colour vision deficiency."""
PLAIN = "#999999"
MILLION = 1_000_000
COLUMNS = 360  # of the curve
BEFORE, BEYOND = 128, 2  # parts and times of the context between which the curve is drawn
LINEAR = 2.0  # sums up to here are drawn to scale, larger ones by their logarithm
TICKS = (-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)


def check_figure_file(path: Path) -> None:
    """Raise `UserError` for a file whose ending names no kind of figure, or whose folder is not there."""
    if path.suffix.lower() not in FILE_KINDS:
        raise UserError(
            f"--out {path}: a figure is written as {', '.join(FILE_KINDS)}; give the file one of these ends"
        )
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UserError(f"--out {path}: no file can be there; name one in a folder that exists")


def draw_bounds(path: Path, found: BaseBounds) -> None:
    """Both theories: the sum of cosines on the left, the critical dimension on the right."""
    title = f"RoPE bases for {found.context:,} tokens, {found.dimension} rotated dimensions: two theories"
    with lettered([title]):
        figure = new_figure(SIZE)
        left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
        _draw_criterion(left, found)
        _draw_periods(right, found)
        figure.suptitle(title, x=0.012, ha="left", fontsize=12, fontweight="bold", color=INK)
        figure.text(
            0.012, 0.005, "Left: arXiv 2405.14591. Right: arXiv 2310.05209. Theories of angles, not measurements.",
            fontsize=8, color=GREY,
        )  # fmt: skip
        figure.tight_layout(rect=(0, 0.03, 1, 0.97), w_pad=2.5)
        save(figure, path)


def shown_bases(found: BaseBounds) -> list[tuple[float, str]]:
    """Bases and their colours: those asked about, else the first admissible and the fitted one."""
    from evalkit.rope.bounds import fitted_bound

    bases = [judged.base for judged in found.bases]
    if not bases and found.scan is not None and found.scan.first is not None:
        bases = [float(found.scan.first)]
    return [(base, COLOURS[index % len(COLOURS)]) for index, base in enumerate(bases or [fitted_bound(found.context)])]


def _draw_criterion(axes: Axes, found: BaseBounds) -> None:
    start, end = max(1, found.context // BEFORE), BEYOND * found.context
    judged = {each.base: each for each in found.bases}
    for base, colour in shown_bases(found):
        label, first = f"base {base:,.10g}", judged[base].first_negative if base in judged else None
        if first is not None:
            label += f": negative from m = {first:,}"
            axes.plot([first], [0], marker="o", color=colour, markeredgecolor="white", markersize=7, zorder=5)
        axes.plot(*lower_edge(base, found.dimension, start, end), color=colour, linewidth=1.2, label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("symlog", linthresh=LINEAR)
    axes.set_xlim(start, end)
    bottom, top = min(axes.get_ylim()[0], -LINEAR / 2), max(axes.get_ylim()[1], LINEAR)
    axes.set_ylim(bottom, top)
    axes.axhspan(bottom, 0, color="#d62728", alpha=0.06, linewidth=0)
    axes.axhline(0, color=INK, linewidth=0.9)
    _mark_length(axes.axvline, found.context)
    axes.text(found.context, top, "context ", fontsize=8, color=INK, va="top", ha="right")
    axes.set_xticks([found.context * 2.0**power for power in range(-7, 2) if found.context * 2.0**power >= 1])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_yticks([tick for tick in TICKS if bottom <= tick <= top])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.legend(fontsize=8, loc="lower left", borderaxespad=0.8, facecolor="white", edgecolor="none", framealpha=0.85)
    _dress(axes, "Sum of cosines B(m): below 0, a random key gets more", "Distance m (tokens)", "Least B(m) around m")


def lower_edge(base: float, dimension: int, start: int, end: int) -> tuple[Any, Any]:
    """Distances evenly spaced by their logarithm, and the least sum from each to the next."""
    import numpy as np

    from evalkit.rope.bounds import sums_by_chunk

    edges = np.unique(np.geomspace(start, end, COLUMNS).astype(np.int64))
    least = np.full(len(edges), np.inf)
    for first, sums in sums_by_chunk(base, dimension, end):
        columns = np.searchsorted(edges, np.arange(first, first + len(sums)), side="right") - 1
        np.minimum.at(least, columns[columns >= 0], sums[columns >= 0])
    return edges[:-1], least[:-1]  # the last one has no next


def _draw_periods(axes: Axes, found: BaseBounds) -> None:
    from evalkit.rope.bounds import extrapolation_limit

    dimensions = range(0, found.dimension + 1, 2)
    tuned = {judged.base: judged.tuned for judged in found.bases}
    lines, lengths = shown_bases(found), {found.context: "context"}
    critical = found.critical_dimension
    if found.training is not None and critical is not None:
        if found.training.base not in dict(lines):
            lines.insert(0, (found.training.base, PLAIN))
        lengths = {found.training.length: "pre-training", **lengths}
        axes.axvline(critical, color=INK, linewidth=0.9, linestyle=":")
    for base, colour in lines:
        label, limit = f"base {base:,.10g}", tuned.get(base)
        if limit is not None and limit.is_above:
            label += f": limit {limit.limit:,.0f}"
            axes.plot(
                [limit.critical_dimension], [limit.limit], marker="o", color=colour, markeredgecolor="white",
                markersize=7, zorder=5,
            )  # fmt: skip
        periods = [extrapolation_limit(base, each, found.dimension) for each in dimensions]
        axes.plot(dimensions, periods, color=colour, linewidth=1.4, label=label)
    for length, name in lengths.items():
        _mark_length(axes.axhline, length)
        axes.text(1, length, f"{name} {length:,}", fontsize=8, color=INK, va="bottom")
    axes.set_yscale("log", base=10)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value < MILLION else f"{value / MILLION:,.0f}M")
    axes.set_xlim(0, found.dimension)
    if critical is not None:
        bottom = axes.get_ylim()[0] * 1.3
        axes.text(critical, bottom, f"critical dimension {critical} ", fontsize=8, color=INK, ha="right")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    _dress(axes, "Period of each dimension", "Dimension", "Period (tokens)")


def _mark_length(draw: Any, length: int) -> None:
    draw(length, color=INK, linewidth=0.9, linestyle="--")


def _dress(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set_title(title, fontsize=9.5, loc="left", color=INK)
    axes.set_xlabel(across, fontsize=9, color=INK)
    axes.set_ylabel(up, fontsize=9, color=INK)
    axes.tick_params(labelsize=8.5, length=2.5, color="#999999", labelcolor=INK)
    axes.grid(True, color="#eeeeee", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
