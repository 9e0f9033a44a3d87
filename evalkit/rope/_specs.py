"""RoPE conditions: what a spec such as `dynamic:8` means for a prompt of a given length.

evalkit's condition is the effective base at the prompt's own length: n = prompt + max_new_tokens tokens on a model made
for L, base' = base · m^(d/(d−2)) with m = s·n/L − (s − 1) for n > L, else 1. Prompts with equal settings form a group,
whatever backend runs them. `native` leaves the model's configuration alone.

A model that scales already can be asked to keep its own rule beneath another one (`RopeModel.beneath`): L is then the
window that its rule makes, and what is asked changes the base inside that rule, or multiplies its factor.

Formulas: "dynamic" as Hugging Face transformers defines it (`modeling_rope_utils.py`), NTK-aware as bloc97 (2023).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from evalkit.errors import UserError, shown

__all__ = [
    "LongRope",
    "RopeModel",
    "RopeSetting",
    "RopeSpec",
    "check_named_once",
    "parse_rope",
    "parse_ropes",
    "rope_setting",
    "stacked_refusal",
]

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

_YARN_DEFAULTS = {"beta_fast": 32.0, "beta_slow": 1.0, "truncate": 1.0}
"""Peng et al. 2023, section 3.2, for Llama-like models; transformers 5.19 `_compute_yarn_parameters`, vLLM 0.32."""
DEFAULTS: dict[str, dict[str, float]] = {
    "yarn": _YARN_DEFAULTS,
    "dynamic-yarn": _YARN_DEFAULTS,
    # `config.json` of Llama 3.1; "1" and "4 in the original implementation" says `_compute_llama3_parameters`.
    "llama3": {"low_freq_factor": 1.0, "high_freq_factor": 4.0},
}
"""What options mean where a spec leaves them out; without the others, scales follow from the factor."""


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

    @property
    def told(self) -> tuple[tuple[str, float], ...]:
        """The options that an engine is told: all of `llama3`, which has no defaults there, of `yarn` what differs."""
        defaults, said = DEFAULTS.get(self.kind, {}), dict(self.options)
        if self.kind == "llama3":
            return tuple(sorted((defaults | said).items()))
        return tuple((name, value) for name, value in self.options if defaults.get(name) != value)

    def means(self, other: RopeSpec) -> bool:
        """Whether both are one condition, however many of the defaults they spell out."""
        return (self.kind, self.number, self.told) == (other.kind, other.number, other.told)


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
    beneath: RopeSetting | None = None
    """Its own rule, where that stays beneath what is asked; `length` is then the window that the rule makes."""


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
    own_base: float | None = field(default=None, compare=False)
    """Base that an engine turns all prompts by under its own `dynamic`; None where it follows the prompt's length."""
    multiplier: float | None = field(default=None, compare=False)
    """m: by how much the rule stretches at this length; 1 = not at all, None for `native`, `llama3` and `longrope`."""

    @property
    def effective_base(self) -> float | None:
        """Base of the rotation itself; None where that is the model's own, or an engine's that follows the length."""
        return self.own_base if self.rope_type == "dynamic" else self.base

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
            listed = hashlib.sha256(repr(self.factors).encode()).hexdigest()[:12]  # up to 128 numbers, in every record
            parts.append(f"factors={listed}/scale={self.scale!r}")
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
    if any(part.strip().partition(":")[0] in get_args(Kind) for part in text.split(",")[1:]):
        raise UserError(
            f"RoPE spec {shown(text)} names several rules, and a list is of numbers of one rule (dynamic:2,4,8); give "
            "each rule a spec of its own"
        )
    if kind not in get_args(Kind) or bool(colon) is not bool(rest):
        raise _unknown(text)
    items = rest.split(",") if rest else []
    numbers = [_number(text, kind, item) for item in items if "=" not in item]
    options = tuple(sorted(_options(text, kind, [item for item in items if "=" in item])))
    _check_together(text, kind, dict(options))
    if kind in _PLAIN and not numbers:
        return [RopeSpec(kind, None, options)]  # type: ignore[arg-type]
    if kind in _PLAIN or not numbers:
        raise _unknown(text)
    return [RopeSpec(kind, number, options) for number in numbers]  # type: ignore[arg-type]


def check_named_once(specs: Sequence[RopeSpec]) -> None:
    """Raise `UserError` where two of the specs are one condition, however they are written."""
    for index, spec in enumerate(specs):
        first = next((each for each in specs[:index] if each.means(spec) or str(each) == str(spec)), None)
        if first is not None:
            ways = "" if str(first) == str(spec) else f", the first time as {first}"
            raise UserError(f"RoPE spec {spec} is named twice{ways}; leave one out")


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


def _check_together(text: str, kind: str, said: dict[str, float]) -> None:
    """Raise `UserError` for options that no rotation can have, or of which one makes another count for nothing."""
    for name, value in said.items():
        if value == 0 and name != "truncate":
            raise UserError(f"RoPE spec {shown(text)}: {name} must be greater than 0")
    if said.get("truncate", 1) not in (0, 1):
        raise UserError(f"RoPE spec {shown(text)}: truncate must be 0 or 1")
    values = DEFAULTS.get(kind, {}) | said
    for low, high in (("low_freq_factor", "high_freq_factor"), ("beta_slow", "beta_fast")):
        if low in values and not values[low] < values[high]:
            ours, theirs = f"{low} ({values[low]:g})", f"{high} ({values[high]:g})"
            raise UserError(f"RoPE spec {shown(text)}: {ours} must be less than {theirs}")
    if len({"mscale", "mscale_all_dim"} & said.keys()) == 1 or {"mscale", "attention_factor"} <= said.keys():
        raise UserError(
            f"RoPE spec {shown(text)}: mscale and mscale_all_dim count only together, and attention_factor in their "
            "place: give the two, or the one"
        )


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
    if model.beneath is not None:
        return _stacked(spec, model, model.beneath, tokens, grid)
    if spec.kind in ("dynamic", "dynamic-yarn"):
        return _by_length(spec, model, tokens, grid)
    factor = spec.number or 1.0
    if spec.kind == "linear":
        return RopeSetting("linear", model.base, factor, multiplier=factor)
    if spec.kind == "yarn":
        return _yarn(spec, model, factor)
    if spec.kind == "llama3":
        return RopeSetting("llama3", model.base, factor, model.length, spec.told)
    if spec.kind == "longrope":
        return _longrope(model, tokens)
    if spec.kind == "native":
        return RopeSetting("native")
    if spec.kind == "base":
        return RopeSetting("default", factor, multiplier=1.0)
    return RopeSetting("default", ntk_base(model, factor), multiplier=factor)  # ntk, and none with a factor of 1


STACKS: dict[str, tuple[str, ...]] = {
    "linear": ("linear", "ntk", "dynamic", "base"),
    "yarn": ("ntk", "dynamic", "base"),
    "llama3": ("ntk", "dynamic", "base"),
}
"""Kinds that mean something on top of a model's own rule: another base inside it, or a factor by which it multiplies.

Two ramps over the frequencies (yarn, llama3, longrope) would each count turns that the other one changed.
"""


def stacked_refusal(spec: RopeSpec, released: str) -> str | None:
    """Why `spec` cannot stand on the rule `released`; None where it can."""
    if spec.kind == "none":
        return f"none switches {released} off, so nothing stands on it: native runs the model as released"
    kinds = STACKS.get(released.partition(":")[0], ())
    if spec.kind in kinds:
        return None
    if not kinds:
        return f"nothing can stand on {released}, which is no rule of one base and one factor"
    return f"{spec.kind} on {released} means nothing: only {', '.join(kinds)} can stand on it"


def _stacked(
    spec: RopeSpec, model: RopeModel, beneath: RopeSetting, tokens: int, grid: float | None = None
) -> RopeSetting:
    """The model's own rule with what is asked on top of it."""
    if spec.kind == "native":
        return RopeSetting("native")
    if (why := stacked_refusal(spec, beneath.rope_type)) is not None:
        raise UserError(f"RoPE spec {spec}: {why}")
    asked = rope_setting(spec, replace(model, beneath=None, is_scaled=True), tokens, grid)
    if asked.rope_type == "native":
        return asked
    factor = (beneath.factor or 1.0) * (asked.factor or 1.0)
    return replace(beneath, base=asked.base, factor=factor, multiplier=asked.multiplier)


def _by_length(spec: RopeSpec, model: RopeModel, tokens: int, grid: float | None) -> RopeSetting:
    if model.is_scaled and tokens <= model.length:
        return RopeSetting("native", multiplier=1.0)  # the released model as it is, its own scaling included
    if spec.kind == "dynamic":
        multiplier = dynamic_multiplier(spec.number or 1.0, tokens, model.length, grid)
        return RopeSetting("default", ntk_base(model, multiplier), multiplier=multiplier)
    # s = n/L (Peng et al. 2023, section 3.3), which is the multiplier of the dynamic rule for a factor of 1
    stretch = dynamic_multiplier(1.0, tokens, model.length, grid)
    if stretch == 1.0:
        return RopeSetting("default", model.base, multiplier=1.0)
    return _yarn(spec, model, stretch)


def _yarn(spec: RopeSpec, model: RopeModel, factor: float) -> RopeSetting:
    if model.base <= 1:
        raise UserError(f"RoPE spec {spec} needs a base above 1, and this model turns by {model.base:g}")
    return RopeSetting("yarn", model.base, factor, model.length, spec.told, multiplier=factor)


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
