"""What vLLM is told of an adapter."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from evalkit.cards import read_adapter
from evalkit.errors import UserError
from evalkit.models import BackendOptions
from evalkit.models.vllm._engine import _for_adapter, lora_request
from tests.adapters import save_adapter

SHAPES = {"model.layers.0.self_attn.q_proj": (32, 32)}


@pytest.mark.parametrize(("rank", "room"), [(1, 1), (4, 8), (64, 64), (65, 128)])
def test_the_engine_has_room_for_the_rank(rank: int, room: int, tmp_path: Path) -> None:
    """vLLM has kernels for some ranks."""
    adapter = read_adapter(save_adapter(tmp_path / "a", SHAPES, rank=rank))

    expected = {"enable_lora": True, "max_loras": 1, "max_lora_rank": room}
    assert expected == _for_adapter(BackendOptions(adapter=adapter))
    assert {} == _for_adapter(BackendOptions())


def test_a_rank_that_vllm_does_not_take_is_one_line(tmp_path: Path) -> None:
    """With the other backend."""
    adapter = read_adapter(save_adapter(tmp_path / "a", SHAPES, r=513))

    with pytest.raises(UserError, match=r"rank 513.*--backend hf"):
        _for_adapter(BackendOptions(adapter=adapter))


def test_each_request_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, number and path, as vLLM's class takes them."""
    module = ModuleType("vllm.lora.request")
    module.LoRARequest = lambda *given: SimpleNamespace(given=given)  # type: ignore[attr-defined]
    for name in ("vllm", "vllm.lora"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "vllm.lora.request", module)
    adapter = read_adapter(save_adapter(tmp_path / "a", SHAPES))

    asked = lora_request(BackendOptions(adapter=adapter))

    assert (adapter.label, 1, str(tmp_path / "a")) == asked.given
    assert lora_request(BackendOptions()) is None
