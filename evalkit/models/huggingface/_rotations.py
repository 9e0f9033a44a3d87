"""Rows of one pass that each turn by a RoPE setting of their own.

A rotary embedding multiplies positions, shape (rows, tokens, 1), with frequencies, shape (pairs,), and sines and
cosines with a scale. Given frequencies of shape (rows, 1, pairs) and scales of shape (rows, 1, 1) it turns each row by
its own, in the same operations. Whether a class computes so is tried at load (`_passes.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evalkit.rope import RopeSetting

from ._rotary import RotarySwitch, State

if TYPE_CHECKING:
    import torch

__all__ = ["RowRotations"]


class RowRotations:
    """Switches a model's rotary embeddings to the settings of rows, pass by pass."""

    def __init__(self, rotary: RotarySwitch) -> None:
        self._rotary = rotary
        self._states: dict[RopeSetting, list[State]] = {}
        self._rows: tuple[RopeSetting, ...] = ()
        self._stacked: list[tuple[torch.Tensor, torch.Tensor | float]] = []

    @contextmanager
    def in_force(self, settings: Sequence[RopeSetting]) -> Iterator[None]:
        """Within it the rows of a pass turn by these settings, in their order; then all by the one before."""
        if {*settings} == {self._rotary.current}:
            yield
            return
        modules = self._rotary.modules
        before = [(module.inv_freq, module.attention_scaling) for module in modules]
        try:
            for module, turned in zip(modules, self._of(tuple(settings)), strict=True):
                module.inv_freq, module.attention_scaling = turned
            yield
        finally:
            for module, turned in zip(modules, before, strict=True):
                module.inv_freq, module.attention_scaling = turned

    def _of(self, rows: tuple[RopeSetting, ...]) -> list[tuple[torch.Tensor, torch.Tensor | float]]:
        """Frequencies and scales of each module, kept while the rows stay the same."""
        if rows != self._rows:
            self._states = {each: self._states.get(each) or self._rotary.states(each) for each in set(rows)}
            self._stacked = [_stacked(states) for states in zip(*(self._states[each] for each in rows), strict=True)]
            self._rows = rows
        return self._stacked


def _stacked(states: Sequence[State]) -> tuple[torch.Tensor, torch.Tensor | float]:
    """Frequencies, shape (rows, 1, pairs), and scales, shape (rows, 1, 1), or the one that all have."""
    import torch

    frequencies = torch.stack([frequencies for _, frequencies in states])[:, None]
    scales = [float(state["attention_scaling"]) for state, _ in states]
    if len(set(scales)) == 1:
        return frequencies, scales[0]
    return frequencies, torch.tensor(scales, device=frequencies.device)[:, None, None]
