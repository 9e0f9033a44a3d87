"""The tensors that files of weights hold, from their headers alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from evalkit.cards import loaded_files
from evalkit.errors import CardError, one_line
from evalkit.reading import JsonError, load_json

__all__ = ["StoredTensor", "stored_tensors"]

_HEADER_BYTES = 8  # a safetensors file begins with the length of its JSON header, little endian
_LARGEST_HEADER = 100_000_000  # bytes; the safetensors library refuses larger ones too


class StoredTensor(NamedTuple):
    """A tensor in a file."""

    name: str
    """As the file calls it."""
    kind: str
    """Number format, as safetensors names it."""
    size: int
    """Bytes."""


def stored_tensors(folder: Path) -> list[StoredTensor]:
    """Every stored tensor, from the headers of the files that transformers reads."""
    whole = folder / "model.safetensors"
    paths = [whole] if whole.is_file() else loaded_files(folder, with_code=False)
    found: list[StoredTensor] = []
    for path in paths:
        if path.suffix == ".safetensors":
            found += _header(path)
    return found


def _header(path: Path) -> Iterator[StoredTensor]:
    """Name, number format and bytes of every tensor of a safetensors file."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(_HEADER_BYTES), "little")
            if size > _LARGEST_HEADER:
                raise JsonError(f"its header states {size:,} bytes")
            header = load_json(file.read(size), is_foreign=True)
        for name, entry in header.items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                yield StoredTensor(name, str(entry["dtype"]), int(end) - int(begin))
    except (OSError, JsonError, AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise CardError(f"{path}: not a safetensors file ({one_line(error)}): copy it again") from error
