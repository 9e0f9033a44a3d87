"""Several RoPE settings at once in one engine: the same answers as group by group and as transformers, or none."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evalkit.models import Completion, GenerationRequest, HoldsRotations, RopeGroup
from evalkit.prompts import PromptTokenizer, TokenIds, token_array
from evalkit.rope import RopeModel, RopeSetting, parse_rope, rope_setting

if TYPE_CHECKING:
    from evalkit.models import ModelAdapter

WINDOW = 2048
TRAINED = RopeModel(base=10000.0, length=256, dimension=32)  # a quarter of the model's, so that scaling begins early
NEW = 12
SPECS = ("dynamic:4", "yarn:4", "ntk:4", "linear:2")
Load = Callable[..., "ModelAdapter"]


@pytest.fixture(scope="module")
def prompts(tokenizer: PromptTokenizer) -> list[TokenIds]:
    """Prompts in trie order, of mixed lengths; half of them share a stem that is longer than a block of the cache."""
    draw = np.random.default_rng(11)
    stem = draw.integers(10, len(tokenizer), 400).tolist()
    made = [[*stem, *draw.integers(10, len(tokenizer), length).tolist()] for length in (8, 30, 90, 300, 700, 1500)]
    made += [draw.integers(10, len(tokenizer), length).tolist() for length in (5, 60, 240, 270, 900, 1900)]
    return [token_array(ids) for ids in sorted(made)]


@pytest.fixture(scope="module")
def groups(prompts: list[TokenIds]) -> list[RopeGroup]:
    """All prompts under each spec, as a plan groups them: nearly every one a group of its own under `dynamic`."""
    made: dict[RopeSetting, list[GenerationRequest]] = {}
    for number, spec in enumerate(SPECS):
        for place, ids in enumerate(prompts):
            setting = rope_setting(parse_rope(spec), TRAINED, len(ids) + NEW)
            made.setdefault(setting, []).append(GenerationRequest(number * len(prompts) + place, ids, NEW))
    return [RopeGroup(setting, requests) for setting, requests in made.items()]


@pytest.fixture(scope="module")
def engine(load: Load) -> Iterator[ModelAdapter]:
    """One engine for all tests of this module."""
    model = load("vllm", longest_sequence=WINDOW, note=pytest.fail)
    yield model
    model.close()
    gc.collect()


@pytest.fixture(scope="module")
def expected(load: Load, groups: list[RopeGroup]) -> dict[int, str]:
    """What transformers answers, group by group."""
    hf = load("hf")
    return texts(completion for group in groups for completion in hf.generate(*group))


@pytest.fixture(scope="module")
def answered(engine: ModelAdapter, groups: list[RopeGroup]) -> list[Completion]:
    """All groups together, as the engine is started with them."""
    assert isinstance(engine, HoldsRotations)
    assert all(engine.holds(group.rope) for group in groups)
    return list(engine.generate_together(groups))


def texts(completions: Any) -> dict[int, str]:
    found = list(completions)
    assert {None} == {completion.error for completion in found}
    answers = {completion.index: completion.text for completion in found}
    assert len(found) == len(answers)
    return answers


def test_together_they_are_answered_as_transformers_does_one_by_one(
    answered: list[Completion], expected: dict[int, str], groups: list[RopeGroup]
) -> None:
    """Every prompt of every group gets the greedy tokens of transformers under its setting."""
    assert len(groups) >= 11
    assert expected == texts(answered)


def test_the_settings_make_a_difference(expected: dict[int, str], prompts: list[TokenIds]) -> None:
    """The test above is not about many names for one rotation."""
    by_spec = [tuple(expected[number * len(prompts) + place] for place in range(len(prompts))) for number in range(4)]

    assert len(SPECS) == len(set(by_spec))


def test_group_by_group_is_the_same(engine: ModelAdapter, answered: list[Completion], groups: list[RopeGroup]) -> None:
    """The engine with room for many settings answers a group alone as it does among others."""
    assert texts(answered) == texts(completion for group in groups for completion in engine.generate(*group))
