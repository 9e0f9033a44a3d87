"""RoPE conditions: what a spec such as `dynamic:8` means for a prompt of a given length.

evalkit's condition is the effective base at the prompt's own length: n = prompt + max_new_tokens tokens on a model made
for L, base' = base · m^(d/(d−2)) with m = s·n/L − (s − 1) for n > L, else 1. Prompts with equal settings form a group,
whatever backend runs them. `native` leaves the model's configuration alone.

Formulas: "dynamic" as Hugging Face transformers defines it (`modeling_rope_utils.py`), NTK-aware as bloc97 (2023).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from evalkit.errors import UserError, shown

__all__ = ["LongRope", "RopeModel", "RopeSetting", "RopeSpec", "parse_rope", "parse_ropes", "rope_setting"]

Kind = Literal["native", "none", "linear", "ntk", "dynamic", "yarn", "dynamic-yarn", "llama3", "longrope", "base"]
LARGEST_FACTOR, LARGEST_BASE = 1_000_000, 1e18
"""Published factors go up to 64 and bases to 1e11; beyond these, powers of them leave the range of a float."""

_PLAIN = ("native", "none", "dynamic-yarn", "longrope")
_WITH_NUMBER = ("linear", "ntk", "dynamic", "yarn", "llama3", "base")
_YARN = ("beta_fast", "beta_slow", "mscale", "mscale_all_dim", "attention_factor", "truncate")
OPTIONS: dict[str, tuple[str, ...]] = {
    "yarn": _YARN,
    "dynamic-yarn": _YARN,
    "llama3": ("low_freq_factor", "high_freq_factor"),
}
"""What a spec may say beside its number, as transformers names it in `rope_parameters`."""


@dataclass(frozen=True)
class RopeSpec:
    """A RoPE condition as the user writes it."""

    kind: Kind
    """Which rule."""
    number: float | None = None
    """Its factor, or the base itself for `base`."""
    options: tuple[tuple[str, float], ...] = ()
    """What is said beside it, by name, in the order of names."""

    def __str__(self) -> str:
        head = self.kind if self.number is None else f"{self.kind}:{self.number:.15g}"
        tail = ",".join(f"{name}={value:.15g}" for name, value in self.options)
        return head if not tail else f"{head},{tail}" if self.number is not None else f"{head}:{tail}"


@dataclass(frozen=True)
class LongRope:
    """The factors of a model released with LongRoPE, one for each pair of turned dimensions."""

    short: tuple[float, ...]
    """What frequencies are divided by up to the original length."""
    long: tuple[float, ...]
    """What they are divided by beyond it."""
    scale: float = 1.0
    """Factor on sine and cosine, at every length."""


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
    longrope: LongRope | None = None
    """The factors that it was released with; None without LongRoPE."""


@dataclass(frozen=True)
class RopeSetting:
    """What an engine is told for one group of prompts."""

    rope_type: Literal["native", "default", "linear", "dynamic", "yarn", "llama3", "longrope"]
    """Rule in the engine's words; `native` = its configuration stays, `dynamic` is an engine's own only."""
    base: float | None = None
    """Rotation base: the effective one; None for `native`."""
    factor: float | None = None
    """Interpolation factor of `linear`, `yarn` and `llama3`."""
    original_length: int | None = None
    """Length that `yarn`, `llama3` and `dynamic` extend."""
    options: tuple[tuple[str, float], ...] = ()
    """Further parameters of the rule, by name."""
    factors: tuple[float, ...] = ()
    """What each frequency is divided by under `longrope`, fastest first."""
    scale: float | None = None
    """Factor on sine and cosine under `longrope`."""
    is_engines: bool = False
    """Whether the engine gets the rule as its own configuration, and follows it as it does (`--rope-mode engine`)."""
    window: int | None = None
    """Length that an engine counts `dynamic` with whatever the prompt; None where it follows the prompt's."""
    multiplier: float | None = field(default=None, compare=False)
    """m: by how much the rule stretches at this length; 1 = not at all, None for `native`, `llama3` and `longrope`."""

    @property
    def key(self) -> str:
        """Name of the group, exact and sortable."""
        mode = "engine:" if self.is_engines else ""
        if self.rope_type == "native":
            return f"{mode}native"
        parts = [f"{mode}{self.rope_type}/base={self.base!r}"]
        if self.factor:
            parts.append(f"factor={self.factor!r}")
        parts += [f"{name}={value!r}" for name, value in self.options]
        if self.factors:
            parts.append(f"factors={','.join(map(repr, self.factors))}/scale={self.scale!r}")
        if self.window is not None:
            parts.append(f"window={self.window}")
        return "/".join(parts)

    def parameters(self) -> dict[str, Any]:
        """`rope_parameters` as transformers (5.x) and vLLM (0.27+) read them; empty for `native`."""
        if self.rope_type == "native":
            return {}
        values: dict[str, Any] = {"rope_type": self.rope_type, "rope_theta": self.base}
        if self.factor is not None:
            values["factor"] = self.factor
        if self.original_length is not None and self.rope_type != "dynamic":  # no engine reads it there
            values["original_max_position_embeddings"] = self.original_length
        values.update({name: bool(value) if name == "truncate" else value for name, value in self.options})
        if self.factors:  # both lists are the one in force, so that no engine switches between them
            values |= {"short_factor": list(self.factors), "long_factor": list(self.factors)}
            values["attention_factor"] = self.scale
        return values


def parse_rope(text: str) -> RopeSpec:
    """The spec that `text` writes, such as `none`, `dynamic:8` or `yarn:4,beta_fast=16`; `UserError` for no spec."""
    specs = parse_ropes(text)
    if len(specs) > 1:
        raise UserError(f"RoPE spec {shown(text)} names {len(specs)} conditions, and one is asked for")
    return specs[0]


def parse_ropes(text: str) -> list[RopeSpec]:
    """The specs that `text` writes: several where it lists numbers (`dynamic:2,4,8`), with the same options for all."""
    kind, colon, rest = text.partition(":")
    if kind not in get_args(Kind) or bool(colon) is not bool(rest):
        raise _unknown(text)
    items = rest.split(",") if rest else []
    numbers = [_number(text, kind, item) for item in items if "=" not in item]
    options = tuple(sorted(_options(text, kind, [item for item in items if "=" in item])))
    if kind in _PLAIN and not numbers:
        return [RopeSpec(kind, None, options)]  # type: ignore[arg-type]
    if kind in _PLAIN or not numbers:
        raise _unknown(text)
    return [RopeSpec(kind, number, options) for number in numbers]  # type: ignore[arg-type]


def _number(text: str, kind: str, item: str) -> float:
    try:
        value = float(item)
    except ValueError:
        value = math.nan
    if kind not in _WITH_NUMBER or not 1 <= value <= (LARGEST_BASE if kind == "base" else LARGEST_FACTOR):
        raise _unknown(text)
    return value


def _options(text: str, kind: str, items: list[str]) -> Iterator[tuple[str, float]]:
    names = [item.partition("=")[0] for item in items]
    for item in items:
        name, _, written = item.partition("=")
        known = OPTIONS.get(kind, ())
        if name not in known or names.count(name) > 1:
            takes = f"takes {', '.join(known)}, each once" if known else "takes no options"
            raise UserError(f"RoPE spec {shown(text)}: {kind} {takes}, and {shown(name)} is none of them or said twice")
        try:
            value = float(written)
        except ValueError:
            value = math.nan
        if not 0 <= value <= LARGEST_FACTOR:
            raise UserError(f"RoPE spec {shown(text)}: {name} must be a number from 0 to {LARGEST_FACTOR:,}")
        yield name, value


def _unknown(text: str) -> UserError:
    return UserError(
        f"RoPE spec {shown(text)} is not one of native, none, linear:F, ntk:F, dynamic:F, yarn:F[,OPTION=…], "
        f"dynamic-yarn, llama3:F[,OPTION=…], longrope (1 ≤ F ≤ {LARGEST_FACTOR:,}), base:B (1 ≤ B ≤ {LARGEST_BASE:.0e})"
    )


def rope_setting(spec: RopeSpec, model: RopeModel, tokens: int, grid: float | None = None) -> RopeSetting:
    """What the engine is told for a prompt of `tokens` = prompt + max_new_tokens.

    `grid` (> 1) rounds the multiplier of `dynamic` and `dynamic-yarn` up on a geometric grid, so that more prompts
    share a group.
    """
    if spec.kind in ("dynamic", "dynamic-yarn"):
        return _by_length(spec, model, tokens, grid)
    factor = spec.number or 1.0
    if spec.kind == "linear":
        return RopeSetting("linear", model.base, factor, multiplier=factor)
    if spec.kind == "yarn":
        return RopeSetting("yarn", model.base, factor, model.length, spec.options, multiplier=factor)
    if spec.kind == "llama3":
        return RopeSetting("llama3", model.base, factor, model.length, spec.options)
    if spec.kind == "longrope":
        return _longrope(model, tokens)
    if spec.kind == "native":
        return RopeSetting("native")
    if spec.kind == "base":
        return RopeSetting("default", factor, multiplier=1.0)
    return RopeSetting("default", ntk_base(model, factor), multiplier=factor)  # ntk, and none with a factor of 1


def _by_length(spec: RopeSpec, model: RopeModel, tokens: int, grid: float | None) -> RopeSetting:
    if model.is_scaled and tokens <= model.length:
        return RopeSetting("native")  # m = 1 leaves the released model as it is, its own scaling included
    if spec.kind == "dynamic":
        multiplier = dynamic_multiplier(spec.number or 1.0, tokens, model.length, grid)
        return RopeSetting("default", ntk_base(model, multiplier), multiplier=multiplier)
    # s = n/L (Peng et al. 2023, section 3.3), which is the multiplier of the dynamic rule for a factor of 1
    stretch = dynamic_multiplier(1.0, tokens, model.length, grid)
    if stretch == 1.0:
        return RopeSetting("default", model.base, multiplier=1.0)
    return RopeSetting("yarn", model.base, stretch, model.length, spec.options, multiplier=stretch)


def _longrope(model: RopeModel, tokens: int) -> RopeSetting:
    if model.longrope is None:
        raise UserError(
            "RoPE spec longrope needs a model that was released with LongRoPE factors, and this one was not"
        )
    factors = model.longrope.long if tokens > model.length else model.longrope.short
    return RopeSetting("longrope", model.base, None, model.length, (), factors, model.longrope.scale)


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
