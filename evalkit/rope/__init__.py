"""RoPE conditions: specs, effective bases, what engines are told."""

from ._frequencies import Rotation, rotation
from ._specs import (
    LongRope,
    RopeModel,
    RopeSetting,
    RopeSpec,
    parse_rope,
    parse_ropes,
    rope_setting,
    stacked_refusal,
)

__all__ = [
    "LongRope",
    "RopeModel",
    "RopeSetting",
    "RopeSpec",
    "Rotation",
    "parse_rope",
    "parse_ropes",
    "rope_setting",
    "rotation",
    "stacked_refusal",
]
