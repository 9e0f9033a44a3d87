"""Index runs as Llama: its answers are those of hidden · rows of length one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.models.conversion._index import index_tensors
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeModel, RopeSetting, parse_rope, rope_setting, rotation
from tests.models.conversion.checkpoints import INDEX, index_logits, llama_logits, llama_state
from tests.models.conversion.conftest import Publish, answers, greedy_texts

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Load = Callable[..., "HuggingFaceModel"]


def test_rows_of_the_output_embedding_have_length_one() -> None:
    """Rounded once, to float32, whatever they are stored in; a row of zeros stays one."""
    import torch

    rows = torch.randn(5, 16, generator=torch.Generator().manual_seed(1)).bfloat16()
    rows[3] = 0

    [(name, made)] = index_tensors("lm_head.weight", rows, INDEX)

    assert ("lm_head.weight", torch.float32) == (name, made.dtype)
    assert [1, 1, 1, 0, 1] == pytest.approx(made.norm(dim=1).tolist(), abs=1e-6)
    assert torch.equal(made, torch.nn.functional.normalize(rows.float(), dim=-1))


def test_other_tensors_stay_as_they_are() -> None:
    """And so does the output embedding of a checkpoint without `norm_head`."""
    import torch

    tensor = torch.ones(4, 4)

    assert tensor is index_tensors("model.embed_tokens.weight", tensor, INDEX)[0][1]
    assert tensor is index_tensors("lm_head.weight", tensor, {**INDEX, "norm_head": False})[0][1]


@pytest.mark.parametrize("is_pickled", [True, False])
def test_greedy_texts_are_those_of_the_definition(
    is_pickled: bool, publish: Publish, load: Load, prompts: list[list[int]], tokenizer: PromptTokenizer
) -> None:
    """In float32, from pickled shards and from safetensors; without the norms the texts are others."""
    state = llama_state(INDEX)
    state["lm_head.weight"] *= 1 + 3 * (state["lm_head.weight"].sum(1, keepdim=True).abs() % 1)  # rows of many lengths
    wanted = greedy_texts(lambda ids: index_logits(state, INDEX, ids), prompts, tokenizer.decode)

    model = load(publish(INDEX, state, is_pickled=is_pickled))

    assert wanted == answers(model, prompts)
    assert wanted != greedy_texts(lambda ids: llama_logits(state, INDEX, ids), prompts, tokenizer.decode)
    assert "llama" == model.engine_info["runs_as"]
    assert "on" == model.engine_info["prefix_reuse"]


def test_prefix_reuse_changes_no_text(publish: Publish, load: Load, prompts: list[list[int]]) -> None:
    """A shared beginning is computed once, as on any Llama."""
    folder = publish(INDEX, llama_state(INDEX))

    whole = answers(load(folder, is_reusing_prefixes=False), prompts)

    assert whole == answers(load(folder), prompts)


def test_bfloat16_rounds_the_normalised_rows_once(publish: Publish, load: Load) -> None:
    """The rows are divided in float32 and rounded to the format that the model runs in."""
    import torch

    state = {name: tensor.bfloat16() for name, tensor in llama_state(INDEX).items()}

    model: Any = load(publish(INDEX, state), dtype="auto")

    rows = torch.nn.functional.normalize(state["lm_head.weight"].float(), dim=-1).bfloat16()
    assert torch.equal(rows, model._model.lm_head.weight)
    assert "bfloat16" == model.engine_info["dtype"]


def test_dynamic_scaling_gives_the_effective_base(publish: Publish, load: Load) -> None:
    """`dynamic:8` on a 4K model with heads of 128, at 32,768 tokens: base 607,779, in the model's own embedding."""
    config = {**INDEX, "hidden_size": 256, "num_attention_heads": 2, "num_key_value_heads": 2, "num_hidden_layers": 1}
    trained = RopeModel(10000.0, 4096, 128)
    model: Any = load(publish(config, llama_state(config)), rope_model=trained)
    setting = rope_setting(parse_rope("dynamic:8"), trained, 32768)

    list(model.generate(setting, []))

    [turned] = model.rotations
    assert 607_779 == pytest.approx((turned.frequencies[0] / turned.frequencies[-1]) ** (128 / 126), abs=1)
    assert rotation(setting, 128).frequencies == pytest.approx(turned.frequencies, rel=1e-6)


def test_a_scaled_rotation_is_put_in_force(publish: Publish, load: Load) -> None:
    """Also `yarn` on the converted model: the numbers are those that the plan computes."""
    trained = RopeModel(10000.0, 4096, 16)
    model: Any = load(publish(INDEX, llama_state(INDEX)), rope_model=trained)
    setting: RopeSetting = rope_setting(parse_rope("yarn:4"), trained, 16384)

    list(model.generate(setting, []))

    wanted = rotation(setting, 16)
    assert wanted.frequencies == pytest.approx(model.rotations[0].frequencies, rel=1e-5)
    assert wanted.scale == pytest.approx(model.rotations[0].scale, rel=1e-6)


def test_the_published_folder_is_left_as_it_was(publish: Publish, load: Load) -> None:
    """The copy is in the cache."""
    folder = publish(INDEX, llama_state(INDEX))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    load(folder)

    assert before == {path.name: path.read_bytes() for path in Path(folder).iterdir()}
