"""InternLM, XVERSE and Llama's own checkpoints in pickled shards answer as their definitions do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.models.conversion._llama import llama_tensors
from evalkit.prompts import PromptTokenizer
from tests.models.conversion.checkpoints import INTERNLM, LLAMA, XVERSE, llama_logits, llama_state
from tests.models.conversion.conftest import Publish, answers, greedy_texts

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Load = Callable[..., "HuggingFaceModel"]


@pytest.mark.parametrize(("config", "factor"), [(INTERNLM, 1.0), (XVERSE, 1.0), (LLAMA, 4.0)])
def test_greedy_texts_are_those_of_the_definition(
    config: dict[str, Any],
    factor: float,
    publish: Publish,
    load: Load,
    prompts: list[list[int]],
    tokenizer: PromptTokenizer,
) -> None:
    """InternLM with its biases, XVERSE, and Llama with positions that its `rope_scaling` divides by 4; float32."""
    state = llama_state(config)
    wanted = greedy_texts(lambda ids: llama_logits(state, config, ids, factor=factor), prompts, tokenizer.decode)

    model = load(publish(config, state))

    assert wanted == answers(model, prompts)


def test_biases_reach_the_answers(prompts: list[list[int]]) -> None:
    """Without them the likeliest tokens are others, so that the test above would see them missing."""
    state = llama_state(INTERNLM)
    without = {name: tensor for name, tensor in state.items() if not name.endswith("bias")}

    with_biases = [int(llama_logits(state, INTERNLM, ids)[-1].argmax()) for ids in prompts]

    assert with_biases != [int(llama_logits(without, INTERNLM, ids)[-1].argmax()) for ids in prompts]


def test_prefix_reuse_changes_no_text(publish: Publish, load: Load, prompts: list[list[int]]) -> None:
    """A shared beginning is computed once, as on any Llama."""
    folder = publish(INTERNLM, llama_state(INTERNLM))

    whole = answers(load(folder, is_reusing_prefixes=False), prompts)

    assert whole == answers(load(folder), prompts)


def test_stored_frequencies_are_left_out(publish: Publish, load: Load, prompts: list[list[int]]) -> None:
    """Releases before 2023-07 stored them with each layer; nothing else is left out."""
    import torch

    state = llama_state(XVERSE)
    plain = answers(load(publish(XVERSE, state, "plain")), prompts)
    buffers = {f"model.layers.{layer}.self_attn.rotary_emb.inv_freq": torch.ones(8) for layer in range(2)}

    assert plain == answers(load(publish(XVERSE, state | buffers)), prompts)
    assert [] == llama_tensors(next(iter(buffers)), torch.ones(8), XVERSE)
    assert 1 == len(llama_tensors("model.layers.0.self_attn.rotary_emb.cos_cached", torch.ones(8), XVERSE))


def test_an_architecture_that_stands_for_itself_is_not_named(publish: Publish, load: Load) -> None:
    """Only the files are others."""
    assert "runs_as" not in load(publish(LLAMA, llama_state(LLAMA))).engine_info
