"""RoPE conditions: what a spec such as `dynamic:8` means for a prompt of a given length.

evalkit's condition is the effective base at the prompt's own length: n = prompt + max_new_tokens tokens on a model made
for L, base' = base · m^(d/(d−2)) with m = s·n/L − (s − 1) for n > L, else 1. Prompts with equal settings form a group,
whatever backend runs them. `native` leaves the model's configuration alone.

Formulas: "dynamic" as Hugging Face transformers defines it (`modeling_rope_utils.py`), NTK-aware as bloc97 (2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from evalkit.errors import UserError, shown

__all__ = ["RopeModel", "RopeSetting", "RopeSpec", "parse_rope", "rope_setting"]

Kind = Literal["native", "none", "linear", "ntk", "dynamic", "yarn", "base"]
LARGEST_FACTOR, LARGEST_BASE = 1_000_000, 1e18
"""Published factors go up to 64 and bases to 1e11; beyond these, powers of them leave the range of a float."""

_PLAIN = ("native", "none")
_WITH_NUMBER = ("linear", "ntk", "dynamic", "yarn", "base")


@dataclass(frozen=True)
class RopeSpec:
    """A RoPE condition as the user writes it."""

    kind: Kind
    """Which rule."""
    number: float | None = None
    """Its factor, or the base itself for `base`."""

    def __str__(self) -> str:
        return self.kind if self.number is None else f"{self.kind}:{self.number:g}"


@dataclass(frozen=True)
class RopeModel:
    """What a model's rotary embedding was trained with."""

    base: float
    """Rotation base (theta)."""
    length: int
    """Length L that scaling counts from, in tokens: before any scaling that it was released with."""
    dimension: int
    """Rotated dimensions of a head."""
    is_scaled: bool = False
    """Whether it was released with a scaling of its own."""


@dataclass(frozen=True)
class RopeSetting:
    """What an engine is told for one group of prompts."""

    rope_type: Literal["native", "default", "linear", "yarn"]
    """Rule in the engine's words; `native` = its configuration stays."""
    base: float | None = None
    """Rotation base; None for `native`."""
    factor: float | None = None
    """Interpolation factor of `linear` and `yarn`."""
    original_length: int | None = None
    """Length that `yarn` extends."""

    @property
    def key(self) -> str:
        """Name of the group, exact and sortable."""
        if self.rope_type == "native":
            return "native"
        return f"{self.rope_type}/base={self.base!r}" + (f"/factor={self.factor!r}" if self.factor else "")

    def parameters(self) -> dict[str, Any]:
        """`rope_parameters` as transformers (5.x) and vLLM (0.27+) read them; empty for `native`."""
        if self.rope_type == "native":
            return {}
        values: dict[str, Any] = {"rope_type": self.rope_type, "rope_theta": self.base}
        if self.factor is not None:
            values["factor"] = self.factor
        if self.original_length is not None:
            values["original_max_position_embeddings"] = self.original_length
        return values


def parse_rope(text: str) -> RopeSpec:
    """The spec that `text` writes: `native`, `none`, `linear:8`, `ntk:8`, `dynamic:8`, `yarn:8` or `base:320000`."""
    kind, _, number = text.partition(":")
    if kind in _PLAIN and not number:
        return RopeSpec(kind)  # type: ignore[arg-type]
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if kind not in _WITH_NUMBER or not 1 <= value <= (LARGEST_BASE if kind == "base" else LARGEST_FACTOR):
        raise UserError(
            f"RoPE spec {shown(text)} is not one of native, none, linear:F, ntk:F, dynamic:F, yarn:F "
            f"(1 ≤ F ≤ {LARGEST_FACTOR:,}), base:B (1 ≤ B ≤ {LARGEST_BASE:.0e})"
        )
    return RopeSpec(kind, value)  # type: ignore[arg-type]


def rope_setting(spec: RopeSpec, model: RopeModel, tokens: int, grid: float | None = None) -> RopeSetting:
    """What the engine is told for a prompt of `tokens` = prompt + max_new_tokens.

    `grid` (> 1) rounds the dynamic multiplier up on a geometric grid, so that more prompts share a group.
    """
    if spec.kind == "native":
        return RopeSetting("native")
    factor = spec.number or 1.0
    if spec.kind == "linear":
        return RopeSetting("linear", model.base, factor)
    if spec.kind == "yarn":
        return RopeSetting("yarn", model.base, factor, model.length)
    if spec.kind == "base":
        return RopeSetting("default", factor)
    if spec.kind == "dynamic" and model.is_scaled and tokens <= model.length:
        return RopeSetting("native")  # m = 1 leaves the released model as it is, its own scaling included
    multiplier = {"none": 1.0, "ntk": factor}.get(spec.kind)
    if multiplier is None:
        multiplier = dynamic_multiplier(factor, tokens, model.length, grid)
    return RopeSetting("default", ntk_base(model, multiplier))


def dynamic_multiplier(factor: float, tokens: int, length: int, grid: float | None = None) -> float:
    """m of the effective base: 1 within the window, s·n/L − (s − 1) beyond it."""
    if tokens <= length:  # the released model itself: scaling begins with the first token beyond
        return 1.0
    multiplier = factor * tokens / length - (factor - 1)
    if grid is None:
        return multiplier
    # Rounded first: the logarithm of a grid point may come out a hair above a whole number, one step too far.
    return float(grid ** math.ceil(round(math.log(multiplier, grid), 9)))


def ntk_base(model: RopeModel, multiplier: float) -> float:
    """base · m^(d/(d−2)); the base itself, bit for bit, for m = 1."""
    if multiplier == 1.0:
        return model.base
    return float(model.base * multiplier ** (model.dimension / (model.dimension - 2)))
