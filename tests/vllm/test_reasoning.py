"""Thoughts on a real engine: the same parts, endings and flags as on transformers, token for token."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evalkit.cards import ReasoningTags
from evalkit.models import Completion, GenerationRequest, ThoughtRule
from evalkit.prompts import PromptTokenizer, TokenIds, token_array
from evalkit.rope import RopeSetting

if TYPE_CHECKING:
    from evalkit.models import ModelAdapter

LIMIT = 24
Load = Callable[..., "ModelAdapter"]
Engines = dict[str, "ModelAdapter"]


@pytest.fixture(scope="module")
def engines(load: Load) -> Iterator[Engines]:
    """The same model twice."""
    models = {name: load(name, longest_sequence=512) for name in ("hf", "vllm")}
    yield models
    for model in models.values():
        model.close()
    gc.collect()


@pytest.fixture(scope="module")
def prompts(tokenizer: PromptTokenizer) -> list[TokenIds]:
    """Prompts of words, so that what is generated is text."""
    draw = np.random.default_rng(3)
    return [token_array([tokenizer.bos_id or 0, *draw.integers(10, len(tokenizer), 60).tolist()]) for _ in range(6)]


def answered(engines: Engines, name: str, prompt: TokenIds, **fields: Any) -> Completion:
    (done,) = engines[name].generate(RopeSetting("native"), [GenerationRequest(0, prompt, LIMIT, **fields)])
    assert done.error is None
    return done


def outcome(done: Completion) -> tuple[Any, ...]:
    return done.text, done.reasoning, done.reasoning_tokens, done.finish_reason, done.lost_to, done.output_tokens


def test_both_engines_tell_thoughts_from_answers_alike(
    engines: Engines, prompts: list[TokenIds], tokenizer: PromptTokenizer
) -> None:
    """With tags made of what the model says anyway: its prompt opens thoughts, a token in the middle closes them."""
    seen = set()
    for prompt in prompts:
        plain = answered(engines, "hf", prompt).text
        words = [word for word in map(str.strip, plain.split()) if len(word) > 1]
        if len(words) < 4:
            continue
        opened = tokenizer.decode(prompt[-4:].tolist(), skip_special=False).strip()
        tags = ReasoningTags(open=opened, close=words[2])
        for budget, stop in ((None, ()), (None, (words[1],)), (16, (words[1],)), (2, ())):
            fields = {"thoughts": ThoughtRule(tags, budget), "stop": stop}
            found = {name: outcome(answered(engines, name, prompt, **fields)) for name in engines}
            assert found["hf"] == found["vllm"]
            seen.add((found["hf"][3], found["hf"][4], budget, bool(found["hf"][0])))
    assert any(lost == "reasoning" for _, lost, _, _ in seen)
    assert any(has_text for *_, has_text in seen)
