"""ChatGLM2 and its successors: GLM, with two meanings of one field."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.cards.published import Published, read_published
from tests.cards.published.configs import CHATGLM2, CONFIGS


def read(changes: dict[str, Any], config: dict[str, Any] = CHATGLM2) -> Published:
    """A configuration of the family with changes."""
    found = read_published(config | changes)
    assert found is not None
    return found


HALF = {"partial_rotary_factor": 0.5}


@pytest.mark.parametrize(
    ("name", "ratio", "rope", "length"),
    [
        ("chatglm2-6b", None, {"rope_type": "default", "rope_theta": 10000.0}, 32768),
        ("chatglm2-6b", 1.0, {"rope_type": "default", "rope_theta": 10000.0}, 32768),
        ("chatglm2-6b-32k", 16, {"rope_type": "linear", "factor": 16.0, "rope_theta": 10000.0}, 2048),
        ("chatglm3-6b-32k", 50, {"rope_type": "default", "rope_theta": 500000.0}, 32768),
        ("chatglm3-6b-32k", 500, {"rope_type": "default", "rope_theta": 5e6}, 32768),
        ("glm-4-9b-chat", 500, {"rope_type": "default", "rope_theta": 5e6}, 131072),
        ("glm-4-9b-chat", 16, {"rope_type": "default", "rope_theta": 160000.0}, 131072),
    ],
)
def test_the_ratio_is_of_positions_or_of_the_base(
    name: str, ratio: float | None, rope: dict[str, object], length: int
) -> None:
    """Of positions in chatglm2-6b-32k alone."""
    config = read({"rope_ratio": ratio}, CONFIGS[name]).config

    assert (rope | HALF, length) == (config["rope_parameters"], config["max_position_embeddings"])


def test_a_ratio_of_no_published_model_is_an_obstacle() -> None:
    """Both meanings are told, none is guessed."""
    (obstacle,) = read({"rope_ratio": 8}).obstacles

    assert "rope_ratio is 8: chatglm2's code divides positions by it, chatglm3's multiplies the base" in obstacle


@pytest.mark.parametrize(
    ("changes", "is_native"),
    [
        ({}, True),
        ({"rope_ratio": 50}, True),
        ({"rope_ratio": 16}, True),
        ({"kv_channels": 64}, False),
        ({"original_rope": None}, False),
    ],
    ids=str,
)
def test_vllm_has_its_own_class_where_that_computes_the_same(changes: dict[str, Any], is_native: bool) -> None:
    """It derives the width of a head; the backend corrects a ratio that it takes for another."""
    assert (frozenset({"vllm"}) if is_native else frozenset()) == read(changes).native_in


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"rmsnorm": False}, "rmsnorm is false, and glm here computes true"),
        ({"post_layer_norm": False}, "post_layer_norm is false"),
        ({"original_rope": False}, "original_rope is false"),
        ({"multi_query_attention": False}, "multi_query_attention is false, and glm here computes true"),
        ({"multi_query_attention": None}, "multi_query_attention is false where it is not stated, and glm"),
        ({"apply_residual_connection_post_layernorm": True}, "apply_residual_connection_post_layernorm is true"),
        ({"add_bias_linear": True}, "add_bias_linear is true"),
        ({"fp32_residual_connection": True}, "fp32_residual_connection is true"),
        ({"interleaved_qkv": True}, "interleaved_qkv is true"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings is true"),
        ({"quantization_bit": 4}, "quantization_bit is 4, and glm here computes 0"),
        ({"pre_seq_len": 128}, "pre_seq_len is 128"),
        ({"quantization_config": {"bits": 4}}, "quantization_config says"),
        ({"kv_channels": 6}, "kv_channels is 6, of which no half can be turned in pairs"),
        ({"multi_query_group_num": None}, "multi_query_group_num is not stated"),
        ({"position_encoding_2d": True}, "position_encoding_2d belongs to the first ChatGLM-6B"),
        ({"inner_hidden_size": 16384}, "inner_hidden_size belongs to the first ChatGLM-6B"),
        ({"vision_config": {"depth": 2}}, "vision_config belongs to a model that reads images"),
        ({"boi_token_id": 5}, "boi_token_id belongs to a model that reads images"),
    ],
    ids=str,
)
def test_what_glm_does_not_compute_is_an_obstacle(changes: dict[str, Any], obstacle: str) -> None:
    """Named; and no backend is said to have it."""
    found = read(changes)

    assert [True] == [each.startswith(obstacle) for each in found.obstacles]
    assert ({}, frozenset()) == (found.config, found.native_in)


def test_half_of_each_head_is_turned() -> None:
    """The first half, with the frequencies of its own width."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from transformers.models.glm.modeling_glm import GlmRotaryEmbedding

    rotary = GlmRotaryEmbedding(transformers.AutoConfig.for_model(**read({"rope_ratio": 16}).config))

    expected = 10000.0 ** -(torch.arange(0, 64, 2, dtype=torch.float64) / 64) / 16
    torch.testing.assert_close(expected.float(), rotary.inv_freq, rtol=1e-6, atol=0)
