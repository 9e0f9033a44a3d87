"""Index: a Llama with a normalised head, and a ratio that multiplies its base."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.cards.published import Published, read_published
from tests.cards.published.configs import INDEX


def read(changes: dict[str, Any]) -> Published:
    """The configuration of Index-1.9B with changes."""
    found = read_published(INDEX | changes)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("changes", "rope"),
    [
        ({}, {"rope_type": "default", "rope_theta": 10000.0}),
        ({"rope_theta": 320000.0}, {"rope_type": "default", "rope_theta": 320000.0}),
        ({"rope_ratio": 32}, {"rope_type": "default", "rope_theta": 320000.0}),
        ({"rope_ratio": 32.0, "rope_theta": 10000}, {"rope_type": "default", "rope_theta": 320000.0}),
        ({"rope_ratio": 1.0, "rope_theta": 5e5}, {"rope_type": "default", "rope_theta": 5e5}),
        (
            {"rope_scaling": {"type": "dynamic", "factor": 8}},
            {"rope_type": "dynamic", "factor": 8.0, "rope_theta": 10000.0},
        ),
        ({"rope_scaling": {"rope_type": "default"}}, {"rope_type": "default", "rope_theta": 10000.0}),
    ],
    ids=str,
)
def test_the_base_is_the_stated_one_times_the_ratio(changes: dict[str, Any], rope: dict[str, object]) -> None:
    """32 · 10,000 is what the report of Index-1.9B-32K states."""
    assert rope == read(changes).config["rope_parameters"]


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"rope_ratio": 32, "rope_theta": 320000.0}, "rope_ratio is 32 beside a rope_theta of 320000"),
        ({"rope_scaling": {"type": "yarn", "factor": 4}}, "rope_scaling is another than linear or dynamic"),
        ({"rope_scaling": {"type": "linear"}}, "rope_scaling is another than linear or dynamic with a factor"),
        ({"rope_scaling": {"type": "linear", "factor": 4, "beta": 1}}, "rope_scaling is another than linear"),
        ({"tie_word_embeddings": True}, "norm_head with tie_word_embeddings"),
    ],
    ids=str,
)
def test_what_is_not_known_of_the_class_is_an_obstacle(changes: dict[str, Any], obstacle: str) -> None:
    """Rather than a guess."""
    assert [True] == [each.startswith(obstacle) for each in read(changes).obstacles]


def test_the_head_is_no_matter_of_the_configuration() -> None:
    """Its rows are normalised in the weights, once."""
    assert read({"norm_head": True}).config == read({"norm_head": 0}).config
    assert read({"norm_head": None, "tie_word_embeddings": True}).config["tie_word_embeddings"]


@pytest.mark.parametrize("biases", [True, False])
def test_biases_are_those_of_attention(biases: bool) -> None:
    """None in the published models."""
    assert biases == read({"attention_bias": biases}).config["attention_bias"]
