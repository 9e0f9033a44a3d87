"""Shards of either kind show names, formats and shapes without their numbers; damaged ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from evalkit.errors import CardError
from evalkit.models.conversion._formats import Header
from evalkit.models.conversion._shards import opened

STATE = {"b": torch.ones(2, 3).half(), "a": torch.arange(4)}
HEADERS = {Header("a", torch.int64, (4,)), Header("b", torch.float16, (2, 3))}


def test_shards_of_both_kinds_show_the_same(tmp_path: Path) -> None:
    """And give the tensors by their names."""
    save_file(STATE, tmp_path / "a.safetensors")
    torch.save(STATE, tmp_path / "a.bin")

    for name in ("a.safetensors", "a.bin"):
        with opened(tmp_path / name) as shard:
            assert HEADERS == set(shard.headers)
            assert all(torch.equal(tensor, shard.tensor(key)) for key, tensor in STATE.items())


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_safetensors_cut_short_are_refused(share: float, tmp_path: Path) -> None:
    """In one line with the file."""
    path = tmp_path / "a.safetensors"
    save_file(STATE, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])

    with (
        pytest.raises(CardError, match=r"a\.safetensors: not a safetensors file .*copy it again") as caught,
        opened(path),
    ):
        pass

    assert 1 == len(str(caught.value).splitlines())


def test_a_format_that_safetensors_cannot_hold_is_refused(tmp_path: Path) -> None:
    """Bits that torch alone knows."""
    torch.save({"w": torch.zeros(2, dtype=torch.uint8).view(torch.float8_e4m3fnuz)}, tmp_path / "a.bin")

    with pytest.raises(CardError, match=r"'w' is stored as torch\.float8_e4m3fnuz"), opened(tmp_path / "a.bin"):
        pass
