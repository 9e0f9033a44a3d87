"""What a run's RoPE condition is computed from: facts of the card that decide every rotation, and so every answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from evalkit.cards import Card, longrope_of, positions_without_rope
from evalkit.errors import UserError
from evalkit.models import released_setting
from evalkit.rope import (
    LongRope,
    RopeModel,
    RopeSetting,
    RopeSpec,
    engine_setting,
    parse_rope,
    rope_setting,
    stacked_refusal,
)

__all__ = ["recorded_rotation", "rope_facts", "rope_model"]

LEAST_TURNED = 2  # base · m^(d/(d−2)) is nothing for d = 2
BY_LENGTH = {"dynamic", "dynamic-yarn", "longrope"}


def rope_model(card: Card, rope: RopeSpec, *, is_stacked: bool = False) -> RopeModel | None:
    """Base, length and turned dimensions that `rope` counts with; None for `native`, which leaves them to the model.

    `is_stacked`: the model's own scaling stays beneath. Raises a `UserError` where the model has no rotary embedding,
    where the card does not state a fact that is needed, and where `rope` cannot stand on the model's own scaling.
    """
    if rope.kind == "native":
        return None
    if (instead := positions_without_rope(card)) is not None:
        raise UserError(
            f"{card.name}: --rope {rope}: the model has no rotary embedding: it uses {instead}; --rope native runs it"
        )
    base, dimension = card.rope.theta, card.turned_dimensions
    if base is None or dimension is None:
        fact = "rope.theta" if base is None else "architecture.head_dim"
        raise UserError(
            f"{card.name}: --rope {rope} needs {fact}, which its card does not state; add it, but a model without a "
            "rotary embedding, or with one base for each kind of layer, runs with --rope native only"
        )
    _check_dimension(card, rope, dimension)
    is_scaled = card.rope.scaling is not None
    if is_stacked and is_scaled:
        beneath = _beneath(card, rope)
        return RopeModel(base, card.context_length, dimension, is_scaled, beneath=beneath)
    return RopeModel(base, card.original_length, dimension, is_scaled, _long_rope(card, rope))


def _check_dimension(card: Card, rope: RopeSpec, dimension: int) -> None:
    correct = "correct architecture.head_dim or rotary_dim"
    if dimension % 2:
        raise UserError(
            f"{card.name}: --rope {rope} turns pairs of dimensions, and its card or config.json makes {dimension}, "
            f"an odd number; {correct}"
        )
    if rope.kind in {"ntk", "dynamic"} and dimension <= LEAST_TURNED:
        raise UserError(
            f"{card.name}: --rope {rope} needs more than {LEAST_TURNED} turned dimensions of a head, and its card or "
            f"config.json makes {dimension}; {correct}"
        )


def _beneath(card: Card, rope: RopeSpec) -> RopeSetting:
    """The model's own rule, for `rope` to stand on."""
    released = str(card.rope.scaling)
    if (why := stacked_refusal(rope, released)) is not None:
        raise UserError(f"{card.name}: --rope {rope} --rope-stacks-on-native: {why}")
    beneath = released_setting(card)
    if beneath is None:
        raise UserError(
            f"{card.name}: --rope-stacks-on-native needs rope.original_length, which its card does not state; add it"
        )
    return beneath


def _long_rope(card: Card, rope: RopeSpec) -> LongRope | None:
    """The factors that `longrope` needs; None for every other rule."""
    if rope.kind != "longrope":
        return None
    factors = longrope_of(card)
    if factors is None:
        raise UserError(
            f"{card.name}: --rope longrope needs short_factor and long_factor, one for each turned pair, in the "
            "config.json of its weights on this machine, which has none"
        )
    return LongRope(*factors)


def rope_facts(card: Card, rope: RopeSpec, *, is_stacked: bool = False) -> dict[str, Any]:
    """The part of a run's identity that says what its RoPE condition was computed from; empty under `native`."""
    if rope.kind == "native":
        return {}
    facts: dict[str, Any] = {
        "base": card.rope.theta,
        "length": card.original_length,
        "dimension": card.turned_dimensions,
    }
    # Only where they count, so that runs from before they did go on.
    if is_stacked and card.rope.scaling is not None:
        facts |= {"beneath": card.rope.scaling, "extended_length": card.context_length}
    if rope.kind == "longrope":
        facts |= {"longrope": hashlib.sha256(repr(longrope_of(card)).encode()).hexdigest()[:16]}
    return {"rope_model": facts}


def recorded_rotation(identity: Mapping[str, Any]) -> str | None:
    """The RoPE setting that all records of a run carry; None where it follows the prompt's length, or nobody says it.

    A log that was put into the folder of another run of a sweep would be scored under that one's condition.
    """
    try:
        rope = parse_rope(str(identity["rope"]))
        if rope.kind == "native":
            return RopeSetting("native").key
        facts = identity["rope_model"]
        model = RopeModel(facts["base"], facts["length"], facts["dimension"])
        if identity.get("rope_mode") == "engine":
            told = engine_setting(rope, model, str(identity["backend"]), model.length)
            return told.key if told.window is None else None  # one for all, of a window that nobody wrote down
        if "beneath" in facts:
            own = rope_setting(parse_rope(facts["beneath"]), model, model.length)
            model = RopeModel(facts["base"], facts["extended_length"], facts["dimension"], beneath=own)
        return None if rope.kind in BY_LENGTH else rope_setting(rope, model, model.length).key
    except (KeyError, TypeError, ArithmeticError, UserError):  # older releases, or a manifest changed by hand
        return None
