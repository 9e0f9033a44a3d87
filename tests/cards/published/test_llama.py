"""Llama whose RoPE is written as transformers no longer reads it."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.cards.published import read_published
from tests.cards.published.configs import LONGCHAT


@pytest.mark.parametrize(
    ("changes", "rope"),
    [
        ({}, {"rope_type": "linear", "factor": 8.0, "rope_theta": 10000.0}),
        ({"rope_theta": 5e5, "rope_scaling": None}, {"rope_type": "linear", "factor": 8.0, "rope_theta": 5e5}),
        (
            {"rope_parameters": {"rope_type": "default", "rope_theta": 2e4}, "rope_condense_ratio": 2.5},
            {"rope_type": "linear", "factor": 2.5, "rope_theta": 2e4},
        ),
    ],
    ids=str,
)
def test_a_condensed_rope_is_a_linear_scaling(changes: dict[str, Any], rope: dict[str, object]) -> None:
    """LongChat divides positions by its ratio; the other fields stay."""
    found = read_published(LONGCHAT | changes)

    assert found is not None
    assert rope == found.config["rope_parameters"]
    assert not {"rope_condense_ratio", "rope_scaling", "rope_theta", "torch_dtype"} & found.config.keys()
    assert (16384, "float16") == (found.config["max_sequence_length"], found.config["dtype"])


@pytest.mark.parametrize(
    "changes",
    [
        {"rope_scaling": {"type": "linear", "factor": 8.0}},
        {"rope_scaling": {"rope_type": "linear", "factor": 4.0}},
        {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4}},
        {"rope_condense_ratio": 1},
        {"rope_condense_ratio": None},
    ],
    ids=str,
)
def test_what_transformers_reads_is_left_as_it_is(changes: dict[str, Any]) -> None:
    """A scaling in its own spelling wins, as it does for FastChat; a ratio of 1 condenses nothing."""
    assert read_published(LONGCHAT | changes) is None


def test_its_frequencies_are_those_of_divided_positions() -> None:
    """As the makers' patch has it: the angle of position p is that of p / ratio."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    found = read_published(LONGCHAT | {"hidden_size": 64, "num_attention_heads": 4})
    assert found is not None
    rotary = LlamaRotaryEmbedding(transformers.AutoConfig.for_model(**found.config))

    cos, _ = rotary(torch.zeros(1), torch.tensor([[4000]]))
    base = 10000.0 ** -(torch.arange(0, 16, 2, dtype=torch.float64) / 16)

    torch.testing.assert_close(torch.cos(4000 / 8 * base).float(), cos[0, 0, :8], rtol=0, atol=1e-4)
