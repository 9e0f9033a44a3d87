"""Finding and reading the tokenizer of a card. Nothing else in evalkit talks to `transformers` about text."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.cards import Card
from evalkit.errors import CardError, MissingDependencyError, one_line, shown
from evalkit.transfer import quiet_hub_client

from ._foreign import Characters, TiktokenText
from ._panics import check_merges, is_panic, provoke, quietly
from ._tokenizer import PromptTokenizer
from ._tokenizer_file import chat_template_of, cleaned_up, read_tokenizer_file
from .published import PublishedText, read_published_tokenizer

__all__ = ["load_tokenizer"]

UNREACHABLE = ("couldn't connect to", "offline mode is enabled", "HF_HUB_OFFLINE")
"""What transformers and the hub's client say without a network or in offline mode, before a page of links."""


def load_tokenizer(card: Card, *, trust_remote_code: bool = False) -> PromptTokenizer:
    """The tokenizer of a card's weights; `CardError` where there is none or it needs code that was not allowed."""
    text: TiktokenText | Characters
    if card.tokenizer is not None and card.tokenizer.startswith("tiktoken:"):
        text = TiktokenText(card.tokenizer.removeprefix("tiktoken:"))
    elif card.tokenizer is None and card.weights is None:
        text = Characters()
    else:
        return _of_model(card, trust_remote_code)
    _check_special_tokens(card, text)
    return PromptTokenizer(text)


def _of_model(card: Card, trust_remote_code: bool) -> PromptTokenizer:
    """The tokenizer of a folder or of a repository of the hub."""
    place = card.tokenizer or str(card.weights_path or card.weights)
    if card.tokenizer is None and card.weights_path is not None and not card.weights_path.is_dir():
        raise CardError(f"{place}: no such folder: put the weights there, or correct `weights` in card {card.name}")
    published = _published(place, card, trust_remote_code)
    if published is not None:
        return PromptTokenizer(published, add_bos=card.add_bos, place=place)
    try:
        loaded = _loaded(place, card, trust_remote_code)
        if getattr(loaded, "is_fast", False):
            with quietly():
                provoke(loaded.backend_tokenizer)
    except MissingDependencyError:
        raise
    except BaseException as error:  # transformers and tokenizers raise every kind for a damaged file
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        reason = one_line(error)
        if "trust_remote_code" in str(error):  # before it is cut to a line
            reason = "it ships its own code; pass --trust-remote-code to run it"
        elif any(sign in reason for sign in UNREACHABLE):
            reason = (
                "it is not on this machine and the hub cannot be reached: give a folder that has the model, or set "
                "HF_ENDPOINT to a mirror"
            )
        raise CardError(f"{place}: no usable tokenizer: {reason}") from error
    _check_special_tokens(card, loaded)
    return PromptTokenizer(loaded, add_bos=card.add_bos, place=place)


def _published(place: str, card: Card, trust_remote_code: bool) -> PublishedText | None:
    """The tokenizer of a published folder whose class is known here; None where another reader has to be asked."""
    folder = Path(place).expanduser()
    if not folder.is_dir():
        return None
    return read_published_tokenizer(
        folder,
        card.special_tokens,
        template=lambda values: _template_of(folder, values),
        clean_up=cleaned_up,
        use_fast=card.use_fast_tokenizer,
        trust_remote_code=trust_remote_code,
    )


def _template_of(folder: Path, values: Mapping[str, Any]) -> Any:
    try:
        return chat_template_of(folder, values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CardError(
            f"{folder}: its chat template cannot be read ({one_line(error)}): get the file again"
        ) from error


def _check_special_tokens(card: Card, loaded: Any) -> None:
    """Raise a `CardError` where a tokenizer of another kind has other texts for the ids that the card names."""
    for text, number in card.special_tokens.items():
        found = _text_of(loaded, number)
        if found != text:
            raise CardError(
                f"card {card.name}: special_tokens: {shown(text)} is {number} there, which is "
                f"{'no token' if found is None else shown(found)} for the model's tokenizer: correct the card"
            )


def _text_of(loaded: Any, token: int) -> str | None:
    """The text that a tokenizer's vocabulary has for an id; None where it has none."""
    core = getattr(loaded, "backend_tokenizer", None)
    try:
        found = core.id_to_token(token) if core is not None else loaded.convert_ids_to_tokens(token)
    except Exception:  # an encoding without special tokens, or an id that a class does not expect
        return None
    return found if isinstance(found, str) else None


def _loaded(place: str, card: Card, trust_remote_code: bool) -> Any:
    """The tokenizer of a folder's own files where its ids are known to be transformers', else what that loads."""
    folder = Path(place).expanduser()
    if (folder / "tokenizer.json").is_file():
        check_merges(folder / "tokenizer.json")
    if folder.is_dir() and card.use_fast_tokenizer:
        with quietly():
            found = read_tokenizer_file(folder, trust_remote_code=trust_remote_code)
        if found is not None:
            return found
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingDependencyError("transformers", "hf", "reading a tokenizer") from error
    for module in ("base", "tokenizers"):  # lengths are ours; a BPE tokenizer that ignores its clean-up flag is no news
        logging.getLogger(f"transformers.tokenization_utils_{module}").setLevel(logging.ERROR)
    with quietly() if folder.is_dir() else quiet_hub_client():  # a download shows its progress
        return AutoTokenizer.from_pretrained(
            place,
            revision=card.revision if card.tokenizer is None else None,
            trust_remote_code=trust_remote_code,
            use_fast=card.use_fast_tokenizer,
        )
