"""Answers of a real engine shown while they are made: they end as `generate` ends, and the document stays computed."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from evalkit.models import Completion, GenerationRequest, PartialAnswer, Sampling, StreamsAnswers
from evalkit.prompts import PromptTokenizer, TokenIds, token_array
from evalkit.rope import RopeSetting

if TYPE_CHECKING:
    from evalkit.models import ModelAdapter

Load = Callable[..., "ModelAdapter"]
OWN, WIDER = RopeSetting("default", 1e4), RopeSetting("linear", 1e4, 2.0)


@pytest.fixture(scope="module")
def engine(load: Load) -> Iterator[ModelAdapter]:
    """vLLM with the small model."""
    model = load("vllm", longest_sequence=640)
    yield model
    model.close()
    gc.collect()


@pytest.fixture(scope="module")
def prompts(tokenizer: PromptTokenizer) -> list[TokenIds]:
    """Two questions about one document, longer than some blocks."""
    draw = np.random.default_rng(3)
    stem = draw.integers(10, len(tokenizer), 400).tolist()
    return [token_array([*stem, *draw.integers(10, len(tokenizer), 9).tolist()]) for _ in range(2)]


def streamed(engine: ModelAdapter, request: GenerationRequest, rope: RopeSetting = OWN) -> tuple[list[str], Completion]:
    """The texts on the way, and the completion."""
    assert isinstance(engine, StreamsAnswers)
    *partials, completion = engine.stream(rope, request)
    assert isinstance(completion, Completion)
    shown = [each for each in partials if isinstance(each, PartialAnswer)]
    assert 1 == shown[0].output_tokens
    assert len(shown) == len(partials)
    return [each.text for each in shown], completion


def told(completion: Completion) -> Completion:
    return replace(completion, seconds=0.0, cached_tokens=None)


@pytest.mark.parametrize("fields", [{}, {"stop": (" ",)}, {"sampling": Sampling(0.8, 0.9, seed=5)}], ids=str)
def test_a_stream_ends_with_what_generate_gives(
    engine: ModelAdapter, prompts: list[TokenIds], fields: dict[str, Any]
) -> None:
    """Greedy, at a stop string, and drawn."""
    request = GenerationRequest(0, prompts[0], 24, **fields)
    (expected,) = engine.generate(OWN, [request])

    texts, completion = streamed(engine, request)

    assert told(replace(expected, margin=None)) == told(replace(completion, margin=None))
    assert pytest.approx(expected.margin, abs=1e-3) == completion.margin
    assert all(expected.text.startswith(text) for text in texts)
    assert sorted(texts, key=len) == texts
    assert "stop" in fields or len(set(texts)) > 5


def test_the_second_question_finds_the_document_computed(engine: ModelAdapter, prompts: list[TokenIds]) -> None:
    """Also behind an answer that was broken off; under another setting nothing is taken over."""
    first, second = (GenerationRequest(0, prompt, 24) for prompt in prompts)
    (expected,) = engine.generate(WIDER, [second])
    list(engine.generate(OWN, [GenerationRequest(0, token_array([5, 6, 7]), 2)]))
    assert isinstance(engine, StreamsAnswers)

    answer = engine.stream(OWN, first)
    next(answer)
    answer.close()  # type: ignore[attr-defined]
    assert not engine._engine.llm_engine.has_unfinished_requests()  # type: ignore[attr-defined]
    _, after_closed = streamed(engine, second)
    _, again = streamed(engine, second)
    _, elsewhere = streamed(engine, second, WIDER)

    assert 300 < (after_closed.cached_tokens or 0) <= 400
    assert after_closed.cached_tokens == again.cached_tokens  # whole blocks
    assert 0 == elsewhere.cached_tokens
    assert expected.text == elsewhere.text
    assert after_closed.text == again.text


def test_a_penalty_of_the_request_is_obeyed(engine: ModelAdapter, prompts: list[TokenIds], load: Load) -> None:
    """As transformers' class does, prompt included: the same tokens from both engines where one token is drawn from."""
    rule = Sampling(1.0, top_k=1, repetition_penalty=1.3)
    requests = [GenerationRequest(place, prompt, 24, sampling=rule) for place, prompt in enumerate(prompts)]
    plain = [GenerationRequest(place, prompt, 24) for place, prompt in enumerate(prompts)]
    peer = load("hf")

    found = {each.index: each.text for each in engine.generate(OWN, requests)}

    assert {each.index: each.text for each in peer.generate(OWN, requests)} == found
    assert {each.index: each.text for each in engine.generate(OWN, plain)} != found
