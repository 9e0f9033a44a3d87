"""Number formats of safetensors files, and a writer that holds one tensor at a time.

The format, from the documentation of safetensors: the length of the header (8 bytes, little endian), the header (JSON:
name -> dtype, shape, offsets into what follows), then all tensors without a gap.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["Header", "format_name", "torch_format", "write_safetensors"]

_NAMES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8",
    "U16": "uint16", "U32": "uint32", "U64": "uint64", "BOOL": "bool",
}  # fmt: skip
_ALIGNMENT = 8  # bytes: the tensors begin at a multiple, so that they can be mapped
_BLOCK = 2**20  # bytes hashed and written at once, while they are in the cache of the processor


@dataclass(frozen=True)
class Header:
    """A tensor without its numbers."""

    name: str
    """Its name."""
    dtype: torch.dtype
    """Its number format."""
    shape: tuple[int, ...]
    """Its dimensions."""

    @property
    def size(self) -> int:
        """Bytes of its numbers."""
        count = self.dtype.itemsize
        for length in self.shape:
            count *= length
        return count


def torch_format(name: str) -> torch.dtype | None:
    """The number format that a safetensors file calls `name`; None for one that torch does not have."""
    import torch

    found = getattr(torch, _NAMES.get(name, ""), None)
    return found if isinstance(found, torch.dtype) else None


def format_name(dtype: torch.dtype) -> str | None:
    """What a safetensors file calls a number format; None for one that it cannot hold."""
    spelling = str(dtype).removeprefix("torch.")
    return next((name for name, known in _NAMES.items() if known == spelling), None)


def write_safetensors(path: Path, headers: Sequence[Header], tensors: Iterable[torch.Tensor]) -> str:
    """Write a file of the tensors that `headers` announces, in that order, forced to disk; its SHA-256.

    Larger number formats first keeps each tensor aligned. `OSError` where the system refuses.
    """
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for block in _blocks(headers, tensors):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _blocks(headers: Sequence[Header], tensors: Iterable[torch.Tensor]) -> Iterable[bytes | memoryview]:
    import torch

    text = _header_text(headers)
    yield len(text).to_bytes(8, "little") + text
    for header, tensor in zip(headers, tensors, strict=True):
        if (tensor.dtype, tuple(tensor.shape)) != (header.dtype, header.shape):
            raise ValueError(f"{header.name} is not the tensor that was announced")
        content = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data
        for start in range(0, len(content), _BLOCK):
            yield content[start : start + _BLOCK]


def _header_text(headers: Sequence[Header]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}  # transformers asks which library wrote it
    offset = 0
    for header in headers:
        end = offset + header.size
        entries[header.name] = {
            "dtype": format_name(header.dtype), "shape": header.shape, "data_offsets": (offset, end),
        }  # fmt: skip
        offset = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % _ALIGNMENT)
