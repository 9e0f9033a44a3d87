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

__all__ = ["check_sums", "read_pickled"]

LARGEST_PICKLE = 2**27  # bytes of names and shapes, without the numbers; 140,000 tensors take 30 million
_ZIP = b"PK\x03\x04"
_BLOCK = 2**20  # bytes read at once
_REFUSED = re.compile(r"GLOBAL ([\w.]+)")
# torch's advice is to run the file, and to report its messages.
_BEFORE_REASON = ("arbitrary code execution.", "WeightsUnpickler error:")
_BEHIND_REASON = "(Could this error message be improved?"
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


def check_sums(path: Path) -> None:
    """Raise a `CardError` where the numbers in a file are not those that were saved: holes of a download, a bad disk.

    By the checksums of the archive, which torch itself never reads; a file of torch before 1.6 has none.
    """
    if not _is_zip(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.CRC:  # 0 where torch was told to leave checksums out
                    _read_through(archive, entry)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise CardError(f"{path}: damaged ({one_line(error, 160)}): copy it again") from error


def _read_through(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    with archive.open(entry) as file:
        while file.read(_BLOCK):
            pass


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ZIP)) == _ZIP


def _loaded(path: Path) -> Any:
    import torch

    is_zip = _is_zip(path)
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
    text = str(error)
    for before in _BEFORE_REASON:
        text = text.rpartition(before)[2]
    reason = one_line(text.partition(_BEHIND_REASON)[0].strip() or error, 160)
    return f"cannot be read as tensors ({reason}): copy it again, or {_ADVICE}"


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
