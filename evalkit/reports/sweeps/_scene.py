"""What all figures of one benchmark of a sweep share: whose they are, their length axis, how each spec is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from evalkit.printable import counted
from evalkit.sweeps import BenchmarkSweep, SpecSweep, SweepCell

from ..drawing import INK, TINY, Look, Palette, Sheet, Texts, joined, length_names, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Mark", "Scene", "draw_lengths", "families", "marks_of", "places"]

MOST_LINES = 6  # besides the first spec's, in one panel: as many as there are colours
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe & Ito (2008), "Color Universal Design", without black, which is the first spec's, and yellow, which white
paper swallows."""
MARKERS = ("s", "^", "D", "v", "P", "X")
REFERENCE = ("#222222", "o")

TICK = Look(8)
LONE_PAD = 0.5  # octaves beside a single length
NEAR = 1.5  # octaves beyond the lengths within which L is still shown


class Mark(NamedTuple):
    """How a spec is drawn."""

    colour: str
    marker: str


@dataclass(frozen=True)
class Scene:
    """One benchmark of a sweep, and what its figures say of it."""

    sweep: BenchmarkSweep
    """Its results."""
    title: str
    """The model, for people."""
    about: str
    """Benchmark, protocol and seed, for people."""
    length_label: str
    """Name of the length axis."""
    window: int
    """L: tokens that the model was made for."""
    palette: Palette

    @cached_property
    def specs(self) -> tuple[SpecSweep, ...]:
        """All specs, the first one first."""
        return tuple(self.sweep.specs.values())

    @property
    def first(self) -> SpecSweep:
        """What the others are held against."""
        return self.specs[0]

    @property
    def window_note(self) -> str:
        """What the dashed line is; empty where L is too far from the lengths to be drawn."""
        low, high = places(self.sweep.lengths, self.window)
        is_drawn = low <= math.log2(self.window) <= high
        return f"dashed: L = {self.window:,}, the tokens that the model was made for" if is_drawn else ""

    def texts(self, what: str, *caption: str) -> Texts:
        """Title, subtitle and caption of one figure."""
        return Texts(self.title, joined(self.about, what), joined(*caption))

    def words(self) -> list[str]:
        """Everything that may stand in a figure and that was written elsewhere."""
        return [self.title, self.about, self.length_label, *self.sweep.specs]

    @property
    def counts(self) -> str:
        """How many samples and documents stand behind a number."""
        by_length = {length: _count(self._cells(length)) for length in self.sweep.lengths}
        if len(set(by_length.values())) <= 1:
            return f"{next(iter(by_length.values()), 'no samples')} per length"
        return "; ".join(f"{length:,}: {count}" for length, count in by_length.items())

    def _cells(self, length: int) -> list[SweepCell]:
        return [cell for spec in self.specs for cell in spec.cells if cell.length == length]


def _count(cells: Sequence[SweepCell]) -> str:
    samples, documents = [cell.samples for cell in cells], [cell.clusters for cell in cells]
    if not samples:
        return "no samples"
    return f"{_span(samples, 'sample')} of {_span(documents, 'document')}"


def _span(numbers: Sequence[int], noun: str) -> str:
    low, high = min(numbers), max(numbers)
    return counted(low, noun) if low == high else f"{low:,} to {counted(high, noun)}"


def families(specs: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Panels of the specs behind the first one: name and specs, no more in one than can be told apart.

    All in one where they fit; else one panel for each rule, and one for the rules that have a single spec.
    """
    others = list(specs[1:])
    if len(others) <= MOST_LINES:
        return [("", others)]
    by_kind: dict[str, list[str]] = {}
    for spec in others:
        by_kind.setdefault(spec.partition(":")[0], []).append(spec)
    panels = {kind: members for kind, members in by_kind.items() if len(members) > 1}
    lone = [members[0] for members in by_kind.values() if len(members) == 1]
    return [
        (kind, members[start : start + MOST_LINES])
        for kind, members in [*panels.items(), *([("other rules", lone)] if lone else [])]
        for start in range(0, len(members), MOST_LINES)
    ]


def marks_of(specs: Sequence[str]) -> Mapping[str, Mark]:
    """Spec → colour and marker; different within a panel of `families`."""
    marks = {specs[0]: Mark(*REFERENCE)}
    for _, members in families(specs):
        marks |= {spec: Mark(*look) for spec, look in zip(members, zip(COLOURS, MARKERS, strict=True), strict=False)}
    return marks


def places(lengths: Sequence[int], window: int) -> tuple[float, float]:
    """The ends of a length axis, in octaves (log2 of tokens): all lengths, and L where it is near them."""
    low, high = math.log2(min(lengths)), math.log2(max(lengths))
    if low - NEAR <= math.log2(window) <= high + NEAR:
        low, high = min(low, math.log2(window)), max(high, math.log2(window))
    pad = max(LONE_PAD if len(lengths) == 1 else 0.0, 0.07 * (high - low))
    return low - pad, high + pad


def draw_lengths(axes: Axes, scene: Scene, sheet: Sheet, width: float, *, is_labelled: bool) -> None:
    """A length axis `width` inches long, in octaves, with a tick at every tested length and L as a dashed line."""
    low, high = places(scene.sweep.lengths, scene.window)
    axes.set_xlim(low, high)
    window = math.log2(scene.window)
    if low <= window <= high:
        axes.axvline(window, color=INK, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
    names = length_names(scene.sweep.lengths)
    points = [72 * width * (math.log2(length) - low) / (high - low) for length in scene.sweep.lengths]
    is_upright = has_upright_names(scene, sheet, width)
    shown = _apart(points, 1.3 * TICK.points) if is_upright else set(range(len(points)))
    axes.set_xticks(
        [math.log2(length) for length in scene.sweep.lengths],
        [name if index in shown and is_labelled else "" for index, name in enumerate(names)],
        rotation=90 if is_upright else 0,
        fontsize=TICK.points,
    )
    if is_labelled:
        axes.set_xlabel(sheet.letters(scene.length_label), fontsize=TINY.points + 1, color=INK)


def has_upright_names(scene: Scene, sheet: Sheet, width: float) -> bool:
    """Whether the names of the lengths would touch each other side by side."""
    low, high = places(scene.sweep.lengths, scene.window)
    points = [72 * width * (math.log2(length) - low) / (high - low) for length in scene.sweep.lengths]
    widths = [text_width(name, TICK, sheet.letters.families) for name in length_names(scene.sweep.lengths)]
    halves = zip(points, points[1:], widths, widths[1:], strict=False)
    return any(right - left < (one + two) / 2 + 4 for left, right, one, two in halves)


def _apart(points: Sequence[float], least: float) -> set[int]:
    """Which of the rising points to name so that names do not touch; the longest length is one of them."""
    shown: list[int] = []
    for index in reversed(range(len(points))):
        if not shown or points[shown[-1]] - points[index] >= least:
            shown.append(index)
    return set(shown)
