"""What a folder of weights must hold, and which files decide what is computed.

Weights are safetensors with all their shards, or, where there are none, `pytorch_model.bin` or the shards of its index:
pickles, which are read by torch's restricted unpickler alone (`weights_only`). Other pickles are no weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from evalkit.errors import CardError, shown
from evalkit.reading import read_json

__all__ = [
    "BIN", "BIN_INDEX", "INDEX", "WHOLE", "check_no_adapter", "check_weights", "foreign_code", "loaded_files",
    "named_shards", "read_config", "said_of_pickles", "weight_files",
]  # fmt: skip

LARGEST_CONFIG = 2**26  # bytes; the index of a model with 140,000 tensors has 14 million
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
BIN, BIN_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
LONGEST_NAME, LONGEST_PATH = 255, 1000  # bytes of a file's name and signs of a path: what file systems take
_ADAPTER = "adapter_config.json"
_WITH_CODE = ("config.json", "tokenizer_config.json")
_TOKENIZER_FILES = {
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "chat_template.json",
}  # fmt: skip
"""Files whose effect is in the digest of the tokenizer, not in that of the weights."""
_NO_WEIGHTS = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state|random_states)")
"""Beginnings of the names under which trainers save their own state beside a model."""
_SHARD = re.compile(r"pytorch_model-\d+-of-\d+\.bin")


def check_weights(folder: Path, what: str) -> None:
    """Raises a CardError unless `folder` holds weights with all the shards that their index names."""
    if not folder.is_dir():
        raise CardError(f"{what}: {folder}: no such folder: put the weights there, or correct `weights` in the card")
    check_no_adapter(folder)
    index = _index(folder)
    if not index.is_file() and not _whole_files(folder):
        raise CardError(f"{what}: {folder}: no weights (*.safetensors, {BIN}){_found_instead(folder)}")
    if index.is_file():
        missing = sorted(shard for shard in named_shards(index) if not (folder / shard).is_file())
        if missing:
            raise CardError(f"{what}: {folder}: {len(missing)} shards are missing, first {missing[0]}: copy them there")


def check_no_adapter(folder: Path) -> None:
    """Raises a CardError where an adapter lies in the folder: loading it or not would give two different models."""
    if (folder / _ADAPTER).is_file():
        raise CardError(
            f"{folder}: holds {_ADAPTER}: an adapter (LoRA) beside or instead of a model: merge it into its base model "
            "(peft: merge_and_unload), and name the folder with the merged weights; or name the base as the model, and "
            "the adapter's own folder with --adapter"
        )


def loaded_files(folder: Path, *, with_code: bool) -> list[Path]:
    """The files that decide what a model computes, but those of its tokenizer: weights wherever their index names them,
    configurations (RoPE, scales, quantisation, end of text), and with `with_code` the code that comes with them.
    """
    index = _index(folder)
    shards = {folder / shard for shard in named_shards(index)} if index.is_file() else set()
    weights = sorted({*_whole_files(folder), *shards})
    settings = sorted(path for path in folder.glob("*.json") if path.name not in _TOKENIZER_FILES and path != index)
    code = sorted(folder.rglob("*.py")) if with_code else []
    return [*weights, *settings, *code]


def weight_files(folder: Path) -> list[Path]:
    """The files of weights that are read, in the order of transformers: `model.safetensors`, the shards of its index,
    safetensors of other names, `pytorch_model.bin`, the shards of its index; empty where there are none of these.
    """
    index = _index(folder)
    whole = folder / index.name.removesuffix(".index.json")
    if whole.is_file():
        return [whole]
    return sorted(folder / shard for shard in named_shards(index)) if index.is_file() else _whole_files(folder)


def _index(folder: Path) -> Path:
    """Where the index of the weights is, if they have one."""
    if any((folder / name).is_file() for name in (WHOLE, INDEX)):
        return folder / INDEX
    has_pickles = any((folder / name).is_file() for name in (BIN, BIN_INDEX))
    return folder / (BIN_INDEX if has_pickles or not any(folder.glob("*.safetensors")) else INDEX)


def _whole_files(folder: Path) -> list[Path]:
    """Weights that lie in the folder without an index that names them, sorted."""
    pickled = folder / BIN
    if _index(folder).name == INDEX:
        return sorted(folder.glob("*.safetensors"))
    return [pickled] if pickled.is_file() else []


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
    return said_of_pickles(path.name for path in folder.iterdir()) or ": copy them there"


def said_of_pickles(names: Iterable[str]) -> str:
    """What to say where pickles lie in place of weights that are read, and what to do; empty where none do."""
    found = sorted(name for name in names if name.endswith((".bin", ".pt", ".pth")) and not _NO_WEIGHTS.match(name))
    shard = next((name for name in found if _SHARD.fullmatch(name)), None)
    if shard is not None:
        return f"; found {shard} without {BIN_INDEX}, which says what is in the shards: copy it there"
    return f"; found {found[0]}, pickled in another layout: save the model again as safetensors" if found else ""


def named_shards(index: Path) -> set[str]:
    """The weight files that an index names, all of them of its own kind and inside its folder; else `CardError`."""
    kind = Path(index.name.removesuffix(".index.json")).suffix
    weight_map = read_config(index).get("weight_map")
    if not isinstance(weight_map, dict):
        raise CardError(f"{index}: weight_map: expected an object: copy the file again")
    # A shard of another kind may be a pickle of any content; one outside is nobody's to hash.
    odd = [name for name in weight_map.values() if not isinstance(name, str) or not _is_inside(name, kind)]
    if odd:
        raise CardError(f"{index}: weight_map: {shown(odd[0])} is no *{kind} file of this folder: get the model again")
    return set(weight_map.values())


def _is_inside(shard: str, kind: str) -> bool:
    path = PurePosixPath(shard)
    if path.is_absolute() or ".." in path.parts or path.suffix != kind or not shard.isprintable():
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
