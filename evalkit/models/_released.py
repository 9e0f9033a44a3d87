"""The RoPE setting that a model was released with, as its card says it."""

from __future__ import annotations

from evalkit.cards import Card
from evalkit.errors import UserError
from evalkit.rope import RopeModel, RopeSetting, parse_rope, rope_setting

__all__ = ["released_setting"]

_FIXED = {"linear", "ntk", "yarn", "llama3"}  # the same at every length
_COUNTING = {"yarn", "llama3"}  # from an original length, which a card written by hand may leave out


def released_setting(card: Card) -> RopeSetting | None:
    """The setting that a model runs under as it is; None where no spec expresses it, or where it follows the length."""
    theta, scaling, turned = card.rope.theta, card.rope.scaling, card.turned_dimensions
    if theta is None:
        return None
    if scaling is None:
        return RopeSetting("default", theta)
    spec = parse_rope(scaling)
    if spec.kind not in _FIXED or (spec.kind == "ntk" and turned is None):
        return None
    if spec.kind in _COUNTING and card.rope.original_length is None:
        return None
    try:
        return rope_setting(spec, RopeModel(theta, card.original_length, turned or 0), card.original_length)
    except UserError:  # a base that the rule has no number for
        return None
