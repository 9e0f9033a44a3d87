"""Files that are written tensor by tensor are what the safetensors library reads."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from evalkit.models.conversion._formats import Header, format_name, torch_format, write_safetensors

FORMATS = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.int64,
    torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.bool,
]  # fmt: skip


def header(name: str, tensor: torch.Tensor) -> Header:
    """What announces a tensor."""
    return Header(name, tensor.dtype, tuple(tensor.shape))


@pytest.mark.parametrize("dtype", FORMATS)
def test_every_format_is_read_back_as_it_was(dtype: torch.dtype, tmp_path: Path) -> None:
    """Byte for byte, also of views, of empty tensors and of single numbers; with the digest of the file."""
    base = torch.arange(24).remainder(2).to(dtype).reshape(4, 6)
    state = {"all": base, "turned": base.T, "part": base[1:3, ::2], "empty": base[:0], "one": base[1, 1]}
    path = tmp_path / "a.safetensors"

    digest = write_safetensors(path, [header(*each) for each in state.items()], state.values())

    found = load_file(path)
    assert state.keys() == found.keys()
    for name, tensor in state.items():
        assert dtype == found[name].dtype
        assert (
            tensor.contiguous().reshape(-1).view(torch.uint8).tolist()
            == found[name].reshape(-1).view(torch.uint8).tolist()
        )
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_names_are_written_as_they_are(tmp_path: Path) -> None:
    """Signs that JSON escapes included."""
    name = 'a"\\\n重み'

    write_safetensors(tmp_path / "a.safetensors", [header(name, torch.ones(1))], [torch.ones(1)])

    assert [name] == list(load_file(tmp_path / "a.safetensors"))


def test_another_tensor_than_the_announced_one_is_an_error(tmp_path: Path) -> None:
    """Else the file would say one shape and hold another."""
    with pytest.raises(ValueError, match="announced"):
        write_safetensors(tmp_path / "a.safetensors", [header("w", torch.ones(3))], [torch.ones(2)])


def test_formats_have_the_names_of_safetensors() -> None:
    """Complex numbers have none, and names that torch has no format for give none."""
    assert FORMATS == [torch_format(format_name(dtype) or "") for dtype in FORMATS]
    assert format_name(torch.complex64) is None
    assert torch_format("F4") is None
