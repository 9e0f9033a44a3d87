"""Facts read from a plain Hugging Face model folder (`config.json`, `tokenizer_config.json`), without transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evalkit.cards._card import Architecture, Card, FactSource, Rope
from evalkit.cards._weights import read_json
from evalkit.errors import CardError

__all__ = ["FolderFacts", "card_of_folder", "read_facts"]

# OpenCompass's chat wrapper asks for max_position_embeddings, seq_length, model_max_length, in this order;
# n_positions is GPT-2's name, max_sequence_length a second name that LMSYS models carry.
_LENGTH_KEYS = ("max_position_embeddings", "seq_length", "model_max_length", "n_positions", "max_sequence_length")
_TEMPLATE_FILES = ("chat_template.jinja", "chat_template.json")
_SPEC_TYPES = {"linear", "dynamic", "yarn"}


@dataclass(frozen=True)
class FolderFacts:
    """What the files of a model folder say; None where they do not say it."""

    lengths: Mapping[str, int]
    """Context lengths by the key that states them, the one to use first."""
    rope: Rope
    """Rotary base and scaling."""
    architecture: Architecture
    """Widths and counts."""
    needs_remote_code: bool
    """config.json maps a model class to code of the repository."""
    has_chat_template: bool
    """The tokenizer brings a chat template."""
    has_tokenizer: bool
    """Tokenizer files are present."""


def card_of_folder(folder: Path) -> Card:
    """A card derived from a model folder that has none."""
    path = folder / "config.json"
    facts = read_facts(folder)
    if not facts.lengths:
        keys = ", ".join(_LENGTH_KEYS)
        raise CardError(f"{path}: no context length ({keys}): write a card.yaml with context_length beside it")
    values = {
        "name": re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).lstrip("._-") or "model",
        "title": folder.resolve().name or "model",
        "weights": ".",
        "context_length": next(iter(facts.lengths.values())),
        "architecture": facts.architecture,
        "rope": facts.rope,
        "chat": "tokenizer",  # whether a model without a template may go without one is the user's decision
        "trust_remote_code_required": facts.needs_remote_code,
        "licence": "not stated",
        "sources": (FactSource(facts=("context_length", "architecture", "rope"), source="config.json"),),
    }
    return Card.model_validate(values, context=path)


def read_facts(folder: Path) -> FolderFacts:
    """What `config.json` and the tokenizer files of `folder` say."""
    path = folder / "config.json"
    config = read_json(path)
    lengths = {key: value for key in _LENGTH_KEYS if (value := _count(config, key, path)) is not None}
    return FolderFacts(
        lengths=lengths,
        rope=_rope(config, path),
        architecture=_architecture(config, path),
        needs_remote_code=isinstance(config.get("auto_map"), dict),
        has_chat_template=_has_chat_template(folder),
        has_tokenizer=any(any(folder.glob(name)) for name in ("tokenizer.json", "*.model", "vocab.*")),
    )


def _count(config: Mapping[str, object], key: str, path: Path) -> int | None:
    value = config.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise CardError(f"{path}: {key}: expected a positive whole number, found {value!r}")
    return value


def _number(config: Mapping[str, object], key: str, path: Path) -> float | None:
    value = config.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise CardError(f"{path}: {key}: expected a positive number, found {value!r}")
    return float(value)


def _rope(config: Mapping[str, object], path: Path) -> Rope:
    """Reads `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` (transformers 4)."""
    parameters = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(parameters, dict):
        raise CardError(f"{path}: rope_parameters: expected an object, found {parameters!r}")
    if any(isinstance(value, dict) for value in parameters.values()):
        return Rope(theta=None, scaling="native")  # one base per kind of layer: no single theta, no spec
    theta = _number(parameters, "rope_theta", path) or _number(config, "rope_theta", path)
    return Rope(theta=theta, scaling=_scaling(parameters, path))


def _scaling(parameters: Mapping[str, object], path: Path) -> str | None:
    kind = parameters.get("rope_type") or parameters.get("type") or "default"
    if kind == "default":
        return None
    factor = _number(parameters, "factor", path)
    if kind not in _SPEC_TYPES or factor is None:
        return "native"
    return f"{kind}:{factor:.12g}"  # as a spec would be written: 8, not 8.0


def _architecture(config: Mapping[str, object], path: Path) -> Architecture:
    hidden, heads = _count(config, "hidden_size", path), _count(config, "num_attention_heads", path)
    head_dim = _count(config, "head_dim", path)
    if head_dim is None and hidden and heads:
        head_dim = hidden // heads
    return Architecture(
        layers=_count(config, "num_hidden_layers", path),
        hidden=hidden,
        feed_forward=_count(config, "intermediate_size", path),
        heads=heads,
        kv_heads=_count(config, "num_key_value_heads", path),
        head_dim=head_dim,
        rotary_dim=_rotary_dim(config, head_dim, path),
        vocabulary=_count(config, "vocab_size", path),
    )


def _rotary_dim(config: Mapping[str, object], head_dim: int | None, path: Path) -> int | None:
    """Dimensions that RoPE turns where the configuration says that it is a part of them."""
    parameters = config.get("rope_parameters")
    nested = _number(parameters, "partial_rotary_factor", path) if isinstance(parameters, dict) else None
    factor = nested or _number(config, "partial_rotary_factor", path) or _number(config, "rotary_pct", path)
    return int(head_dim * factor) if head_dim and factor and factor < 1 else None


def _has_chat_template(folder: Path) -> bool:
    if any((folder / name).is_file() for name in _TEMPLATE_FILES):
        return True
    path = folder / "tokenizer_config.json"
    return path.is_file() and bool(read_json(path).get("chat_template"))
