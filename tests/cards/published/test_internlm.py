"""InternLM-7B: a Llama with biases, and a rotation that follows the length."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.cards.published import Published, read_published
from tests.cards.published.configs import INTERNLM


def read(changes: dict[str, Any]) -> Published:
    """The configuration of InternLM-7B with changes."""
    found = read_published(INTERNLM | changes)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("rotary", "rope"),
    [
        (None, {"rope_type": "default", "rope_theta": 10000.0}),
        ({"type": "origin", "base": 20000}, {"rope_type": "default", "rope_theta": 20000.0}),
        ({"type": "dynamic", "base": 10000}, {"rope_type": "dynamic", "factor": 1.0, "rope_theta": 10000.0}),
        (
            {"type": "dynamic", "base": 10000, "scaling_factor": 2.0},
            {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0},
        ),
    ],
    ids=str,
)
def test_the_rotation_is_read_from_where_it_stands(rotary: object, rope: dict[str, object]) -> None:
    """A factor that is not stated is 1, as in its class."""
    assert rope == read({"rotary": rotary}).config["rope_parameters"]


@pytest.mark.parametrize("rotary", [{"base": 10000}, {"type": "yarn"}, {"type": "dynamic", "beta": 1}], ids=str)
def test_another_rotation_is_an_obstacle(rotary: dict[str, object]) -> None:
    """Named with what stands there."""
    assert [True] == [each.startswith("rotary is {") for each in read({"rotary": rotary}).obstacles]


@pytest.mark.parametrize(("bias", "expected"), [(True, True), (False, False), (None, True)])
def test_biases_are_there_unless_the_file_says_otherwise(bias: object, expected: bool) -> None:
    """As its class has them."""
    assert expected == read({"bias": bias}).config["attention_bias"]


@pytest.mark.parametrize("length", [1000, 2048, 4096, 8192])
def test_the_base_grows_as_in_its_own_class(length: int) -> None:
    """base · (n / L)^(d / (d − 2)) beyond L, unchanged below."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    config = transformers.AutoConfig.for_model(**read({"hidden_size": 512, "num_attention_heads": 4}).config)
    rotary = LlamaRotaryEmbedding(config)

    rotary(torch.zeros(1), torch.arange(length)[None])
    base = 10000.0 * max(1.0, length / 2048) ** (128 / 126)

    expected = base ** -(torch.arange(0, 128, 2, dtype=torch.float64) / 128)
    torch.testing.assert_close(expected.float(), rotary.inv_freq, rtol=1e-5, atol=0)
