"""Tensors of a `.bin` file, read without running anything that it holds.

torch's restricted unpickler (`weights_only`) makes tensors and plain containers and refuses every other name. Of what
it makes only a flat mapping from text to plain dense tensors is taken.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.errors import CardError, one_line, shown

if TYPE_CHECKING:
    import torch

__all__ = ["read_pickled"]

LARGEST_PICKLE = 2**27  # bytes of names and shapes, without the numbers; 140,000 tensors take 30 million
_ZIP = b"PK\x03\x04"
_REFUSED = re.compile(r"GLOBAL ([\w.]+)")
_ADVICE = "get the model as safetensors, or as a state_dict of tensors alone"


def read_pickled(path: Path) -> dict[str, torch.Tensor]:
    """Name -> tensor on the CPU, mapped from the file, or in memory where it is of torch before 1.6.

    Tensors may be views of one storage. `CardError` for a file that holds anything but plain tensors under their names,
    one cut short, and one that is no such file.
    """
    try:
        loaded = _loaded(path)
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror or one_line(error)}): copy it again") from error
    except Exception as error:  # the unpickler and torch raise every kind for a file that is not theirs
        raise CardError(f"{path}: {_reason(error)}") from error
    if not isinstance(loaded, dict):
        raise CardError(f"{path}: holds {_kind(loaded)} in place of names and tensors: {_ADVICE}")
    for name, value in loaded.items():
        if not isinstance(name, str):
            raise CardError(f"{path}: {shown(name)} is no name of a tensor: {_ADVICE}")
        if (found := _oddity(value)) is not None:
            raise CardError(f"{path}: {shown(name)} is {found}, no plain tensor: {_ADVICE}")
    return {name: value.detach() for name, value in loaded.items()}


def _loaded(path: Path) -> Any:
    import torch

    with path.open("rb") as file:
        is_zip = file.read(len(_ZIP)) == _ZIP
    if is_zip:
        _check_archive(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on formats of older releases, which are read all the same
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)


def _check_archive(path: Path) -> None:
    """Refuse an archive that unpacks to more than it is, before anything is unpacked."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            is_pickle = entry.filename.endswith("data.pkl")
            if entry.compress_type != zipfile.ZIP_STORED or (is_pickle and entry.file_size > LARGEST_PICKLE):
                raise CardError(f"{entry.filename!r} in it is compressed, or too large for names and shapes")


def _reason(error: Exception) -> str:
    refused = _REFUSED.search(str(error))
    if refused is not None:
        return f"names {shown(refused[1])}, which is no tensor and is not run: {_ADVICE}"
    text = str(error).rpartition("arbitrary code execution.")[2]  # torch's advice is to run the file
    return f"cannot be read as tensors ({one_line(text or error, 160)}): copy it again, or {_ADVICE}"


def _oddity(value: object) -> str | None:
    """What a value is where it is no plain dense tensor in memory; None where it is one."""
    import torch

    if type(value) not in (torch.Tensor, torch.nn.Parameter):
        return _kind(value)
    assert isinstance(value, torch.Tensor)
    if value.is_quantized or value.layout != torch.strided:
        return "quantised" if value.is_quantized else f"stored as {str(value.layout).removeprefix('torch.')}"
    if value.device.type != "cpu" or value.is_complex() or value.is_neg() or value.is_conj():
        return f"a {value.dtype} on {value.device.type}"
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():  # one number in a billion places
        return f"of shape {tuple(value.shape)} over fewer numbers"
    return None


def _kind(value: object) -> str:
    kind = type(value).__name__
    return f"a mapping of {len(value)}" if isinstance(value, dict) else f"of type {kind}"
