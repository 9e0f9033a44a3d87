"""Switching RoPE in place: the model is then the one that would have been loaded with that configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.errors import UserError
from evalkit.models import GenerationRequest
from evalkit.models._greedy import GreedyTokens
from evalkit.prompts import token_array
from evalkit.rope import RopeModel, RopeSetting, parse_rope, rope_setting

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Ask = Callable[..., list[GenerationRequest]]
Load = Callable[..., "HuggingFaceModel"]
SaveModel = Callable[..., Path]

WINDOW = 48
MODEL = RopeModel(10000.0, WINDOW, 16)
NATIVE = RopeSetting("native")
SPECS = ["none", "base:320000", "ntk:4", "dynamic:4", "linear:4", "yarn:4"]


def texts(model: HuggingFaceModel, rope: RopeSetting, requests: list[GenerationRequest]) -> list[str]:
    """Answers under one setting."""
    return [done.text for done in model.generate(rope, requests)]


def logits(model: HuggingFaceModel, ids: list[int]) -> Any:
    """Logits behind the prompt, under the setting in force."""
    import torch

    model._cache.clear()
    with torch.inference_mode():
        return model._forward(ids)


@pytest.mark.parametrize(
    "native", [{}, {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0}], ids=["plain", "linear"]
)
@pytest.mark.parametrize("spec", SPECS)
def test_a_switched_model_is_the_freshly_loaded_one(
    spec: str, native: dict[str, Any], save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """Token for token, whatever the weights' own scaling was, and the logits are equal."""
    import torch

    setting = rope_setting(parse_rope(spec), MODEL, 100)
    switched = load(save_model(max_position_embeddings=WINDOW, **({"rope_parameters": native} if native else {})))
    fresh = load(save_model(max_position_embeddings=WINDOW, rope_parameters=setting.parameters()))

    found = texts(switched, setting, ask(prompts))

    assert texts(fresh, NATIVE, ask(prompts)) == found
    torch.testing.assert_close(logits(fresh, prompts[-1]), logits(switched, prompts[-1]), rtol=1e-6, atol=1e-6)


def test_settings_differ_and_switching_back_restores_the_model(
    save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """Each spec changes the answers of this model, in any order, and `native` afterwards is what it was before."""
    model = load(save_model(max_position_embeddings=WINDOW))
    settings = [rope_setting(parse_rope(spec), MODEL, 100) for spec in SPECS[1:]]
    before = texts(model, NATIVE, ask(prompts))

    forth = [texts(model, setting, ask(prompts)) for setting in settings]
    back = [texts(model, setting, ask(prompts)) for setting in settings[::-1]]

    assert forth == back[::-1]
    assert 1 + len(settings) == len({tuple(each) for each in [before, *forth]})
    assert before == texts(model, NATIVE, ask(prompts))


def test_nothing_computed_under_one_setting_is_used_under_another(
    save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """Keys in the cache are turned by the setting they were made under, so a switch starts from an empty one."""
    folder = save_model(max_position_embeddings=WINDOW)
    request, setting = ask([prompts[-1]]), rope_setting(parse_rope("ntk:4"), MODEL, 100)
    (expected,) = load(folder).generate(setting, request)
    model = load(folder)
    list(model.generate(NATIVE, request))

    (found,) = model.generate(setting, request)

    assert (expected.text, 0) == (found.text, found.cached_tokens)


def test_a_native_dynamic_model_can_be_set_to_an_effective_base(
    save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """Under evalkit's condition its own scaling is off: prefixes are reused again and order is free."""
    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}
    model = load(save_model(max_position_embeddings=WINDOW, rope_parameters=rope))
    plain = load(
        save_model(max_position_embeddings=WINDOW, rope_parameters={"rope_type": "default", "rope_theta": 2e4})
    )
    setting = RopeSetting("default", 20000.0)

    done = list(model.generate(setting, ask(prompts)))

    assert texts(plain, NATIVE, ask(prompts)) == [each.text for each in done]
    assert 0 < sum(each.cached_tokens or 0 for each in done)


def test_partly_rotated_heads_keep_their_share(
    save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """Only the base changes; how many dimensions of a head turn stays the model's own."""
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
    switched = load(save_model(kind="StableLm", rope_parameters=rope))
    fresh = load(save_model(kind="StableLm", rope_parameters=rope | {"rope_theta": 50000.0}))

    found = texts(switched, RopeSetting("default", 50000.0), ask(prompts))

    assert texts(fresh, NATIVE, ask(prompts)) == found


def test_a_model_without_rotary_embedding_takes_native_only(save_model: SaveModel, load: Load, ask: Ask) -> None:
    """Another spec is refused rather than ignored."""
    model = load(save_model(kind="OPT", ffn_dim=64, word_embed_proj_dim=32))

    assert 1 == len(texts(model, NATIVE, ask([[0, 5, 6]])))
    with pytest.raises(UserError, match="only --rope native"):
        texts(model, RopeSetting("default", 10000.0), ask([[0, 5, 6]]))


@pytest.mark.parametrize(
    "native",
    [
        {},
        {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0},
        {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0},
        {"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 24},
    ],
    ids=["plain", "linear", "dynamic", "yarn"],
)
def test_a_model_is_held_against_what_a_run_counts_with(
    native: dict[str, Any], save_model: SaveModel, load: Load
) -> None:
    """Base and turned dimensions of the loaded weights, scaled or not: the right ones load, others are one line."""
    folder = save_model(max_position_embeddings=WINDOW, **({"rope_parameters": native} if native else {}))

    load(folder, rope_model=MODEL)

    with pytest.raises(UserError, match=r"turns by base 10000, and --rope counts with 320000: correct rope\.theta"):
        load(folder, rope_model=RopeModel(320000.0, WINDOW, 16))
    with pytest.raises(UserError, match=r"turns 16 dimensions of a head, and --rope counts with 8"):
        load(folder, rope_model=RopeModel(10000.0, WINDOW, 8))


def test_a_part_of_a_head_is_held_against_the_plan(save_model: SaveModel, load: Load) -> None:
    """Half a head turns here, and whoever counts with all of it is told."""
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
    folder = save_model(kind="StableLm", rope_parameters=rope)

    load(folder, rope_model=RopeModel(10000.0, WINDOW, 8))

    with pytest.raises(UserError, match="turns 8 dimensions of a head, and --rope counts with 16"):
        load(folder, rope_model=MODEL)


def test_a_factor_that_a_class_obeys_under_a_scaling_only_is_refused(
    save_model: SaveModel, load: Load, ask: Ask, prompts: list[list[int]]
) -> None:
    """Llama turns whole heads, whatever its file says, but half of them once a scaling is in force."""
    rope = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
    model = load(save_model(max_position_embeddings=WINDOW, rope_parameters=rope), rope_model=MODEL)

    with pytest.raises(UserError, match="turns 16 as released and 8 dimensions of a head under 'yarn'"):
        texts(model, RopeSetting("yarn", 10000.0, 4.0, WINDOW), ask(prompts))


def test_an_answer_that_crosses_the_original_length_is_the_one_of_whole_passes(
    save_model: SaveModel, load: Load
) -> None:
    """Phi-3's class drops the cache where long factors take over, so that no key keeps its short rotation."""
    import torch

    original, factors = 24, {"short_factor": [1.0] * 8, "long_factor": [8.0] * 8}
    scaling = {"rope_type": "longrope", "rope_theta": 10000.0, "factor": 512 / original, **factors}
    sizes = {"original_max_position_embeddings": original, "max_position_embeddings": 512, "pad_token_id": 1}
    model = load(save_model(kind="Phi3", rope_parameters=scaling, **sizes))
    wrong = {}
    for length in range(original - 6, original + 3):
        ids = [0, *(3 + (7 * place + length) % 200 for place in range(1, length))]
        request = GenerationRequest(0, token_array(ids), 8)
        model._rotary.reset()
        answer = GreedyTokens()
        for _ in model._decode(answer, request, model._cache.start(request.ids), model._end(request)):
            pass
        model._cache.clear()
        with torch.inference_mode():
            for place, token in enumerate(answer.ids):
                model._rotary.reset()
                if int(model._feeding.whole([*ids, *answer.ids[:place]]).argmax()) != token:
                    wrong[length, place] = token

    assert {} == wrong
