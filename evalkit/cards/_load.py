"""Finds and reads model cards: by shipped name, YAML file, or model folder."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from evalkit.cards._card import FACTS, Card
from evalkit.cards._folder import card_of_folder, card_of_snapshot
from evalkit.cards._weights import check_no_adapter
from evalkit.cards.hub import HubError, HubName, hub_name, open_snapshot
from evalkit.errors import CardError, UnknownNameError, one_line
from evalkit.paths import shipped

__all__ = ["list_cards", "load_card", "on_this_machine"]

_SUFFIXES = (".yaml", ".yml")


def load_card(name_or_path: str | Path) -> Card:
    """The card of a shipped name, a YAML file, a folder with `card.yaml`, a model folder, or a model on the hub.

    Of a hub id (`owner/name`, `owner/name@revision`) the configuration is downloaded, unless a shipped card describes
    that model. A folder of such a name is taken first.
    """
    text = str(name_or_path)
    shipped_files = _shipped_files()
    if text in shipped_files:
        return _read_card(shipped_files[text])
    path = Path(text).expanduser()
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


def list_cards() -> list[Card]:
    """All shipped cards, sorted by name."""
    return [_read_card(path) for _, path in sorted(_shipped_files().items())]


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
    data = _read_yaml(path)
    try:
        return Card.model_validate(data, context=path.absolute())
    except ValidationError as error:
        raise CardError(f"{path}: {_explain(error, data)}") from None


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


def _explain(error: ValidationError, data: Mapping[str, Any]) -> str:
    """All missing fields at once; then the first other error as `field: what`, and how many more there are."""
    errors = error.errors(include_url=False)
    missing = [_field(each) for each in errors if each["type"] == "missing"]
    if missing and not {"weights", "endpoint"} & data.keys():  # pydantic looks at pairs of fields last
        missing.append("weights (or endpoint)")
    others = [each for each in errors if each["type"] != "missing"]
    parts = [f"{', '.join(missing)}: missing: add {'it' if len(missing) == 1 else 'them'}"] if missing else []
    parts += [_explain_one(others[0])] if others else []
    return "; ".join(parts) + (f" (and {len(others) - 1} more)" if len(others) > 1 else "")


def _explain_one(error: Mapping[str, Any]) -> str:
    field = _field(error)
    if error["type"] == "extra_forbidden":
        return f"{field}: unknown field{_nearest_field(field)}"
    message = str(error["msg"]).removeprefix("Value error, ")
    found = f", found {error['input']!r:.80}" if field else ""
    return f"{field}: {message}{found}" if field else message


def _field(error: Mapping[str, Any]) -> str:
    return ".".join(str(part) for part in error["loc"] if not str(part).startswith("~"))


def _nearest_field(field: str) -> str:
    nearest = difflib.get_close_matches(field, FACTS, n=1)
    return f": did you mean {nearest[0]!r}?" if nearest else ": remove it"
