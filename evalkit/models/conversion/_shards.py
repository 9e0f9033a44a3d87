"""Published shards, one at a time: names, number formats and shapes without the numbers, and the tensors themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.errors import CardError, one_line, shown

from ._formats import Header, format_name, torch_format
from ._pickles import read_pickled

if TYPE_CHECKING:
    import torch

__all__ = ["Shard", "is_pickled", "opened"]


@dataclass(frozen=True)
class Shard:
    """An open file of weights."""

    headers: tuple[Header, ...]
    """What is in it."""
    tensor: Callable[[str], torch.Tensor]
    """Gives the tensor of a name, on the CPU."""


def is_pickled(path: Path) -> bool:
    """Whether a file of weights is a pickle."""
    return path.suffix != ".safetensors"


@contextmanager
def opened(path: Path) -> Iterator[Shard]:
    """A file of weights, mapped until the block ends; `CardError` where it cannot be read."""
    if is_pickled(path):
        yield _pickle(path)
        return
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise CardError(f"{path}: no such file: copy it there")
    try:
        with safe_open(path, framework="pt") as file:
            yield Shard(tuple(_header(path, name, file.get_slice(name)) for name in file.keys()), file.get_tensor)  # noqa: SIM118
    except SafetensorError as error:
        raise CardError(f"{path}: not a safetensors file ({one_line(error)}): copy it again") from error


def _pickle(path: Path) -> Shard:
    tensors = read_pickled(path)
    headers = tuple(Header(name, tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items())
    for header in headers:
        if format_name(header.dtype) is None:
            raise CardError(f"{path}: {shown(header.name)} is stored as {header.dtype}, which safetensors cannot hold")
    return Shard(headers, tensors.__getitem__)


def _header(path: Path, name: str, part: object) -> Header:
    stored = part.get_dtype()  # type: ignore[attr-defined]
    dtype = torch_format(stored)
    if dtype is None:
        raise CardError(f"{path}: {shown(name)} is stored as {stored}, which is no format of torch's: get another copy")
    return Header(name, dtype, tuple(part.get_shape()))  # type: ignore[attr-defined]
