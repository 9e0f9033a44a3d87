"""What a run's RoPE condition is computed from: facts of the card that decide every rotation, and so every answer."""

from __future__ import annotations

from typing import Any

from evalkit.cards import Card
from evalkit.errors import UserError
from evalkit.rope import RopeModel, RopeSpec

__all__ = ["rope_facts", "rope_model"]

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
