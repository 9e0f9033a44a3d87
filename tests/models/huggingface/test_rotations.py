"""Answers under several RoPE settings decoded together by real, tiny models: the same as one group after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evalkit.models import Completion, GenerationRequest, HoldsRotations, RopeGroup
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeModel, RopeSetting, parse_rope, rope_setting

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Ask = Callable[..., list[GenerationRequest]]
Load = Callable[..., "HuggingFaceModel"]
Reference = Callable[..., list[list[int]]]
SaveModel = Callable[..., Path]

NEW = 6
WINDOW = 48
NATIVE = RopeSetting("native")
FAMILIES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "Llama": ("Llama", 16, {}),
    "Qwen2": ("Qwen2", 16, {}),
    "Glm, half of each head turned, in interleaved pairs": (
        "Glm", 8, {"head_dim": 16, "pad_token_id": 1, "attention_bias": True}
    ),
}  # fmt: skip
MIXED = ["dynamic:4", "yarn:4", "dynamic-yarn", "ntk:4", "linear:4", "yarn:8,attention_factor=1.5"]


@pytest.fixture(scope="module")
def mixed() -> list[list[int]]:
    """50 prompts of 10 to 140 tokens on a window of 48, in an order that says nothing; some share a document."""
    draw = np.random.default_rng(5)
    documents = [draw.integers(2, 380, length).tolist() for length in (20, 60, 110)]
    starts = [[], *documents]
    return [[0, *starts[index % 4], *draw.integers(2, 380, draw.integers(9, 30)).tolist()] for index in range(50)]


def model_of(family: str) -> RopeModel:
    """What the family's tiny model was trained with, were it trained."""
    return RopeModel(10_000.0, WINDOW, FAMILIES[family][1])


def grouped(
    requests: Sequence[GenerationRequest], specs: Sequence[str], model: RopeModel, order: str = "trie"
) -> list[RopeGroup]:
    """The requests by their settings, each request under the spec of its turn."""
    groups: dict[RopeSetting, list[GenerationRequest]] = {}
    for request in requests:
        spec = parse_rope(specs[request.index % len(specs)])
        setting = rope_setting(spec, model, len(request.ids) + request.max_new_tokens)
        groups.setdefault(setting, []).append(request)
    draw = np.random.default_rng(1)
    found = []
    for setting in sorted(groups, key=lambda each: each.key):
        members = sorted(groups[setting], key=lambda request: request.ids.tolist())
        found.append(
            RopeGroup(setting, members if order == "trie" else [members[each] for each in _any(draw, members)])
        )
    return found if order == "trie" else [found[each] for each in _any(draw, found)]


def _any(draw: np.random.Generator, items: Sequence[Any]) -> list[int]:
    return [int(each) for each in draw.permutation(len(items))]


def texts(completions: Sequence[Completion], count: int) -> dict[int, str]:
    """The answers by index, all of them there."""
    assert [None] * count == [each.error for each in completions]
    return {each.index: each.text for each in sorted(completions, key=lambda each: each.index)}


def one_after_the_other(model: HuggingFaceModel, groups: Sequence[RopeGroup]) -> list[Completion]:
    """What `generate` gives for each group."""
    return [each for group in groups for each in model.generate(*group)]


@pytest.mark.parametrize("family", FAMILIES)
def test_several_rotations_answer_as_one_after_the_other(
    family: str, save_model: SaveModel, load: Load, ask: Ask, mixed: list[list[int]]
) -> None:
    """Identical texts in float32 under specs in turn, in any order, however many at once, with and without reuse."""
    kind, _, changes = FAMILIES[family]
    folder = save_model(kind=kind, max_position_embeddings=WINDOW, **changes)
    requests, rope = ask(mixed, max_new_tokens=NEW), model_of(family)
    alone = load(folder, batch=1, rope_model=rope, is_reusing_prefixes=False)
    reusing = load(folder, batch=1, rope_model=rope)
    several = [
        (load(folder, batch=batch, is_reusing_prefixes=is_reusing, rope_model=rope), order)
        for batch, is_reusing, order in ((4, True, "trie"), (16, False, "any"), (16, True, "any"))
    ]

    groups = grouped(requests, MIXED, rope)
    expected = texts(one_after_the_other(alone, groups), len(mixed))

    assert expected == texts(one_after_the_other(reusing, grouped(requests, MIXED, rope, "any")), len(mixed))
    assert expected == texts(one_after_the_other(several[0][0], groups), len(mixed))
    for model, order in several:
        shuffled = grouped(requests, MIXED, rope, order)
        assert all(model.holds(group.rope) for group in shuffled)
        assert expected == texts(list(model.generate_together(shuffled)), len(mixed))
    assert len(groups) > 10
    assert "several at once" == several[0][0].engine_info["rotations"]


@pytest.mark.parametrize("spec", ["dynamic:4", "dynamic-yarn"])
def test_every_length_is_a_group_and_answers_as_alone(
    spec: str, save_model: SaveModel, load: Load, ask: Ask, mixed: list[list[int]]
) -> None:
    """As runs have it: one spec, whose setting follows the length of each prompt."""
    folder, rope = save_model(max_position_embeddings=WINDOW), model_of("Llama")
    groups = grouped(ask(mixed, max_new_tokens=NEW), [spec], rope)
    expected = texts(one_after_the_other(load(folder, batch=1, rope_model=rope), groups), len(mixed))

    found = texts(list(load(folder, batch=16, rope_model=rope).generate_together(groups)), len(mixed))

    assert len(groups) > 15
    assert expected == found


def test_each_row_turns_as_transformers_turns_a_model_of_its_setting(
    save_model: SaveModel, load: Load, ask: Ask, target: Reference, mixed: list[list[int]], tokenizer: PromptTokenizer
) -> None:
    """Whose answers are those of the model loaded with that setting in its configuration."""
    folder, rope = save_model(max_position_embeddings=WINDOW), model_of("Llama")
    requests = ask(mixed[:12], max_new_tokens=NEW)
    groups = grouped(requests, MIXED, rope)
    expected = {}
    for group in groups:
        copy = save_model(max_position_embeddings=WINDOW, rope_parameters=group.rope.parameters())
        for request, ids in zip(
            group.requests, target(copy, [request.ids.tolist() for request in group.requests], NEW), strict=True
        ):
            expected[request.index] = tokenizer.decode(ids[:-1] if ids[-1] == 1 else ids, skip_special=False)

    found = texts(list(load(folder, batch=5, rope_model=rope).generate_together(groups)), len(requests))

    assert dict(sorted(expected.items())) == found
    assert found != texts(list(load(folder, rope_model=rope).generate(NATIVE, requests)), len(requests))


def test_prefixes_are_shared_inside_a_group_and_not_between_groups(
    save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """Keys of another rotation are no prefix: each group begins with nothing cached, and shares what it can alone."""
    folder, rope = save_model(max_position_embeddings=WINDOW), model_of("Llama")
    groups = grouped(ask(prompts, max_new_tokens=NEW), ["yarn:4"], rope)
    twice = [*groups, RopeGroup(RopeSetting("linear", 10_000.0, 2.0), ask(prompts, max_new_tokens=NEW))]

    model = load(folder, batch=4, rope_model=rope)
    together = [each.cached_tokens for each in sorted(model.generate_together(twice), key=lambda each: each.index)]
    alone = [each.cached_tokens for each in sorted(one_after_the_other(model, twice), key=lambda each: each.index)]

    assert alone == together
    assert any(alone)


def test_lack_of_memory_in_the_middle_of_a_pass_changes_no_answer(
    save_model: SaveModel, load: Load, ask: Ask, mixed: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that makes room is computed again under its own setting, and the model turns as before a pass broke."""
    folder, rope = save_model(max_position_embeddings=WINDOW), model_of("Llama")
    groups = grouped(ask(mixed[:20], max_new_tokens=12), MIXED, rope)
    expected = texts(one_after_the_other(load(folder, batch=1, rope_model=rope), groups), 20)
    model = load(folder, batch=6, rope_model=rope)
    layer, broken = model._model.model.layers[1], []
    forward = layer.forward

    def break_wide_passes(states: Any, **options: Any) -> Any:
        if len(states) > 2:
            broken.append(len(states))
            raise RuntimeError("CUDA out of memory")
        return forward(states, **options)

    monkeypatch.setattr(layer, "forward", break_wide_passes)

    assert expected == texts(list(model.generate_together(groups)), 20)
    assert [6, 3] == broken
    assert {8} == {len(each.frequencies) for each in model.rotations}


def alike(self: Any, x: Any, position_ids: Any) -> tuple[Any, Any]:
    """A rotary embedding that computes as those of transformers 4 did."""
    frequencies = self.inv_freq[None, :, None].float().expand(position_ids.shape[0], -1, 1)
    angles = (frequencies @ position_ids[:, None, :].float()).transpose(1, 2).repeat(1, 1, 2)
    return (angles.cos() * self.attention_scaling).to(x.dtype), (angles.sin() * self.attention_scaling).to(x.dtype)


def first(self: Any, x: Any, position_ids: Any) -> tuple[Any, Any]:
    """A rotary embedding that takes what stands first, without a word."""
    angles = (position_ids[..., None].float() * self.inv_freq.reshape(-1, 8)[0]).repeat(1, 1, 2)
    return angles.cos().to(x.dtype), angles.sin().to(x.dtype)


@pytest.mark.parametrize("forward", [alike, first])
def test_a_class_that_turns_all_rows_alike_has_one_group_at_a_time_and_says_so(
    forward: Any, save_model: SaveModel, load: Load, ask: Ask, mixed: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found out at load, with what the class gives to single answers; batches of one group go on."""
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    folder, rope = save_model(max_position_embeddings=WINDOW), model_of("Llama")
    groups = grouped(ask(mixed[:12], max_new_tokens=NEW), ["dynamic:4"], rope)
    expected = texts(one_after_the_other(load(folder, rope_model=rope), groups), 12)
    monkeypatch.setattr(LlamaRotaryEmbedding, "forward", forward)

    model = load(folder, batch=4, rope_model=rope)

    assert (4, "LlamaForCausalLM turns all rows alike") == (
        model.engine_info["batch"], model.engine_info["rotations"],
    )  # fmt: skip
    assert not any(model.holds(group.rope) for group in groups)
    assert expected == texts(one_after_the_other(model, groups), 12)


@pytest.mark.parametrize(
    ("scaling", "is_held"),
    [
        ({"rope_type": "dynamic", "factor": 4.0}, False),
        ({"rope_type": "linear", "factor": 4.0}, True),
    ],
)
def test_a_scaling_of_the_models_own_is_held_where_it_does_not_follow_the_length(
    scaling: dict[str, Any], is_held: bool, save_model: SaveModel, load: Load
) -> None:
    """transformers computes such frequencies anew in each pass, from its longest row."""
    folder = save_model(max_position_embeddings=WINDOW, rope_parameters={"rope_theta": 10_000.0, **scaling})

    model: HoldsRotations = load(folder, batch=4, rope_model=model_of("Llama"))

    assert (is_held, True) == (model.holds(NATIVE), model.holds(RopeSetting("default", 20_000.0)))


def test_one_answer_at_a_time_is_one_group_at_a_time(save_model: SaveModel, load: Load) -> None:
    """And a run under one setting does not speak of it."""
    folder = save_model(max_position_embeddings=WINDOW)

    one, native = load(folder, batch=1, rope_model=model_of("Llama")), load(folder, batch=4)

    assert ("one answer at a time", False) == (one.engine_info["rotations"], one.holds(NATIVE))
    assert "rotations" not in native.engine_info
