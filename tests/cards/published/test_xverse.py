"""XVERSE: a Llama, of which the 256K model has its rotation in code."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.cards.published import Published, read_published
from tests.cards.published.configs import CONFIGS, XVERSE_256K


def read(config: dict[str, Any]) -> Published:
    """What a configuration of the family is."""
    found = read_published(config)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("config", "theta"),
    [
        (CONFIGS["xverse-7b"], 10000.0),
        (CONFIGS["xverse-7b"] | {"rope_theta": 5e5}, 5e5),
        (XVERSE_256K | {"max_tokenizer_truncation": 32768}, 10000.0),
        (XVERSE_256K | {"max_tokenizer_truncation": None}, 10000.0),
    ],
    ids=str,
)
def test_most_have_a_plain_rotation(config: dict[str, Any], theta: float) -> None:
    """With the base of the file, or that of Llama."""
    assert {"rope_type": "default", "rope_theta": theta} == read(config).config["rope_parameters"]


@pytest.mark.parametrize(("stated", "theta"), [({}, 5e5), ({"rope_theta": 1e6}, 1e6)], ids=str)
def test_a_text_longer_than_the_positions_has_a_dynamic_one(stated: dict[str, Any], theta: float) -> None:
    """The 256K model: positions of 32,768 tokens, texts of 262,144."""
    config = read(XVERSE_256K | stated).config

    assert {"rope_type": "dynamic", "factor": 2.0, "rope_theta": theta} == config["rope_parameters"]
    assert (32768, 32768, 262144) == (
        config["max_position_embeddings"], config["original_max_position_embeddings"], config["model_max_length"]
    )  # fmt: skip


@pytest.mark.parametrize("length", [30000, 32769, 40000])
def test_its_base_is_that_of_the_report(length: int) -> None:
    """500,000 · (n / (L / 2) − 1)^(d / (d − 2)) beyond L = 32,768."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    widths = {"hidden_size": 512, "num_attention_heads": 4}
    rotary = LlamaRotaryEmbedding(transformers.AutoConfig.for_model(**read(XVERSE_256K | widths).config))

    rotary(torch.zeros(1), torch.arange(length)[None])
    base = 500000.0 * max(1.0, length / 16384 - 1) ** (128 / 126)

    expected = base ** -(torch.arange(0, 128, 2, dtype=torch.float64) / 128)
    torch.testing.assert_close(expected.float(), rotary.inv_freq, rtol=1e-5, atol=0)
