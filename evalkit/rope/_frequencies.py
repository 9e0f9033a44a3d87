"""What a RoPE setting does to the rotation: inverse frequencies and attention scale, computed apart from any engine.

Engines are held against these numbers: an engine that was told one thing and rotates by another returns fluent
nonsense, and nothing else shows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from evalkit.errors import UserError

from ._specs import DEFAULTS, RopeSetting

__all__ = ["Rotation", "rotation"]


@dataclass(frozen=True)
class Rotation:
    """The rotation of one attention head."""

    frequencies: tuple[float, ...]
    """Radians per position, fastest first, one for each pair of dimensions."""
    scale: float = 1.0
    """Factor on sine and cosine (the attention temperature of YaRN and LongRoPE)."""


def rotation(setting: RopeSetting, dimension: int) -> Rotation:
    """The rotation that a setting means for `dimension` rotated dimensions; `UserError` for `native`."""
    if setting.base is None:
        raise UserError("RoPE setting 'native' names no base: its rotation is the model's own")
    plain = [setting.base ** (-2 * pair / dimension) for pair in range(dimension // 2)]
    if setting.rope_type == "linear":
        return Rotation(tuple(frequency / _factor(setting) for frequency in plain))
    if setting.rope_type == "yarn":
        return _yarn(setting, setting.base, plain, dimension)
    if setting.rope_type == "llama3":
        return Rotation(tuple(_llama3(setting, plain)))
    if setting.rope_type == "longrope":
        return _longrope(setting, plain)
    return Rotation(tuple(plain))


def _factor(setting: RopeSetting) -> float:
    return setting.factor or 1.0


def _yarn(setting: RopeSetting, base: float, plain: list[float], dimension: int) -> Rotation:
    """Fast dimensions stay, slow ones are interpolated, a linear ramp lies between (Peng et al. 2023, eq. 17 to 22)."""
    said = DEFAULTS["yarn"] | dict(setting.options)
    length, factor = setting.original_length or 0, _factor(setting)
    low = _pair_of(said["beta_fast"], base, length, dimension)
    high = _pair_of(said["beta_slow"], base, length, dimension)
    if said["truncate"]:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dimension - 1)
    span = high - low or 0.001  # as transformers' `_compute_yarn_parameters` guards the division
    mixed = []
    for pair, frequency in enumerate(plain):
        interpolated = min(max((pair - low) / span, 0.0), 1.0)
        mixed.append(frequency * (1 - interpolated) + frequency / factor * interpolated)
    return Rotation(tuple(mixed), _yarn_scale(factor, said))


def _yarn_scale(factor: float, said: dict[str, float]) -> float:
    """0.1 · ln s + 1 (Peng et al. 2023, eq. 22), or as options say otherwise (`_compute_yarn_parameters`)."""
    if "attention_factor" in said:
        return said["attention_factor"]

    def mscale(weight: float) -> float:
        return 0.1 * weight * math.log(factor) + 1.0 if factor > 1 else 1.0

    if "mscale" in said and "mscale_all_dim" in said:
        return mscale(said["mscale"]) / mscale(said["mscale_all_dim"])
    return mscale(1.0)


def _pair_of(turns: float, base: float, length: int, dimension: int) -> float:
    """Which pair turns that many times over the original length."""
    return dimension * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(base))


def _llama3(setting: RopeSetting, plain: list[float]) -> Iterator[float]:
    """By how often a pair turns over the original length L: often enough, it stays; seldom, it is interpolated.

    Between `low_freq_factor` and `high_freq_factor` turns, of both in proportion (`_compute_llama3_parameters`).
    """
    said = DEFAULTS["llama3"] | dict(setting.options)
    low, high = said["low_freq_factor"], said["high_freq_factor"]
    length, factor = setting.original_length or 0, _factor(setting)
    for frequency in plain:
        turns = length * frequency / (2 * math.pi)
        kept = min(max((turns - low) / (high - low), 0.0), 1.0)
        yield frequency * kept + frequency / factor * (1 - kept)


def _longrope(setting: RopeSetting, plain: list[float]) -> Rotation:
    """A divisor for each pair, found by search (Ding et al. 2024; `_compute_longrope_parameters`)."""
    if len(setting.factors) != len(plain):
        raise UserError(f"RoPE setting longrope has {len(setting.factors)} factors for {len(plain)} turned pairs")
    pairs = zip(plain, setting.factors, strict=True)
    return Rotation(tuple(frequency / factor for frequency, factor in pairs), setting.scale or 1.0)
