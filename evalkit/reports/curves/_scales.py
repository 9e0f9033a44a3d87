"""Axes of perplexity figures: a logarithmic scale with ticks that people say, and the same in nats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._tables import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["GREY", "INK", "base_axis", "length_axis", "perplexity_axis", "plain"]

INK, GREY, RULE = "#222222", "#555555", "#e6e6e6"
MANTISSAS: tuple[tuple[float, ...], ...] = (
    (1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9),
)  # fmt: skip
LEAST_TICKS = 4
MARGIN = 0.06  # of the range, above and below
MOST_NAMES = 11  # below an axis that is as wide as these figures'


def perplexity_axis(axes: Axes, values: Sequence[float]) -> None:
    """Perplexity on the left, logarithmic, nats per token on the right, so that equal steps are equal losses."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = math.log(min(values)), math.log(max(values))
    room = max((high - low) * MARGIN, 0.01)
    low, high = low - room, high + room
    axes.set_yscale("log")
    axes.set_ylim(math.exp(low), math.exp(high))
    axes.yaxis.set_major_locator(FixedLocator(_ticks(math.exp(low), math.exp(high))))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axes.set_ylabel("Perplexity", fontsize=10, color=INK)
    nats = axes.twinx()
    nats.set_ylim(low, high)
    nats.set_ylabel("Nats per token", fontsize=9, color=GREY)
    nats.tick_params(labelsize=8, length=2.5, color="#bbbbbb", labelcolor=GREY)
    for spine in nats.spines.values():
        spine.set_visible(False)
    axes.grid(visible=True, axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)


def _ticks(low: float, high: float) -> list[float]:
    """Numbers with few digits between the two, at least four where the range has them."""
    found: list[float] = []
    for mantissas in MANTISSAS:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        found = [each * 10.0**decade for decade in decades for each in mantissas if low <= each * 10.0**decade <= high]
        if len(found) >= LEAST_TICKS:
            return found
    from matplotlib.ticker import MaxNLocator

    linear = [float(tick) for tick in MaxNLocator(6).tick_values(low, high) if low <= tick <= high]
    return linear if len(linear) > len(found) else found


def plain(value: float) -> str:
    """A tick's number."""
    return f"{value:,.6g}" if value < 1e6 else number(value)


def length_axis(axes: Axes, lengths: Sequence[int]) -> None:
    """Lengths as equal ratios, each measured one named."""
    axes.set_xscale("log", base=2)
    _name_places(axes, lengths)
    axes.set_xlabel("Window length (tokens)", fontsize=10, color=INK)


def base_axis(axes: Axes, bases: Sequence[float]) -> None:
    """Bases as equal ratios, each measured one named."""
    axes.set_xscale("log")
    _name_places(axes, bases)
    axes.set_xlabel("Rotation base", fontsize=10, color=INK)


def _name_places(axes: Axes, places: Sequence[float]) -> None:
    """Numbers below the axis, the largest always; those that would touch the one to their right are left out."""
    from matplotlib.ticker import FixedLocator, NullLocator

    room = math.log(places[-1] / places[0]) / MOST_NAMES if len(places) > 1 else 0.0
    shown: list[float] = []
    for place in reversed(places):
        if not shown or math.log(shown[-1] / place) >= room:
            shown.append(place)
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(shown, [plain(place) for place in shown])
