"""A LoRA adapter on vLLM answers as the merged weights do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.cards import load_card, read_adapter
from evalkit.models import GenerationRequest
from evalkit.prompts import load_tokenizer, token_array
from evalkit.rope import RopeSetting
from tests.adapters import save_adapter

from .conftest import MODEL

if TYPE_CHECKING:
    from evalkit.models import ModelAdapter

TEXT = "The secret word of the garden is lantern. What is the secret word of the garden? It is"


def test_an_adapter_answers_as_its_merged_weights(tmp_path: Path, load: Callable[..., ModelAdapter]) -> None:
    """In float32, under the same prompts; without it the model answers otherwise."""
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(MODEL)
    shapes = {
        name: tuple(module.weight.shape)
        for name, module in network.named_modules()
        if name.endswith(("q_proj", "v_proj", "o_proj"))
    }
    adapter = read_adapter(save_adapter(tmp_path / "lora", shapes, size=0.3, base_model_name_or_path="needle-tiny"))
    card = load_card(MODEL)
    tokenizer = load_tokenizer(card)
    ids = [tokenizer.encode(TEXT * times) for times in (1, 2, 3)]
    requests = [GenerationRequest(index, token_array(each), 12) for index, each in enumerate(ids)]

    def texts(backend: str, **options: object) -> list[str | None]:
        model = load(backend=backend, longest_sequence=512, **options)
        found = sorted(model.generate(RopeSetting("native"), requests), key=lambda each: each.index)
        return [each.error or each.text for each in found]

    merged = texts("hf", adapter=adapter)

    assert merged == texts("vllm", adapter=adapter)
    assert merged != texts("hf")
