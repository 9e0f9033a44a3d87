"""Finds and reads model cards: by shipped name, YAML file, or model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evalkit.cards._card import FACTS, Card
from evalkit.cards._folder import card_of_folder, card_of_snapshot
from evalkit.cards._weights import check_no_adapter
from evalkit.cards.hub import HubError, HubName, hub_name, open_snapshot
from evalkit.errors import CardError, UnknownNameError
from evalkit.files import user_path
from evalkit.paths import shipped
from evalkit.reading import read_yaml
from evalkit.records import explain

__all__ = ["card_names", "is_shipped", "list_cards", "load_card", "on_this_machine", "split_profile"]

_SUFFIXES = (".yaml", ".yml")


def load_card(name_or_path: str | Path) -> Card:
    """The card of a shipped name, a YAML file, a folder with `card.yaml`, a model folder, or a model on the hub.

    `CARD@PROFILE` is the card with one of its profiles, of a name, a file or a folder. Of a hub id (`owner/name`,
    `owner/name@revision`) the configuration is downloaded, unless a shipped card describes that model. A folder of such
    a name is taken first.
    """
    text = str(name_or_path)
    shipped_files = _shipped_files()
    if text in shipped_files:
        return _read_card(shipped_files[text])
    base, profile = split_profile(text)
    if profile is not None:
        card = load_card(base)
        if profile in card.profiles or not _may_be_revision(text):
            return card.with_profile(profile)
    path = user_path(text)
    named = hub_name(text) if isinstance(name_or_path, str) else None
    if path.is_dir() and (named is None or _is_model(path)):
        note = f"{text} is a folder here and is used, not the hub's model of that name (./{text} says so)"
        return _read_folder(path).found(*([note] if named is not None else []))
    if path.suffix == ".gguf":
        raise CardError(_served(path))
    if path.is_file():
        return _read_card(path)
    if named is not None:
        return _card_on_hub(named)
    if _looks_like_path(name_or_path):
        raise CardError(f"{text}: no such file or folder: give a card's name or path, or a hub id (owner/name)")
    raise UnknownNameError(
        "card", text, shipped_files, hint="a card of your own is given by its path, a model of the hub as owner/name"
    )


def split_profile(text: str) -> tuple[str, str | None]:
    """What stands before and behind the `@` of CARD@PROFILE; the whole text and None where it names no profile.

    Before the sign stands a shipped name, a card's file or a model's folder; elsewhere it is part of a name.
    """
    base, sign, profile = text.rpartition("@")
    if not (sign and base) or "/" in profile:
        return text, None
    if base in _shipped_files():
        return base, profile
    if user_path(text).exists():
        return text, None
    path = user_path(base)
    is_card = (path.is_file() and path.suffix in _SUFFIXES) or (path.is_dir() and _is_model(path))
    return (base, profile) if is_card else (text, None)


def _may_be_revision(text: str) -> bool:
    """Whether the text also names a model on the hub at a revision."""
    try:
        return hub_name(text) is not None
    except CardError:
        return False


def list_cards() -> list[Card]:
    """All shipped cards, sorted by name."""
    return [_read_card(path) for _, path in sorted(_shipped_files().items())]


def card_names() -> list[str]:
    """Names of the shipped cards, sorted."""
    return sorted(_shipped_files())


def is_shipped(name_or_path: str | Path) -> bool:
    """Whether `load_card` gives a card that ships with evalkit, in whichever profile."""
    return split_profile(str(name_or_path))[0] in _shipped_files()


def _shipped_files() -> dict[str, Path]:
    folder = shipped("model_cards")
    files = {path.stem: path for path in folder.glob("*.yaml")}
    return files | {path.parent.name: path for path in folder.glob("*/card.yaml")}


def _card_on_hub(name: HubName) -> Card:
    """The shipped card that describes a model of the hub, else one made of the model's own files."""
    for card in list_cards():
        if card.weights is not None and card.weights.casefold() == name.repo.casefold():
            note = f"{name}: the shipped card {card.name} describes this model and is used"
            pinned = card.model_copy(update={"revision": name.revision or card.revision})
            return pinned.found(note)
    try:
        return card_of_snapshot(open_snapshot(name))
    except HubError as error:  # a path with a typing error looks like a model on the hub
        raise CardError(f"{error} ({name.repo}: no such file or folder here)") from error


def on_this_machine(card: Card) -> Card:
    """The card bound to the commit that its weights on the hub have now, with configuration and tokenizer at hand.

    A card of local weights, or bound already, comes back as it is.
    """
    if card.weights is None or not card.is_on_hub or card.snapshot is not None:
        return card
    return card.found(snapshot=open_snapshot(HubName(card.weights, card.revision)))


def _is_model(folder: Path) -> bool:
    return (folder / "card.yaml").is_file() or (folder / "config.json").is_file()


def _looks_like_path(value: str | Path) -> bool:
    text = str(value)
    return (
        isinstance(value, Path)
        or any(sign in text for sign in "/\\")
        or text.startswith(("~", "."))
        or text.endswith(_SUFFIXES)
    )


def _read_folder(folder: Path) -> Card:
    if (folder / "card.yaml").is_file():
        return _read_card(folder / "card.yaml")
    if (folder / "config.json").is_file():
        return card_of_folder(folder)
    check_no_adapter(folder)
    gguf = next(folder.glob("*.gguf"), None)
    if gguf is not None:
        raise CardError(_served(gguf))
    raise CardError(f"{folder}: neither card.yaml nor config.json in this folder: give a model folder or a card")


def _served(path: Path) -> str:
    return (
        f"{path}: GGUF weights, which only llama.cpp and its kin read: serve them there (llama-server -m) and give the "
        "server's address, or get the model as safetensors"
    )


def _read_card(path: Path) -> Card:
    data = _read_card_fields(path)
    try:
        return Card.model_validate(data, context=path.absolute())
    except ValidationError as error:
        # pydantic looks at pairs of fields last
        pair = () if {"weights", "endpoint"} & data.keys() else ("weights (or endpoint)",)
        raise CardError(f"{path}: {explain(error, FACTS, pair)}") from None


def _read_card_fields(path: Path) -> dict[str, Any]:
    data = read_yaml(path, refuse=CardError)
    if not isinstance(data, dict):
        found = "nothing" if data is None else type(data).__name__
        raise CardError(f"{path}: a card is a mapping of fields (name: …), found {found}")
    return data
