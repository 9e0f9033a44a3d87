"""Every RoPE spec on tiny random models: the numbers of transformers' own rule, and the same texts in any order.

transformers recomputes "dynamic" and "longrope" from the longest position of a pass. So each peer is loaded anew and
sees one prompt whole, and evalkit's n is the length of that prompt: of an answer's tokens neither counts any.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evalkit.errors import UserError
from evalkit.models import GenerationRequest
from evalkit.prompts import token_array
from evalkit.rope import LongRope, RopeModel, RopeSetting, parse_rope, rope_setting

if TYPE_CHECKING:
    import torch

    from evalkit.models.huggingface._adapter import HuggingFaceModel

Load = Callable[..., "HuggingFaceModel"]
SaveModel = Callable[..., Path]

LENGTH, BASE, NEW = 32, 10000.0, 6
SMALL = {
    "initializer_range": 0.1,
    "max_position_embeddings": LENGTH,
}  # logits within ±1, so that 1e-6 is their rounding
WHOLE, PARTIAL, INTERLEAVED = "Llama", "StableLm", "Glm"
SHAPES: dict[str, dict[str, Any]] = {
    WHOLE: {"head_dim": 16},
    PARTIAL: {"partial_rotary_factor": 0.5},
    INTERLEAVED: {"head_dim": 16, "partial_rotary_factor": 0.5, "pad_token_id": 1},
}
"""Llama turns all of 16 dimensions; StableLM and GLM half of them, GLM neighbours as pairs."""


def turned(kind: str) -> int:
    """Dimensions of a head that the tiny model of that class turns."""
    return 16 if kind == WHOLE else 8


def factors(kind: str) -> dict[str, list[float]]:
    """LongRoPE's two lists."""
    pairs = turned(kind) // 2
    return {
        "short_factor": [1 + pair / 8 for pair in range(pairs)],
        "long_factor": [2.0 + pair for pair in range(pairs)],
    }


def trained(kind: str) -> RopeModel:
    """What the tiny models count with."""
    lists = factors(kind)
    scale = float(np.sqrt(1 + np.log(4) / np.log(LENGTH)))
    return RopeModel(
        BASE, LENGTH, turned(kind), longrope=LongRope(tuple(lists["short_factor"]), tuple(lists["long_factor"]), scale)
    )


EXTENDS = {"original_max_position_embeddings": LENGTH}
THEIRS: dict[str, dict[str, Any]] = {
    "none": {"rope_type": "default"},
    "base:320000": {"rope_type": "default", "rope_theta": 320000.0},
    "linear:4": {"rope_type": "linear", "factor": 4.0},
    "dynamic:4": {"rope_type": "dynamic", "factor": 4.0},
    "yarn:4": {"rope_type": "yarn", "factor": 4.0, **EXTENDS},
    "yarn:4,beta_fast=4,beta_slow=0.5": {
        "rope_type": "yarn", "factor": 4.0, "beta_fast": 4.0, "beta_slow": 0.5, **EXTENDS,
    },
    "yarn:8,attention_factor=1.5": {"rope_type": "yarn", "factor": 8.0, "attention_factor": 1.5, **EXTENDS},
    "yarn:8,mscale=0.7,mscale_all_dim=1": {
        "rope_type": "yarn", "factor": 8.0, "mscale": 0.7, "mscale_all_dim": 1.0, **EXTENDS,
    },
    "yarn:8,truncate=0": {"rope_type": "yarn", "factor": 8.0, "truncate": False, **EXTENDS},
    "llama3:8": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, **EXTENDS},
    "llama3:4,high_freq_factor=2,low_freq_factor=0.5": {
        "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 0.5, "high_freq_factor": 2.0, **EXTENDS,
    },
    "longrope": {"rope_type": "longrope", "factor": 4.0, **EXTENDS},
}  # fmt: skip
"""evalkit's spec → `rope_parameters` of the peer."""


def peer_logits(folder: Path, kind: str, spec: str, ids: Sequence[int]) -> torch.Tensor:
    """What a model that transformers loaded with its own rule says behind one prompt."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(folder)
    kept = {name: config.rope_parameters[name] for name in ("partial_rotary_factor",) if name in config.rope_parameters}
    lists = factors(kind) if spec == "longrope" else {}
    config.rope_parameters = {"rope_theta": BASE, **kept, **THEIRS[spec], **lists}
    model = AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32).eval()
    with torch.inference_mode():
        logits: torch.Tensor = model(torch.tensor([ids])).logits[0, -1]
    return logits


@pytest.fixture(scope="module")
def open_kind(save_model: SaveModel, load: Load) -> Callable[[str], tuple[Path, HuggingFaceModel]]:
    """Folder and adapter of the tiny model of a class, made once."""
    made: dict[str, tuple[Path, HuggingFaceModel]] = {}

    def open_it(kind: str) -> tuple[Path, HuggingFaceModel]:
        if kind not in made:
            folder = save_model(kind=kind, **SMALL, **SHAPES[kind])
            made[kind] = folder, load(folder)
        return made[kind]

    return open_it


@pytest.mark.parametrize("spec", THEIRS)
@pytest.mark.parametrize("kind", SHAPES)
def test_logits_are_those_of_transformers_own_rule(
    kind: str, spec: str, open_kind: Callable[[str], tuple[Path, HuggingFaceModel]]
) -> None:
    """To 1e-6, within the length that the model was made for, at it, behind it and far beyond."""
    import torch

    folder, model = open_kind(kind)
    draw = np.random.default_rng(11)
    for length in (20, LENGTH, LENGTH + 1, 100):
        ids = draw.integers(2, 380, length).tolist()
        model._rotary.apply(rope_setting(parse_rope(spec), trained(kind), length))
        model._cache.clear()
        with torch.inference_mode():
            found = model._forward(ids)

        torch.testing.assert_close(found, peer_logits(folder, kind, spec, ids), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("native", "asked", "expected"),
    [
        ("yarn:4", "dynamic:4", {"rope_theta": BASE * 5 ** (16 / 14)}),  # m = 4 · 256 / 128 − 3
        ("yarn:4,beta_fast=4,beta_slow=0.5", "base:5e5", {"rope_theta": 5e5}),
        ("llama3:8", "ntk:2", {"rope_theta": BASE * 2 ** (16 / 14)}),
        ("linear:4", "linear:2", {"factor": 8.0}),
        ("linear:4", "ntk:2", {"rope_theta": BASE * 2 ** (16 / 14)}),
    ],
)
def test_what_stands_on_the_models_own_rule_is_that_rule_changed(
    native: str, asked: str, expected: dict[str, float], save_model: SaveModel, load: Load
) -> None:
    """As if its maker had written another base, or another factor, into its configuration."""
    import torch

    released = {"rope_theta": BASE, **THEIRS[native]}
    folder, other = (save_model(**SMALL, rope_parameters=each) for each in (released, released | expected))
    session_model = RopeModel(
        BASE, 128, 16, is_scaled=True, beneath=rope_setting(parse_rope(native), trained(WHOLE), LENGTH)
    )
    ids = np.random.default_rng(4).integers(2, 380, 100).tolist()
    switched, fresh = load(folder), load(other)
    switched._rotary.apply(rope_setting(parse_rope(asked), session_model, 256))

    with torch.inference_mode():
        found, theirs = switched._forward(ids), fresh._forward(ids)

    torch.testing.assert_close(found, theirs, rtol=1e-6, atol=1e-6)


INVARIANT = ["none", "linear:4", "ntk:4", "dynamic:4", "yarn:4,beta_fast=4", "dynamic-yarn", "llama3:8", "longrope"]


def fifty() -> list[list[int]]:
    """Prompts of mixed lengths, several of each document."""
    draw = np.random.default_rng(5)
    documents = [draw.integers(2, 380, length).tolist() for length in (8, 24, 31, 40, 70)]
    return [[0, *document, *draw.integers(2, 380, size).tolist()] for document in documents for size in range(1, 11)]


def answers(model: HuggingFaceModel, spec: str, order: Sequence[int]) -> dict[int, str]:
    """Texts by place, group by group as their first prompt comes, in the order given."""
    prompts, groups = fifty(), dict[RopeSetting, list[GenerationRequest]]()
    for place in order:
        ids = prompts[place]
        setting = rope_setting(parse_rope(spec), trained(WHOLE), len(ids) + NEW)
        groups.setdefault(setting, []).append(GenerationRequest(place, token_array(ids), NEW))
    done = [each for setting, requests in groups.items() for each in model.generate(setting, requests)]
    assert [None] * 50 == [each.error for each in done]
    return {each.index: each.text for each in done}


@pytest.fixture(scope="module")
def three(save_model: SaveModel, load: Load) -> list[HuggingFaceModel]:
    """One model in float32: single answers without reuse, single answers with it, and eight at once."""
    folder = save_model(max_position_embeddings=LENGTH)
    return [load(folder, batch=1, is_reusing_prefixes=False), load(folder, batch=1), load(folder, batch=8)]


@pytest.mark.parametrize("spec", INVARIANT)
def test_texts_depend_on_nothing_but_the_prompt(spec: str, three: list[HuggingFaceModel]) -> None:
    """In any order, at any number of answers at once, with prefixes reused or not; groups come in any order too."""
    expected = answers(three[0], spec, range(50))

    for seed, model in enumerate(three):
        order = list(range(50))
        random.Random(seed).shuffle(order)
        assert expected == answers(model, spec, order)
    assert 40 < len(set(expected.values()))


def test_a_class_that_turns_by_its_own_numbers_is_refused(save_model: SaveModel, load: Load) -> None:
    """PhiMoE computes frequencies anew at every pass, so what is put in force would be ignored."""
    sizes = {"num_local_experts": 2, "pad_token_id": 1}
    model = load(save_model(kind="Phimoe", **sizes))

    with pytest.raises(UserError, match="PhimoeRotaryEmbedding does not turn by the frequencies that it is given"):
        list(model.generate(RopeSetting("default", 5e5), []))


def test_attention_that_scales_by_an_option_is_refused(save_model: SaveModel, load: Load) -> None:
    """DeepSeek's softmax takes mscale_all_dim when the model is loaded; without it such models can be set."""
    sizes = {
        "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 16, "qk_nope_head_dim": 16, "v_head_dim": 16,
        "n_routed_experts": 4, "num_experts_per_tok": 1, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 2,
        "moe_intermediate_size": 32, "num_key_value_heads": 2, "rope_interleave": True,
    }  # fmt: skip
    model = load(save_model(kind="DeepseekV3", **sizes))

    list(model.generate(RopeSetting("yarn", BASE, 4.0, LENGTH), []))

    options = (("mscale", 1.0), ("mscale_all_dim", 1.0))
    with pytest.raises(UserError, match="softmax by the mscale_all_dim that it was loaded with"):
        list(model.generate(RopeSetting("yarn", BASE, 4.0, LENGTH, options), []))


def test_a_width_of_null_is_hidden_by_heads(save_model: SaveModel, load: Load) -> None:
    """Mixtral's configuration has it, and transformers would multiply by nothing."""
    model = load(save_model(kind="Mixtral", num_local_experts=2, num_experts_per_tok=1))

    list(model.generate(RopeSetting("yarn", BASE, 4.0, LENGTH), []))

    assert 8 == len(model.rotations[0].frequencies)
