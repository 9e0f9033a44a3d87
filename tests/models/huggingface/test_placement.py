"""Layers on several devices: what transformers is told, and that answers are those of one device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from evalkit.models import BackendOptions
from evalkit.models.huggingface import _memory
from evalkit.models.huggingface import _placement as module
from evalkit.models.huggingface._forecast import Forecast
from evalkit.models.huggingface._placement import device_facts, input_device, loading_arguments
from evalkit.rope import RopeSetting

GIB = 2**30
FORECAST = Forecast(weights=100 * GIB, cache=20 * GIB, activations=2 * GIB, tokens=1000, itemsize=2)


def arguments(monkeypatch: pytest.MonkeyPatch, *, accelerate: bool, quantised: bool = False, **options: Any) -> Any:
    """What `from_pretrained` is told, with accelerate or without."""
    monkeypatch.setattr(module, "has_accelerate", lambda: accelerate)
    return loading_arguments(BackendOptions(**options), FORECAST, is_quantised=quantised)


def test_weights_go_straight_to_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where accelerate is there; on a CPU they are there already, but for quantised ones, which it has to place."""
    assert {"device_map": {"": "cuda:1"}} == arguments(monkeypatch, accelerate=True, device="cuda:1")
    assert {} == arguments(monkeypatch, accelerate=False, device="cuda:1")
    assert {} == arguments(monkeypatch, accelerate=True, device="cpu")
    assert {"device_map": {"": "cpu"}} == arguments(monkeypatch, accelerate=True, quantised=True, device="cpu")


def test_each_device_keeps_room_for_its_keys_values_and_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """accelerate fills devices with weights to nine tenths; a long prompt then has no room."""
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: SimpleNamespace(type="cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    free = {"cuda:0": 80 * GIB, "cuda:1": 5 * GIB, "cpu": 100 * GIB}
    monkeypatch.setattr(_memory, "free_memory", free.__getitem__)

    found = arguments(monkeypatch, accelerate=True, device_map="auto")

    assert {"device_map": "auto", "max_memory": {0: 68 * GIB, 1: 0, "cpu": 80 * GIB}} == found


def test_a_map_is_handed_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """For callers that know better."""
    assert {"device_map": {"model": 1}} == arguments(monkeypatch, accelerate=True, device_map={"model": 1})


def hooked(*devices: Any) -> Any:
    """A model whose embedding has accelerate's hooks."""
    hooks = [SimpleNamespace(execution_device=device) for device in devices]
    hook = SimpleNamespace(hooks=hooks) if len(hooks) > 1 else hooks[0]
    embedding = SimpleNamespace(_hf_hook=hook)
    return SimpleNamespace(get_input_embeddings=lambda: embedding, device=torch.device("meta"))


def test_inputs_go_where_the_embedding_computes() -> None:
    """Which is not where its weights are kept."""
    plain = SimpleNamespace(get_input_embeddings=lambda: None, device=torch.device("cpu"))

    assert torch.device("cuda", 1) == input_device(hooked("cuda:1"))
    assert torch.device("cuda", 0) == input_device(hooked(None, "cuda:0"))
    assert torch.device("cpu") == input_device(hooked(None)) == input_device(plain)


def test_the_manifest_says_how_many_parts_are_where() -> None:
    """Where there are several places."""
    model = hooked("cuda:0")
    assert {"device": "cuda:0"} == device_facts(model)

    model.hf_device_map = {"a": 0, "b": 0, "c": 1, "d": "cpu"}

    assert {"device": "cuda:0", "device_map": {"0": 2, "1": 1, "cpu": 1}} == device_facts(model)


PARTS = ("model.embed_tokens", "model.layers.0", "model.layers.1", "model.norm", "model.rotary_emb", "lm_head")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("kept_away", [(), ("model.layers.1",), ("model.layers.0", "lm_head")])
def test_answers_are_those_of_one_device(
    kept_away: tuple[str, ...], batch: int, tiny_model: Path, load: Callable[..., Any], ask: Callable[..., Any],
    prompts: list[list[int]],
) -> None:  # fmt: skip
    """Prefixes, RoPE settings and batches over layers that accelerate brings for each pass."""
    pytest.importorskip("accelerate")
    settings = [RopeSetting("native"), RopeSetting("linear", 10_000.0, factor=2.0), RopeSetting("native")]

    def answers(**options: Any) -> list[tuple[str, int | None, str | None]]:
        model = load(tiny_model, batch=batch, **options)
        found = [each for rope in settings for each in model.generate(rope, ask(prompts))]
        return sorted((each.index, each.text, each.cached_tokens, each.error) for each in found)

    device_map = {part: "disk" if part in kept_away else "cpu" for part in PARTS}

    assert answers() == answers(device_map=device_map)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("kept_away", [("model.layers.0",), ("model.embed_tokens", "lm_head")])
def test_an_output_that_is_the_embedding_is_one_with_it_under_a_map(
    kept_away: tuple[str, ...], save_model: Callable[..., Path], load: Callable[..., Any], ask: Callable[..., Any],
    prompts: list[list[int]],
) -> None:  # fmt: skip
    """Tied weights lie together, as accelerate's own maps have them, and are not taken for two outputs."""
    pytest.importorskip("accelerate")
    folder = save_model(tie_word_embeddings=True)
    device_map = {part: "disk" if part in kept_away else "cpu" for part in PARTS}

    def texts(**options: Any) -> list[str]:
        answers = load(folder, **options).generate(RopeSetting("native"), ask(prompts))
        return [each.error or each.text for each in answers]

    assert texts() == texts(device_map=device_map)
