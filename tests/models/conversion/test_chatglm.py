"""ChatGLM2 runs as Glm: logits and answers are those of its definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.models.conversion._chatglm import chatglm_tensors
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeModel, parse_rope, rope_setting, rotation
from tests.models.conversion.checkpoints import CHATGLM, chatglm_logits, chatglm_state
from tests.models.conversion.conftest import Publish, answers, greedy_texts

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Load = Callable[..., "HuggingFaceModel"]
LAYER = "transformer.encoder.layers.3."


@pytest.mark.parametrize("kind", ["weight", "bias"])
def test_queries_keys_and_values_come_apart(kind: str) -> None:
    """All heads' queries first, then the groups' keys, then their values."""
    import torch

    rows = torch.arange(64 + 2 * 32)
    joined = rows if kind == "bias" else rows[:, None].expand(-1, 4)

    made = dict(chatglm_tensors(f"{LAYER}self_attention.query_key_value.{kind}", joined, CHATGLM))

    first = {name: tensor.reshape(tensor.shape[0], -1)[:, 0].tolist() for name, tensor in made.items()}
    assert {
        f"model.layers.3.self_attn.q_proj.{kind}": list(range(64)),
        f"model.layers.3.self_attn.k_proj.{kind}": list(range(64, 96)),
        f"model.layers.3.self_attn.v_proj.{kind}": list(range(96, 128)),
    } == first


def test_names_without_a_place_are_kept() -> None:
    """So that they are found left over: biases that Glm lacks, and heads that are not grouped."""
    import torch

    for name in (f"{LAYER}self_attention.dense.bias", f"{LAYER}mlp.dense_h_to_4h.weight_scale", "transformer.prefix"):
        assert [name] == [made for made, _ in chatglm_tensors(name, torch.ones(4), CHATGLM)]
    name = f"{LAYER}self_attention.query_key_value.weight"
    assert name == chatglm_tensors(name, torch.ones(4, 4), {**CHATGLM, "multi_query_attention": False})[0][0]


@pytest.mark.parametrize(
    ("changes", "turning"),
    [({}, {}), ({"rope_ratio": 50}, {"base": 500_000.0}), ({"rope_ratio": 16}, {"factor": 16.0})],
)
def test_logits_and_greedy_texts_are_those_of_the_definition(
    changes: dict[str, Any],
    turning: dict[str, float],
    publish: Publish,
    load: Load,
    prompts: list[list[int]],
    tokenizer: PromptTokenizer,
) -> None:
    """RMSNorm, biases on queries, keys and values, two groups, half of each head turned in pairs, SwiGLU; float32.

    With the base of ChatGLM3-32K, and with the positions of ChatGLM2-32K, which are divided, too.
    """
    import torch

    config = CHATGLM | changes
    state = chatglm_state(config)

    def logits(ids: list[int]) -> torch.Tensor:
        return chatglm_logits(state, config, ids, **turning)

    model: Any = load(publish(config, state))

    for ids in prompts[:3]:
        with torch.inference_mode():
            found = model._model(torch.tensor([ids])).logits[0]
        assert 1e-4 > float((found - logits(ids)).abs().max())
    wanted = greedy_texts(logits, prompts, tokenizer.decode)
    assert wanted == answers(model, prompts)
    assert ("glm", "on") == (model.engine_info["runs_as"], model.engine_info["prefix_reuse"])


def test_prefix_reuse_changes_no_text(publish: Publish, load: Load, prompts: list[list[int]]) -> None:
    """A shared beginning is computed once."""
    folder = publish(CHATGLM, chatglm_state(CHATGLM))

    whole = answers(load(folder, is_reusing_prefixes=False), prompts)

    assert whole == answers(load(folder), prompts)


def test_dynamic_scaling_turns_half_of_each_head(publish: Publish, load: Load) -> None:
    """The numbers in force are those of evalkit's plan for 8 turned dimensions of 16."""
    trained = RopeModel(10000.0, 32768, 8)
    model: Any = load(publish(CHATGLM, chatglm_state(CHATGLM)), rope_model=trained)
    setting = rope_setting(parse_rope("dynamic:8"), trained, 65536)

    list(model.generate(setting, []))

    assert rotation(setting, 8).frequencies == pytest.approx(model.rotations[0].frequencies, rel=1e-6)
