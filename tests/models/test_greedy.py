"""The greedy loop for adapters of other packages: it ends and reads answers as the shipped ones do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evalkit.errors import SampleError
from evalkit.models import Completion, GenerationRequest, answer_greedily, end_ids
from evalkit.prompts import PromptTokenizer, token_array
from evalkit.tasks import StopRule

Answering = Callable[..., Completion]


@pytest.fixture
def answering(tokenizer: PromptTokenizer) -> Answering:
    """A model that says a text and ends: `answering("text", limit, stop=…)`."""

    def go(said: str, limit: int = 100, **request: object) -> Completion:
        script = [*tokenizer.encode(said), 1]
        request_ = GenerationRequest(7, token_array([5, 6]), limit, **request)  # type: ignore[arg-type]

        def next_token(generated: list[int], forbidden: frozenset[int]) -> int:
            token = script[min(len(generated), len(script) - 1)]
            return token if token not in forbidden else tokenizer.encode("x")[0]

        return answer_greedily(request_, tokenizer, end_ids(None, tokenizer), next_token)

    return go


def test_the_end_of_text_token_ends_an_answer(answering: Answering, tokenizer: PromptTokenizer) -> None:
    """It is counted, and not part of the text."""
    done = answering("Which word?")

    assert (7, "Which word?", "stop", None) == (done.index, done.text, done.finish_reason, done.error)
    assert len(tokenizer.encode("Which word?")) + 1 == done.output_tokens


def test_a_stop_string_ends_an_answer(answering: Answering) -> None:
    """And is not part of it."""
    done = answering("Which word? And more", stop=("word",))

    assert ("Which ", "stop") == (done.text, done.finish_reason)


def test_the_limit_ends_an_answer(answering: Answering) -> None:
    """As `length`, so that a reader can tell."""
    done = answering("Which word is number 2?", 3)

    assert ("length", 3) == (done.finish_reason, done.output_tokens)


def test_the_least_number_of_tokens_is_kept(answering: Answering) -> None:
    """Until then the tokens that end an answer are forbidden."""
    done = answering("", stop_rule=StopRule(min_new_tokens=3))

    assert ("xxx", "stop", 4) == (done.text, done.finish_reason, done.output_tokens)


def test_a_sample_that_cannot_be_answered_is_an_error(tokenizer: PromptTokenizer) -> None:
    """An adapter says so with `SampleError`; anything else is a fault of the backend, and raised."""

    def broken(generated: list[int], forbidden: frozenset[int]) -> int:  # noqa: ARG001
        raise SampleError("out of memory")

    def faulty(generated: list[int], forbidden: frozenset[int]) -> int:  # noqa: ARG001
        raise RuntimeError("no device")

    request = GenerationRequest(7, token_array([5]), 4)

    done = answer_greedily(request, tokenizer, frozenset({1}), broken)

    assert ("error", "out of memory", "") == (done.finish_reason, done.error, done.text)
    with pytest.raises(RuntimeError, match="no device"):
        answer_greedily(request, tokenizer, frozenset({1}), faulty)
