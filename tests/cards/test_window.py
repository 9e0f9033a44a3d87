"""The window and the original length, from every form of configuration in use."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.cards._window import ConfigError, language_config, lengths_of, scaling_type

YARN = {"factor": 4.0, "original_max_position_embeddings": 1024}
GEMMA_3 = {
    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
}

# Window and original length as vLLM 0.32 and transformers 5 derive them, but where a comment says otherwise.
FORMS: dict[str, tuple[dict[str, Any], int, int | None]] = {
    "plain": ({"max_position_embeddings": 4096}, 4096, None),
    "chatglm": ({"seq_length": 32768}, 32768, None),
    "gpt-2": ({"n_positions": 1024}, 1024, None),
    "mpt": ({"max_seq_len": 2048}, 2048, None),
    "command-r": ({"max_position_embeddings": 8192, "model_max_length": 131072}, 131072, None),
    "two lengths, no scaling": ({"max_position_embeddings": 2048, "max_sequence_length": 16384}, 2048, None),
    "linear, transformers 4": (
        {"max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 8.0}},
        32768,
        4096,
    ),
    "linear, transformers 5": (
        {"max_position_embeddings": 4096, "rope_parameters": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e4}},
        32768,
        4096,
    ),
    "vicuna-16k": (
        {
            "max_position_embeddings": 4096,
            "max_sequence_length": 16384,
            "rope_scaling": {"type": "linear", "factor": 4.0},
        },
        16384,
        4096,
    ),
    # vLLM would multiply; LMSYS's own key says what the window is.
    "lmsys, length extended already": (
        {
            "max_position_embeddings": 32768,
            "max_sequence_length": 32768,
            "rope_scaling": {"type": "linear", "factor": 8.0},
        },
        32768,
        4096,
    ),
    "dynamic": ({"max_position_embeddings": 1024, "rope_scaling": {"type": "dynamic", "factor": 2.0}}, 2048, 1024),
    # Newer vLLM and transformers leave these at 1,024; the makers of the models mean 4,096, as older vLLM did.
    "yarn, as advised": ({"max_position_embeddings": 1024, "rope_scaling": {"type": "yarn", **YARN}}, 4096, 1024),
    "yarn without the original length": (
        {"max_position_embeddings": 1024, "rope_scaling": {"rope_type": "yarn", "factor": 4.0}},
        4096,
        1024,
    ),
    "yarn, extended already": (
        {"max_position_embeddings": 4096, "rope_parameters": {"rope_type": "yarn", **YARN}},
        4096,
        1024,
    ),
    "yarn beside a length with room to answer": (
        {"max_position_embeddings": 1280, "rope_scaling": {"rope_type": "yarn", **YARN}},
        4096,
        1024,
    ),
    "llama 3": (
        {
            "max_position_embeddings": 131072,
            "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192},
        },
        131072,
        8192,
    ),
    "phi-3": (
        {
            "max_position_embeddings": 131072,
            "original_max_position_embeddings": 4096,
            "rope_scaling": {"type": "longrope", "long_factor": [1.0]},
        },
        131072,
        4096,
    ),
    "phi-3, first spelling": (
        {"max_position_embeddings": 131072, "original_max_position_embeddings": 4096, "rope_scaling": {"type": "su"}},
        131072,
        4096,
    ),
    "dual chunk": (
        {"max_position_embeddings": 8192, "dual_chunk_attention_config": {"original_max_position_embeddings": 1024}},
        8192,
        1024,
    ),
    "qwen2-vl": (
        {"max_position_embeddings": 32768, "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}},
        32768,
        None,
    ),
    "gemma 3": (
        {"model_type": "gemma3_text", "max_position_embeddings": 131072, "rope_parameters": GEMMA_3},
        131072,
        None,
    ),
    "scaling by kind of layer": ({"max_position_embeddings": 1024, "rope_parameters": GEMMA_3}, 8192, 1024),
    "null scaling": ({"max_position_embeddings": 1024, "rope_scaling": None}, 1024, None),
    "null factor": ({"max_position_embeddings": 1024, "rope_scaling": {"type": "linear", "factor": None}}, 1024, None),
}


@pytest.mark.parametrize("form", FORMS)
def test_window_and_original_length(form: str) -> None:
    """Every spelling gives the tokens the model takes, and those its scaling counts from."""
    config, window, original = FORMS[form]

    found = lengths_of(config)

    assert (window, original) == (found.window, found.original)


@pytest.mark.parametrize(
    "config",
    [
        {"text_config": {"max_position_embeddings": 1024}},
        {"llm_config": {"max_position_embeddings": 1024}, "max_position_embeddings": None},
        {"language_config": {"max_position_embeddings": 1024}},
        {"thinker_config": {"text_config": {"max_position_embeddings": 1024}}},
        {"text_config": {"hidden_size": 8}, "max_position_embeddings": 1024},
        {"text_config": {"max_position_embeddings": 1024}, "max_position_embeddings": 64},
    ],
)
def test_the_language_part_of_a_multimodal_model_is_read(config: dict[str, Any]) -> None:
    """Its nested record counts, and the top where that says nothing."""
    assert 1024 == lengths_of(language_config(config)).window


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"max_position_embeddings": True}, "max_position_embeddings: expected a positive whole number, found True"),
        ({"max_position_embeddings": 10, "rope_scaling": {"type": "yarn", "factor": float("inf")}}, "factor: expected"),
        ({"max_position_embeddings": 10, "rope_scaling": "yarn"}, "rope_scaling: expected an object"),
    ],
)
def test_impossible_values_name_their_key(config: dict[str, Any], message: str) -> None:
    """A configuration that states nonsense is refused, not guessed at."""
    with pytest.raises(ConfigError, match=message):
        lengths_of(config)


def test_nothing_stated_is_no_window() -> None:
    """The caller decides what to do without one."""
    assert (None, None) == lengths_of({"hidden_size": 8})[1:]


def test_a_factor_without_a_type_is_refused() -> None:
    """transformers 5 would leave it out without a word."""
    with pytest.raises(ConfigError, match=r"a factor of 4\.0 without a rope_type"):
        scaling_type({"factor": 4.0, "rope_theta": 1e4})

    assert "default" == scaling_type({"rope_theta": 1e4, "factor": 1.0})
