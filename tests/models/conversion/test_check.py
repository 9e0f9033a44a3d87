"""Names, shapes and formats that are not the architecture's are one line, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evalkit.cards import load_card
from evalkit.errors import CardError
from evalkit.models import BackendOptions
from evalkit.models.conversion import loadable
from tests.models.conversion.checkpoints import CHATGLM, INDEX, LLAMA, State, chatglm_state, llama_state
from tests.models.conversion.conftest import Publish

DOWN = "model.layers.1.mlp.down_proj.weight"


@pytest.fixture
def refused(publish: Publish, cache: Path) -> Any:
    """The line with which a checkpoint is refused: `refused(config, state)`; nothing was written."""

    def check(config: Mapping[str, Any], state: State, **options: Any) -> str:
        folder = publish(config, state, **options)
        with pytest.raises(CardError) as caught:
            loadable(load_card(folder), BackendOptions(), "hf")
        message = str(caught.value)
        assert 1 == len(message.splitlines())
        assert message.startswith(str(folder))
        assert [] == [path for path in cache.glob("*") if path.suffix != ".lock"]
        return message

    return check


def test_a_missing_tensor_is_named(refused: Any) -> None:
    """By the name that the architecture gives it, with the flag for the model's own code."""
    state = llama_state(INDEX)
    del state[DOWN]

    message = refused(INDEX, state)

    assert f"lack 1 tensors of llama (IndexForCausalLM), first {DOWN}" in message
    assert "--trust-remote-code" in message


def test_a_tensor_that_is_left_over_is_named(refused: Any) -> None:
    """What the architecture has no place for would change the answers of the model's own code."""
    import torch

    message = refused(CHATGLM, {**chatglm_state(CHATGLM), "transformer.prefix_encoder.weight": torch.ones(2)})

    assert "1 tensors that glm (ChatGLMModel) has no place for, first 'transformer.prefix_encoder.weight'" in message
    assert "--trust-remote-code" in message


def test_names_that_the_stand_in_has_and_the_published_layout_has_not_are_left_over(refused: Any) -> None:
    """A checkpoint is of one layout."""
    state = chatglm_state(CHATGLM)
    state["model.norm.weight"] = state.pop("transformer.encoder.final_layernorm.weight")

    assert "no place for, first 'model.norm.weight'" in refused(CHATGLM, state)


def test_llama_has_no_code_of_its_own_to_run(refused: Any) -> None:
    """The advice leaves the flag out."""
    import torch

    message = refused(LLAMA, {**llama_state(LLAMA), "model.extra.weight": torch.ones(2)})

    assert "'model.extra.weight'" in message
    assert "--trust-remote-code" not in message


@pytest.mark.parametrize(
    ("config", "state", "named"),
    [
        (CHATGLM, llama_state(LLAMA), "config.json says ChatGLMModel, and the weights hold 'model.layers.0."),
        (
            INDEX,
            chatglm_state(CHATGLM),
            "config.json says IndexForCausalLM, and the weights hold 'transformer.encoder.layers.0.",
        ),
    ],
)
def test_weights_of_another_architecture_are_said(
    config: dict[str, Any], state: State, named: str, refused: Any
) -> None:
    """Not as a list of tensors that miss."""
    assert named in refused(config, state)


def test_another_shape_is_said(refused: Any) -> None:
    """With both shapes."""
    state = llama_state(INDEX)
    state[DOWN] = state[DOWN][:, :-1]

    message = refused(INDEX, state)

    assert f"{DOWN} would have shape (64, 95)" in message
    assert "(64, 96)" in message


@pytest.mark.parametrize("rows", [10, 1])
def test_a_joined_projection_of_another_size_is_said(rows: int, refused: Any) -> None:
    """Queries, keys and values cannot be cut out of it."""
    import torch

    state = chatglm_state(CHATGLM)
    state["transformer.encoder.layers.0.self_attention.query_key_value.weight"] = torch.ones(rows, 64)

    assert "q_proj.weight would have shape" in refused(CHATGLM, state)


def test_a_number_where_rows_belong_is_said(refused: Any) -> None:
    """It has no rows to cut."""
    import torch

    state = chatglm_state(CHATGLM)
    state["transformer.encoder.layers.0.self_attention.query_key_value.weight"] = torch.tensor(1.0)

    assert "cannot be converted" in refused(CHATGLM, state)


@pytest.mark.parametrize("kind", ["int8", "uint8", "float8_e4m3fn"])
def test_quantised_tensors_are_said(kind: str, refused: Any) -> None:
    """Taken for the weights they would answer fluently."""
    import torch

    state = llama_state(INDEX)
    state[DOWN] = state[DOWN].to(getattr(torch, kind))

    assert f"{DOWN} is stored as {kind}" in refused(INDEX, state)


def test_a_name_in_two_shards_is_said(publish: Publish) -> None:
    """Which of both counts nobody knows."""
    import torch

    folder = publish(INDEX, llama_state(INDEX))
    shard = folder / "pytorch_model-00002-of-00002.bin"
    torch.save({**torch.load(shard), "lm_head.weight": torch.ones(400, 64)}, shard)

    with pytest.raises(CardError, match=r"'lm_head\.weight' is in the weights twice"):
        loadable(load_card(folder), BackendOptions(), "hf")


def test_layers_without_number_are_refused_before_they_are_made(refused: Any) -> None:
    """A billion of them would take hours and all memory."""
    message = refused({**INDEX, "num_hidden_layers": 10**9}, llama_state(INDEX))

    assert "1000000000 layers" in message


def test_a_head_that_is_tied_may_be_left_out(publish: Publish) -> None:
    """It is the input embedding."""
    state = llama_state(LLAMA)
    del state["lm_head.weight"]
    folder = publish({**LLAMA, "tie_word_embeddings": True}, state)

    assert loadable(load_card(folder), BackendOptions(), "hf").is_converted


@pytest.mark.parametrize("name", ["IndexForCausalLM", "LlamaForCausalLM"])
def test_another_number_of_heads_is_told_by_the_stored_frequencies(name: str, refused: Any) -> None:
    """All other shapes are the same, and the answers would be fluent."""
    import torch

    config = {**(INDEX if name == "IndexForCausalLM" else LLAMA), "num_attention_heads": 8, "num_key_value_heads": 8}
    state = llama_state({**config, "num_attention_heads": 4, "num_key_value_heads": 4})
    state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)

    assert "inv_freq has shape (8,), and heads of this config.json turn by 4" in refused(config, state)


def test_half_of_each_head_turns_in_chatglm(refused: Any) -> None:
    """Its stored frequencies tell the width of a head as well."""
    import torch

    state = {**chatglm_state(CHATGLM), "transformer.rotary_pos_emb.inv_freq": torch.ones(8)}

    assert "inv_freq has shape (8,), and heads of this config.json turn by 4" in refused(CHATGLM, state)
