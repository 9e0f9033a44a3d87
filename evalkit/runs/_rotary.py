"""What a run's RoPE condition is computed from: facts of the card that decide every rotation, and so every answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalkit.cards import Card
from evalkit.errors import UserError
from evalkit.rope import RopeModel, RopeSetting, RopeSpec, engine_setting, parse_rope, rope_setting

__all__ = ["recorded_rotation", "rope_facts", "rope_model"]

LEAST_TURNED = 2  # base · m^(d/(d−2)) is nothing for d = 2


def rope_model(card: Card, rope: RopeSpec) -> RopeModel | None:
    """Base, length and turned dimensions that `rope` counts with; None for `native`, which leaves them to the model.

    Raises a `UserError` where the card does not state one of them.
    """
    if rope.kind == "native":
        return None
    base, dimension = card.rope.theta, card.turned_dimensions
    if base is None or dimension is None:
        fact = "rope.theta" if base is None else "architecture.head_dim"
        raise UserError(
            f"{card.name}: --rope {rope} needs {fact}, which its card does not state; add it, but a model without a "
            "rotary embedding, or with one base for each kind of layer, runs with --rope native only"
        )
    if rope.kind in {"ntk", "dynamic"} and dimension <= LEAST_TURNED:
        raise UserError(
            f"{card.name}: --rope {rope} needs more than {LEAST_TURNED} turned dimensions of a head, and its card or "
            f"config.json makes {dimension}; correct architecture.head_dim or rotary_dim"
        )
    return RopeModel(base, card.original_length, dimension, is_scaled=card.rope.scaling is not None)


def rope_facts(card: Card, rope: RopeSpec) -> dict[str, Any]:
    """The part of a run's identity that says what its RoPE condition was computed from; empty under `native`."""
    if rope.kind == "native":
        return {}
    facts = {"base": card.rope.theta, "length": card.original_length, "dimension": card.turned_dimensions}
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
            own = engine_setting(rope, model, str(identity["backend"]), model.length)
            return own.key if own.window is None else None  # one for all, of a window that nobody wrote down
        return None if rope.kind == "dynamic" else rope_setting(rope, model, model.length).key
    except (KeyError, TypeError, ArithmeticError, UserError):  # older releases, or a manifest changed by hand
        return None
