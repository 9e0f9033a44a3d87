"""Draws on a real engine: the same seed the same text, whatever is asked beside it; each draw another."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from evalkit.models import GenerationRequest, HoldsRotations, RopeGroup, Sampling
from evalkit.prompts import PromptTokenizer, TokenIds, token_array
from evalkit.rope import RopeSetting

if TYPE_CHECKING:
    from evalkit.models import ModelAdapter

Load = Callable[..., "ModelAdapter"]
RULES = [Sampling(2.0), Sampling(2.0, 0.95, 40)]


@pytest.fixture(scope="module")
def engine(load: Load) -> Iterator[ModelAdapter]:
    """vLLM with the small model, with room for two RoPE settings."""
    model = load("vllm", longest_sequence=512, note=pytest.fail)
    assert isinstance(model, HoldsRotations)
    settings = (RopeSetting("default", 1e4), RopeSetting("linear", 1e4, 4.0))
    prompt = token_array([5, 6, 7])
    groups = [RopeGroup(setting, drawn(prompt, RULES[0], [place])) for place, setting in enumerate(settings)]
    list(model.generate_together(groups))
    yield model
    model.close()
    gc.collect()


@pytest.fixture(scope="module")
def prompt(tokenizer: PromptTokenizer) -> TokenIds:
    """A prompt of words."""
    draw = np.random.default_rng(3)
    return token_array([tokenizer.bos_id or 0, *draw.integers(10, len(tokenizer), 60).tolist()])


def drawn(prompt: TokenIds, rule: Sampling | None, draws: list[int], first: int = 0) -> list[GenerationRequest]:
    """A request for each of those draws."""
    return [
        GenerationRequest(first + draw, prompt, 24, sampling=None if rule is None else rule.of_draw("ab", draw))
        for draw in draws
    ]


def texts(engine: ModelAdapter, prompt: TokenIds, rule: Sampling | None, draws: list[int]) -> dict[int, str]:
    """Draw → text, all asked at once in that order."""
    done = list(engine.generate(RopeSetting("native"), drawn(prompt, rule, draws)))
    assert [None] * len(draws) == [each.error for each in done]
    return {each.index: each.text for each in done}


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_draw_is_the_same_in_any_company(engine: ModelAdapter, prompt: TokenIds, rule: Sampling) -> None:
    """Alone, among others, and in another order."""
    together = texts(engine, prompt, rule, list(range(8)))

    assert 4 <= len(set(together.values()))
    assert together == texts(engine, prompt, rule, list(reversed(range(8))))
    assert together[5] == texts(engine, prompt, rule, [5])[5]


def test_one_token_to_draw_from_is_greedy(engine: ModelAdapter, prompt: TokenIds) -> None:
    """Top-k 1 at any temperature."""
    greedy = texts(engine, prompt, None, [0])[0]

    assert {greedy} == set(texts(engine, prompt, Sampling(1.5, top_k=1), [0, 1, 2]).values())


def test_draws_under_two_rope_settings_are_those_of_each_alone(engine: ModelAdapter, prompt: TokenIds) -> None:
    """Positions that are moved for the rotation are not moved for the seeds."""
    assert isinstance(engine, HoldsRotations)
    groups = [
        RopeGroup(RopeSetting("linear", 1e4, factor), drawn(prompt, RULES[1], list(range(4)), first))
        for first, factor in ((0, 1.5), (4, 6.0))
    ]
    together = {each.index: each.text for each in engine.generate_together(groups)}

    assert 4 <= len(set(together.values()))
    assert together == {each.index: each.text for group in groups for each in engine.generate(*group)}
