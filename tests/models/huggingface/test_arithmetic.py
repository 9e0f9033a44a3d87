"""Keys, values and activations by the sizes in a configuration."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from evalkit.models.huggingface._arithmetic import (
    LEAST_PASS,
    ONE_PASS_TOKENS,
    activation_bytes,
    cache_bytes,
    pass_tokens,
    tokens_in_pass,
)

GIB = 2**30


def config(**sizes: Any) -> Any:
    """The sizes of an 8B model, or others."""
    values = {
        "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "vocab_size": 128_256,
    } | sizes  # fmt: skip
    made = SimpleNamespace(**values)
    made.get_text_config = lambda decoder: made  # noqa: ARG005
    return made


@pytest.mark.parametrize(
    ("sizes", "per_token"),
    [
        ({}, 131_072),
        ({"head_dim": 256}, 262_144),
        ({"num_key_value_heads": None}, 524_288),
        ({"layer_types": ["full_attention", "sliding_attention"], "sliding_window": 10**9}, 8_192),
        ({"layer_types": ["linear_attention"] * 3 + ["full_attention"]}, 4_096),
        ({"kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128}, 655_360),
        ({"num_hidden_layers": None}, 0),
    ],
)
def test_keys_and_values_follow_the_layers_that_keep_them(sizes: dict[str, Any], per_token: int) -> None:
    """In bfloat16; shared heads, latent attention and layers with a running state each as transformers keeps them."""
    assert 1000 * per_token == cache_bytes(config(**sizes), 2, 1000)
    assert 2000 * per_token == cache_bytes(config(**sizes), 4, 1000)


def test_a_sliding_layer_keeps_its_window() -> None:
    """However long the text is."""
    sizes = {"layer_types": ["sliding_attention"] * 4, "sliding_window": 512}

    assert cache_bytes(config(**sizes), 2, 512) == cache_bytes(config(**sizes), 2, 100_000)


def test_a_caches_bytes_are_those_that_a_model_fills(tiny_model: Any) -> None:
    """Held against a real cache."""
    from transformers import AutoModelForCausalLM

    from evalkit.models.huggingface._cache import GrowingCache

    model, cache = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32), GrowingCache()
    with torch.inference_mode():
        model(input_ids=torch.arange(50)[None], past_key_values=cache, use_cache=True)

    held = sum(each.numel() * each.element_size() for layer in cache.layers for each in (layer.keys, layer.values))
    assert held == cache_bytes(model.config, 4, 50)


def test_activations_of_an_8b_model_are_what_they_measure() -> None:
    """10.5 GiB at 128k for gate, up and their product alone; eager attention adds a row of scores for each head."""
    token = activation_bytes(config(), 2, 131_072, "sdpa")

    assert 10.5 <= 131_072 * token / GIB <= 2 * 10.5
    assert 32 * 131_072 * 8 == activation_bytes(config(), 2, 131_072, "eager") - token


@pytest.mark.parametrize(
    ("free", "tokens"),
    [(48 * GIB, 32_768), (24 * GIB, 16_384), (2 * GIB, LEAST_PASS), (0, LEAST_PASS), (4000 * GIB, ONE_PASS_TOKENS)],
)
def test_a_pass_takes_a_small_share_of_what_is_free(free: int, tokens: int) -> None:
    """A power of two, so that a little more or less free memory makes the same pass."""
    token = activation_bytes(config(), 2, 131_072, "sdpa")

    assert tokens == pass_tokens(token, free)
    assert tokens in {LEAST_PASS, ONE_PASS_TOKENS} or tokens * token <= free / 8 < 2 * tokens * token


def test_where_nobody_tells_what_is_free_a_pass_is_as_long_as_ever() -> None:
    """As before there was a forecast."""
    assert ONE_PASS_TOKENS == pass_tokens(1000, None)


def test_keys_and_values_of_the_longest_sequence_are_set_aside() -> None:
    """They grow while it is computed; a CPU keeps its long passes."""
    shaped = SimpleNamespace(config=config(), dtype=torch.bfloat16, device=torch.device("cuda"))

    assert 32_768 == tokens_in_pass(shaped, 0, 48 * GIB)
    assert 16_384 == tokens_in_pass(shaped, 2**17, 48 * GIB)
    shaped.device = torch.device("cpu")
    assert tokens_in_pass(shaped, 2**17, 48 * GIB) is None
