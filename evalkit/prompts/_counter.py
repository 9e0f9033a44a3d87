"""Tokens of texts, by any tokenizer that can be named: an encoding of tiktoken, a file, a model folder, a card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.cards import Card, card_names, load_card, on_this_machine
from evalkit.errors import UnknownNameError, UserError
from evalkit.files import user_path
from evalkit.tasks import length_tokenizer

from ._load import load_tokenizer

__all__ = ["TokenCounter", "token_counter"]

OPTION = "--tokenizer"


@dataclass(frozen=True)
class TokenCounter:
    """One tokenizer that counts."""

    name: str
    """What it is called, for people."""
    count: Callable[[Sequence[str]], list[int]]
    """Tokens of each text, without special tokens."""


def token_counter(name: str, *, trust_remote_code: bool = False) -> TokenCounter:
    """The tokenizer of that name.

    A `tokenizer.json`, a folder that has one, a model folder, a card, a model of the hub, or an encoding of tiktoken
    (`cl100k_base`). `UserError` where there is none.
    """
    path, is_encoding = user_path(name), name in _encodings()
    if is_encoding or path.suffix == ".json" or _is_bare(path):
        encoder = length_tokenizer(name, OPTION)
        return TokenCounter(
            name if is_encoding else path.name, lambda texts: list(map(len, encoder.encode_batch(texts)))
        )
    card = on_this_machine(_card(name))
    tokenizer = load_tokenizer(card, trust_remote_code=trust_remote_code)
    if tokenizer.unit != "tokens":
        raise UserError(f"{OPTION} {name}: nobody here knows the tokenizer of {card.title}; name another one")
    return TokenCounter(card.title, lambda texts: list(map(len, tokenizer.encode_batch(texts))))


def _is_bare(folder: Path) -> bool:
    """Whether a folder holds a tokenizer and no model."""
    return (folder / "tokenizer.json").is_file() and not any(
        (folder / name).is_file() for name in ("card.yaml", "config.json")
    )


def _encodings() -> list[str]:
    import tiktoken

    return list(tiktoken.list_encoding_names())


def _card(name: str) -> Card:
    try:
        return load_card(name)
    except UnknownNameError:
        hint = "a tokenizer.json and a model folder are given by their path, a model of the hub as owner/name"
        raise UnknownNameError("tokenizer", name, [*_encodings(), *card_names()], hint) from None
