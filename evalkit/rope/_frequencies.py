"""What a RoPE setting does to the rotation: inverse frequencies and attention scale, computed apart from any engine.

Engines are held against these numbers: an engine that was told one thing and rotates by another returns fluent
nonsense, and nothing else shows it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalkit.errors import UserError

from ._engine import engine_base
from ._specs import RopeSetting

__all__ = ["Rotation", "rotation"]

# YaRN's constants for Llama-like models (Peng et al. 2023, section 3.2), the defaults of transformers and vLLM.
BETA_FAST, BETA_SLOW = 32, 1


@dataclass(frozen=True)
class Rotation:
    """The rotation of one attention head."""

    frequencies: tuple[float, ...]
    """Radians per position, fastest first, one for each pair of dimensions."""
    scale: float = 1.0
    """Factor on sine and cosine (YaRN's attention temperature)."""


def rotation(setting: RopeSetting, dimension: int) -> Rotation:
    """The rotation that a setting means for `dimension` rotated dimensions; `UserError` where it alone does not say."""
    if setting.base is None:
        raise UserError("RoPE setting 'native' names no base: its rotation is the model's own")
    base = engine_base(setting, dimension) if setting.rope_type == "dynamic" else setting.base
    plain = [base ** (-2 * pair / dimension) for pair in range(dimension // 2)]
    if setting.rope_type == "linear":
        return Rotation(tuple(frequency / _factor(setting) for frequency in plain))
    if setting.rope_type == "yarn":
        return _yarn(setting, setting.base, plain, dimension)
    return Rotation(tuple(plain))


def _factor(setting: RopeSetting) -> float:
    return setting.factor or 1.0


def _yarn(setting: RopeSetting, base: float, plain: list[float], dimension: int) -> Rotation:
    """Fast dimensions stay, slow ones are interpolated, a linear ramp lies between (Peng et al. 2023, eq. 17 to 22)."""
    length, factor = setting.original_length or 0, _factor(setting)
    low = max(math.floor(_pair_of(BETA_FAST, base, length, dimension)), 0)
    high = min(math.ceil(_pair_of(BETA_SLOW, base, length, dimension)), dimension - 1)
    span = high - low or 0.001  # as transformers' `_compute_yarn_parameters` guards the division
    mixed = []
    for pair, frequency in enumerate(plain):
        interpolated = min(max((pair - low) / span, 0.0), 1.0)
        mixed.append(frequency * (1 - interpolated) + frequency / factor * interpolated)
    return Rotation(tuple(mixed), 0.1 * math.log(factor) + 1.0 if factor > 1 else 1.0)


def _pair_of(turns: float, base: float, length: int, dimension: int) -> float:
    """Which pair turns that many times over the original length."""
    return dimension * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(base))
