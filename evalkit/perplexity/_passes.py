"""Which forward passes measure all specs at all lengths.

A setting that does not depend on the length is computed once over the longest window, and gives all shorter ones, as
does what several specs have in common: `dynamic:4` up to the original length is `none`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.rope import RopeSetting, RopeSpec

from ._windows import Window, WindowRule

__all__ = ["Cell", "Pass", "Sums", "cells_of", "plan_passes", "sums_of"]

SettingOf = Callable[[RopeSpec, int], RopeSetting]
"""From a spec and a length to what is in force there."""


class Cell(NamedTuple):
    """What is measured: tokens at one length under one setting."""

    window: int
    """Length of the windows that are cut."""
    rope: str
    """Key of the setting."""
    length: int
    """Tokens from the beginning of such a window."""


class Sums(NamedTuple):
    """Losses of some tokens."""

    nats: float
    """Sum of −ln p."""
    tokens: int
    """Tokens predicted."""


@dataclass(frozen=True)
class Pass:
    """One forward pass for every window of a length."""

    rope: RopeSetting
    """The setting in force."""
    window: int
    """Length of the windows."""
    lengths: tuple[int, ...]
    """Lengths that it measures, rising."""

    def cells(self) -> list[Cell]:
        """What it measures."""
        return [Cell(self.window, self.rope.key, length) for length in self.lengths]


def cells_of(spec: RopeSpec, rule: WindowRule, setting_of: SettingOf) -> dict[Cell, RopeSetting]:
    """The cells of a spec by rising length, each with its setting."""
    settings = {length: setting_of(spec, length) for length in rule.lengths}
    windows = {length: rule.longest if rule.mode == "prefix" else length for length in rule.lengths}
    return {Cell(windows[length], rope.key, length): rope for length, rope in settings.items()}


def plan_passes(
    specs: Sequence[RopeSpec], rule: WindowRule, setting_of: SettingOf, *, follows_length: bool = False
) -> list[Pass]:
    """The passes that measure all specs, none twice.

    `follows_length`: the model's own scaling (`native`) turns by the length of the text, so that each is a pass.
    """
    found: dict[tuple[int, str, int], Pass] = {}
    for spec in specs:
        for cell, rope in cells_of(spec, rule, setting_of).items():
            alone = cell.length if follows_length and rope.rope_type == "native" else 0
            known = found.get((cell.window, cell.rope, alone))
            lengths = {cell.length, *(known.lengths if known is not None else ())}
            found[cell.window, cell.rope, alone] = Pass(rope, cell.window, tuple(sorted(lengths)))
    return list(found.values())


def sums_of(window: Window, lengths: Sequence[int], losses: NDArray[np.float64]) -> Mapping[int, Sums]:
    """Length → its part of the losses of a window; `losses` are those of all its tokens but the first."""
    counted = {length: losses[window.first - 1 : length - 1] for length in lengths}
    return {length: Sums(float(part.sum()), len(part)) for length, part in counted.items()}
