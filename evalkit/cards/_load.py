"""Finds and reads model cards: by shipped name, YAML file, or model folder."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from evalkit.cards._card import FACTS, Card
from evalkit.cards._folder import card_of_folder
from evalkit.cards._weights import check_no_adapter
from evalkit.errors import CardError, UnknownNameError, one_line
from evalkit.paths import shipped

__all__ = ["is_shipped", "list_cards", "load_card"]

_SUFFIXES = (".yaml", ".yml")


def load_card(name_or_path: str | Path) -> Card:
    """The card of a shipped name, a YAML file, a folder with `card.yaml`, or a model folder with `config.json`."""
    text = str(name_or_path)
    shipped_files = _shipped_files()
    if text in shipped_files:
        return _read_card(shipped_files[text])
    path = Path(text).expanduser()
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


def is_shipped(name_or_path: str | Path) -> bool:
    """Whether `load_card` gives a card that ships with evalkit."""
    return str(name_or_path) in _shipped_files()


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
    data = _read_yaml(path)
    try:
        return Card.model_validate(data, context=path.absolute())
    except ValidationError as error:
        raise CardError(f"{path}: {_explain(error)}") from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text("utf-8"), Loader=_CardLoader)  # a SafeLoader
    except yaml.YAMLError as error:
        raise CardError(f"{path}: not valid YAML: {one_line(error)}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"{path}: cannot be read: {error}") from None
    if not isinstance(data, dict):
        found = "nothing" if data is None else type(data).__name__
        raise CardError(f"{path}: a card is a mapping of fields (name: …), found {found}")
    return data


class _CardLoader(yaml.SafeLoader):
    """A SafeLoader that refuses a key given twice, where YAML libraries silently keep the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _explain(error: ValidationError) -> str:
    """The first error as `field: what`, and how many more there are."""
    errors = error.errors(include_url=False)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return _explain_one(errors[0]) + more


def _explain_one(error: Mapping[str, Any]) -> str:
    parts = [str(part) for part in error["loc"] if not str(part).startswith("~")]
    field = ".".join(parts)
    if error["type"] == "extra_forbidden":
        return f"{field}: unknown field{_nearest_field(field)}"
    if error["type"] == "missing":
        return f"{field}: missing: add it"
    message = str(error["msg"]).removeprefix("Value error, ")
    # An address may hold a user, a password or a key, which is what is wrong with it.
    found = f", found {error['input']!r:.80}" if field and parts[-1] != "base_url" else ""
    return f"{field}: {message}{found}" if field else message


def _nearest_field(field: str) -> str:
    nearest = difflib.get_close_matches(field, FACTS, n=1)
    return f": did you mean {nearest[0]!r}?" if nearest else ": remove it"
