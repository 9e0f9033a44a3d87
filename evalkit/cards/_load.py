"""Finds and reads model cards: by shipped name, YAML file, or model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evalkit.cards._card import FACTS, Card
from evalkit.cards._folder import card_of_folder
from evalkit.cards._weights import check_no_adapter
from evalkit.errors import CardError, UnknownNameError
from evalkit.files import user_path
from evalkit.paths import shipped
from evalkit.reading import read_yaml
from evalkit.records import explain

__all__ = ["list_cards", "load_card"]

_SUFFIXES = (".yaml", ".yml")


def load_card(name_or_path: str | Path) -> Card:
    """The card of a shipped name, a YAML file, a folder with `card.yaml`, or a model folder with `config.json`."""
    text = str(name_or_path)
    shipped_files = _shipped_files()
    if text in shipped_files:
        return _read_card(shipped_files[text])
    path = user_path(text)
    if path.is_dir():
        return _read_folder(path)
    if path.suffix == ".gguf":
        raise CardError(_served(path))
    if path.is_file():
        return _read_card(path)
    if _looks_like_path(name_or_path):
        raise CardError(
            f"{text}: no such file or folder: give a card's name or path"
            " (weights on the hub need a card with `weights: owner/name`)"
        )
    raise UnknownNameError("card", text, shipped_files, hint="a card of your own is given by its path")


def list_cards() -> list[Card]:
    """All shipped cards, sorted by name."""
    return [_read_card(path) for _, path in sorted(_shipped_files().items())]


def _shipped_files() -> dict[str, Path]:
    folder = shipped("model_cards")
    files = {path.stem: path for path in folder.glob("*.yaml")}
    return files | {path.parent.name: path for path in folder.glob("*/card.yaml")}


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
        raise CardError(f"{path}: {explain(error, FACTS)}") from None


def _read_card_fields(path: Path) -> dict[str, Any]:
    data = read_yaml(path, refuse=CardError)
    if not isinstance(data, dict):
        found = "nothing" if data is None else type(data).__name__
        raise CardError(f"{path}: a card is a mapping of fields (name: …), found {found}")
    return data
