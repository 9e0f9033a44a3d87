"""RoPE conditions: specs, effective bases, what engines are told."""

from ._engine import engine_base, engine_refusal, engine_setting
from ._frequencies import Rotation, rotation
from ._specs import (
    LongRope,
    RopeModel,
    RopeSetting,
    RopeSpec,
    check_named_once,
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
    "check_named_once",
    "engine_base",
    "engine_refusal",
    "engine_setting",
    "parse_rope",
    "parse_ropes",
    "rope_setting",
    "rotation",
    "stacked_refusal",
]
