"""Free memory, as the machine, the container or the device tells it."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from evalkit.models.huggingface import _memory as module
from evalkit.models.huggingface._memory import free_memory


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The control group's folder, on a machine with 8 GiB free."""
    monkeypatch.setattr(module, "_GROUP", tmp_path)
    monkeypatch.setattr(os, "sysconf", {"SC_AVPHYS_PAGES": 2**21, "SC_PAGE_SIZE": 2**12}.__getitem__)
    return tmp_path


@pytest.mark.parametrize(
    ("most", "used", "free"),
    [("3221225472\n", "1073741824\n", 2**31), ("max\n", "5\n", 2**33), ("5\n", "7\n", 0), (str(2**40), "0", 2**33)],
)
def test_a_container_has_no_more_than_it_is_given(group: Path, most: str, used: str, free: int) -> None:
    """Who takes more is killed."""
    (group / "memory.max").write_text(most)
    (group / "memory.current").write_text(used)

    assert free == free_memory("cpu")


def test_without_a_control_group_the_machine_counts(group: Path) -> None:
    """As outside of containers."""
    assert not list(group.iterdir())
    assert 2**33 == free_memory("cpu")


def test_a_machine_that_does_not_tell_has_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS knows no such name."""

    def unknown(_: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(os, "sysconf", unknown)

    assert free_memory("cpu") is None


def test_memory_that_torch_holds_unused_is_free_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device counts it as taken."""
    device = SimpleNamespace(
        mem_get_info=lambda _: (100, 1000), memory_reserved=lambda _: 80, memory_allocated=lambda _: 30
    )
    monkeypatch.setattr(torch, "made_up", device, raising=False)

    assert 150 == free_memory("made_up:1")
    assert free_memory("nowhere") is None
