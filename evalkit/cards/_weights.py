"""What a folder of weights must hold, safetensors with all their shards, and which files decide what is computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from evalkit.errors import CardError, shown
from evalkit.reading import read_json

__all__ = ["check_no_adapter", "check_weights", "foreign_code", "loaded_files", "named_shards", "read_config"]

LARGEST_CONFIG = 2**26  # bytes; the index of a model with 140,000 tensors has 14 million
_INDEX = "model.safetensors.index.json"
LONGEST_NAME, LONGEST_PATH = 255, 1000  # bytes of a file's name and signs of a path: what file systems take
_ADAPTER = "adapter_config.json"
_WITH_CODE = ("config.json", "tokenizer_config.json")
_TOKENIZER_FILES = {
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "chat_template.json",
}  # fmt: skip
"""Files whose effect is in the digest of the tokenizer, not in that of the weights."""


def check_weights(folder: Path, what: str) -> None:
    """Raises a CardError unless `folder` holds safetensors weights with all the shards their index names."""
    if not folder.is_dir():
        raise CardError(f"{what}: {folder}: no such folder: put the weights there, or correct `weights` in the card")
    check_no_adapter(folder)
    index = folder / _INDEX
    if not index.is_file() and not any(folder.glob("*.safetensors")):
        raise CardError(f"{what}: {folder}: no weights (*.safetensors){_found_instead(folder)}")
    if index.is_file():
        missing = sorted(shard for shard in named_shards(index) if not (folder / shard).is_file())
        if missing:
            raise CardError(f"{what}: {folder}: {len(missing)} shards are missing, first {missing[0]}: copy them there")


def check_no_adapter(folder: Path) -> None:
    """Raises a CardError where an adapter lies in the folder: loading it or not would give two different models."""
    if (folder / _ADAPTER).is_file():
        raise CardError(
            f"{folder}: holds {_ADAPTER}: an adapter (LoRA) beside or instead of a model: merge it into its base model "
            "(peft: merge_and_unload), and name the folder with the merged weights"
        )


def loaded_files(folder: Path, *, with_code: bool) -> list[Path]:
    """The files that decide what a model computes, but those of its tokenizer: weights wherever their index names them,
    configurations (RoPE, scales, quantisation, end of text), and with `with_code` the code that comes with them.
    """
    index = folder / _INDEX
    shards = {folder / shard for shard in named_shards(index)} if index.is_file() else set()
    weights = sorted({*folder.glob("*.safetensors"), *shards})
    settings = sorted(path for path in folder.glob("*.json") if path.name not in _TOKENIZER_FILES and path != index)
    code = sorted(folder.rglob("*.py")) if with_code else []
    return [*weights, *settings, *code]


def foreign_code(folder: Path) -> list[str]:
    """Repositories of the hub, other than this folder, from which its configurations take code; sorted."""
    maps = [read_config(path).get("auto_map") for name in _WITH_CODE if (path := folder / name).is_file()]
    classes = [name for each in maps if isinstance(each, dict) for name in _texts(each.values())]
    return sorted({name.partition("--")[0] for name in classes if "--" in name})


def _texts(values: Iterable[object]) -> Iterator[str]:
    """The texts among values; a tokenizer names two classes in a list."""
    for value in values:
        yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))


def _found_instead(folder: Path) -> str:
    gguf = next(folder.glob("*.gguf"), None)
    if gguf is not None:
        return f"; found {gguf.name}: serve it with llama.cpp and give the address, or get the safetensors weights"
    # Pickled weights run code when they are read, so evalkit does not read them.
    pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
    return f"; found {pickled[0]}: save the model again as safetensors" if pickled else ": copy them there"


def named_shards(index: Path) -> set[str]:
    """The weight files that an index names, all of them safetensors inside its folder; else `CardError`."""
    weight_map = read_config(index).get("weight_map")
    if not isinstance(weight_map, dict):
        raise CardError(f"{index}: weight_map: expected an object: copy the file again")
    # A shard of another kind may be a pickle, which runs code; one outside is nobody's to hash.
    odd = [name for name in weight_map.values() if not isinstance(name, str) or not _is_inside(name)]
    if odd:
        raise CardError(
            f"{index}: weight_map: {shown(odd[0])} is no *.safetensors file of this folder: get the model again"
        )
    return set(weight_map.values())


def _is_inside(shard: str) -> bool:
    path = PurePosixPath(shard)
    if path.is_absolute() or ".." in path.parts or path.suffix != ".safetensors" or not shard.isprintable():
        return False
    return len(shard) <= LONGEST_PATH and all(len(part.encode()) <= LONGEST_NAME for part in path.parts)


def read_config(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a model folder, or a CardError that says what is wrong with it."""
    if not path.exists():
        raise CardError(f"{path}: no such file: copy it from the model's repository")
    value = read_json(path, refuse=CardError, advice="copy it again", most=LARGEST_CONFIG, is_foreign=True)
    if not isinstance(value, dict):
        raise CardError(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value
