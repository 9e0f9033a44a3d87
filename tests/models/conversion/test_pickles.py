"""Pickled weights give tensors or one clear error; nothing in them is run."""

from __future__ import annotations

import io
import os
import pickle
import random
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from evalkit.errors import CardError
from evalkit.models.conversion import _pickles
from evalkit.models.conversion._pickles import check_sums, read_pickled


class Runs:
    """Unpickled by a plain unpickler, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., int], tuple[str]]:
        """What the pickle asks for."""
        return os.system, (f"touch '{self.path}'",)


def refusal(path: Path) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(CardError) as caught:
        read_pickled(path)
    message = str(caught.value)
    assert 1 == len(message.splitlines())
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def saved(path: Path, value: Any, *, is_zip: bool = True) -> Path:
    """A file that `torch.save` wrote."""
    torch.save(value, path, _use_new_zipfile_serialization=is_zip)
    return path


@pytest.mark.parametrize("is_zip", [True, False])
def test_tensors_come_back_as_they_were(is_zip: bool, tmp_path: Path) -> None:
    """In files of either kind; parameters, views of one storage, empty tensors and every format included."""
    base = torch.arange(12.0).reshape(3, 4)
    state = OrderedDict(
        whole=base,
        turned=base.T,
        row=base[1],
        tied=base,
        parameter=torch.nn.Parameter(torch.ones(2).bfloat16()),
        empty=torch.empty(0, 3),
        number=torch.tensor(5),
        flags=torch.tensor([True, False]),
    )

    found = read_pickled(saved(tmp_path / "a.bin", state, is_zip=is_zip))

    assert list(state) == list(found)
    for name, tensor in state.items():
        assert torch.equal(tensor.detach(), found[name])
        assert tensor.dtype == found[name].dtype


@pytest.mark.parametrize("is_zip", [True, False])
def test_nothing_in_a_file_is_run(is_zip: bool, tmp_path: Path) -> None:
    """A call that the pickle asks for is named and refused."""
    made = tmp_path / "made"
    path = saved(tmp_path / "a.bin", {"w": torch.ones(2), "x": Runs(made)}, is_zip=is_zip)

    message = refusal(path)

    assert not made.exists()
    assert "posix.system" in message or "nt.system" in message
    assert "weights_only" not in message  # torch's advice is to run it


def test_a_plain_pickle_is_not_run(tmp_path: Path) -> None:
    """Nor one that torch did not write."""
    made = tmp_path / "made"
    (tmp_path / "a.bin").write_bytes(pickle.dumps({"x": Runs(made)}))

    refusal(tmp_path / "a.bin")

    assert not made.exists()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"state_dict": {"w": torch.ones(2)}}, "'state_dict' is a mapping of 1"),
        ({"w": torch.ones(2), "epoch": 3}, "'epoch' is of type int"),
        ({"w": [torch.ones(2)]}, "'w' is of type list"),
        ({"w": torch.ones(2).to_sparse()}, "'w' is stored as sparse_coo"),
        ({"w": torch.ones(2, dtype=torch.complex64)}, "'w' is a torch.complex64"),
        ({"w": torch.empty(2, device="meta")}, "'w' is a torch.float32 on meta"),
        ({"w": torch.ones(1).expand(10**12)}, "'w' is of shape (1000000000000,) over fewer numbers"),
        ({3: torch.ones(2)}, "3 is no name of a tensor"),
        (torch.ones(2), "holds of type Tensor"),
        ([("w", torch.ones(2))], "holds of type list"),
    ],
)
def test_anything_but_plain_tensors_is_refused(value: Any, said: str, tmp_path: Path) -> None:
    """The message names the entry and what it is."""
    assert said in refusal(saved(tmp_path / "a.bin", value))


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_quantised_tensors_are_refused(tmp_path: Path) -> None:
    """Their scale is beside the numbers, where no file of safetensors has a place."""
    tensor = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    with mock.patch.dict(sys.modules):  # pickle asks all modules for names, and transformers' then import all they have
        for name in [name for name in sys.modules if name.partition(".")[0] == "transformers"]:
            del sys.modules[name]
        file = saved(tmp_path / "a.bin", {"w": tensor})

    assert "'w' is quantised" in refusal(file)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"garbage" * 100, b"\x80\x02", b"\x80\x02}q\x00."])
def test_files_of_other_kinds_are_refused(content: bytes, tmp_path: Path) -> None:
    """Empty, cut behind the first bytes, no pickle at all, a pickle of nothing."""
    path = tmp_path / "a.bin"
    path.write_bytes(content)

    assert "copy it again" in refusal(path)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_files_cut_short_are_refused(share: float, is_zip: bool, tmp_path: Path) -> None:
    """Wherever the copy ended."""
    path = saved(tmp_path / "a.bin", {"w": torch.ones(1000), "v": torch.ones(1000)}, is_zip=is_zip)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])

    assert "copy it again" in refusal(path)


def test_an_archive_that_unpacks_to_more_than_it_is_is_refused(tmp_path: Path) -> None:
    """Before it takes the memory."""
    path = tmp_path / "a.bin"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + b"]" * 10_000_000)

    assert "compressed" in refusal(path)


def test_a_pickle_larger_than_names_and_shapes_can_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers lie beside it, so that it is small."""
    path = saved(tmp_path / "a.bin", {"w": torch.ones(2)})
    monkeypatch.setattr(_pickles, "LARGEST_PICKLE", 10)

    assert "too large" in refusal(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """With the reason of the operating system."""
    assert "No such file" in refusal(tmp_path / "a.bin")


@pytest.mark.parametrize("is_zip", [True, False])
def test_damaged_files_give_tensors_or_one_line(is_zip: bool, tmp_path: Path) -> None:
    """300 files with some bytes changed: never another error, and never a tensor that reads past its file."""
    stream = io.BytesIO()
    torch.save({"w": torch.ones(50), "v": torch.ones(3, 5)}, stream, _use_new_zipfile_serialization=is_zip)
    whole = stream.getvalue()
    draw = random.Random(5)
    path = tmp_path / "a.bin"
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(draw.choice((1, 2, 8))):
            content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content)
        try:
            found = read_pickled(path)
        except CardError as error:
            assert 1 == len(str(error).splitlines())
        else:
            assert all(tensor.numel() == len(tensor.reshape(-1).tolist()) for tensor in found.values())


@pytest.mark.parametrize(
    "content", [b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", b"<html>403</html>"]
)
def test_what_was_downloaded_in_place_of_weights_is_refused_without_advice_of_torch(
    content: bytes, tmp_path: Path
) -> None:
    """A pointer of Git LFS, a page of a server: no word on running them, or on issues of torch."""
    (tmp_path / "a.bin").write_bytes(content)

    message = refusal(tmp_path / "a.bin")

    assert "cannot be read as tensors (" in message
    assert "trusted" not in message
    assert "issue" not in message


def test_checksums_are_those_that_torch_writes(tmp_path: Path) -> None:
    """A file without any passes, and one of torch before 1.6, which has no place for them."""
    check_sums(saved(tmp_path / "a.bin", {"w": torch.ones(2)}))
    check_sums(saved(tmp_path / "b.bin", {"w": torch.ones(2)}, is_zip=False))
    torch.serialization.set_crc32_options(compute_crc32=False)
    try:
        check_sums(saved(tmp_path / "c.bin", {"w": torch.ones(2)}))
    finally:
        torch.serialization.set_crc32_options(compute_crc32=True)
