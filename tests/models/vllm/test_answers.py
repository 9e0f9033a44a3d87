"""Answers under way in an engine: which tokens complete them, and what is made of those."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from evalkit.cards import ReasoningTags
from evalkit.models import GenerationRequest, ThoughtRule, answer_end
from evalkit.models._stopping import AnswerEnd
from evalkit.models.vllm._answers import Answer
from evalkit.prompts import PromptTokenizer, token_array

END = 2


def answer(tokenizer: PromptTokenizer, *stop: str, is_watched: bool = True) -> Answer:
    """An answer that has begun."""
    request = GenerationRequest(5, token_array([1, 2, 3]), 9, stop)
    return Answer(request, AnswerEnd(tokenizer, frozenset({END}), stop), is_watched)


def output(*ids: int, reason: str | None = None, scores: Any = None) -> Any:
    """What vLLM shows of a step: those ids, why the answer ended if it did, and the scores of the best tokens."""
    return SimpleNamespace(
        finished=reason is not None,
        outputs=[SimpleNamespace(token_ids=list(ids), finish_reason=reason, logprobs=scores)],
        num_cached_tokens=2,
        prompt_token_ids=[1, 2, 3],
    )


def flat(*pairs: tuple[float, float]) -> Any:
    """Scores of the best two tokens at each place, as vLLM lays them out: the chosen token's stands before them."""
    scores = [score for best, second in pairs for score in (best, best, second)]
    return SimpleNamespace(logprobs=scores, start_indices=[3 * place for place in range(len(pairs))])


def test_a_watched_answer_ends_with_the_token_that_completes_a_stop_string(tokenizer: PromptTokenizer) -> None:
    """Tokens that came with it in one output are not part of the answer."""
    first, *rest = tokenizer.encode("one two ### three")
    found = answer(tokenizer, "###")
    completed = [each for each in range(1, len(rest) + 1) if "###" in tokenizer.decode(rest[:each], skip_special=False)]

    assert not found.take(output(first))
    assert found.take(output(*rest))

    made = found.completion(output(*rest), 0.5)
    assert ("one two ", "stop", 1 + completed[0]) == (made.text, made.finish_reason, made.output_tokens)
    assert (5, 0.5, 2, 3) == (made.index, made.seconds, made.cached_tokens, made.prompt_tokens)


@pytest.mark.parametrize("is_watched", [True, False])
@pytest.mark.parametrize(("reason", "last"), [("length", 40), ("stop", END)])
def test_what_the_engine_ends_is_complete(reason: str, last: int, is_watched: bool, tokenizer: PromptTokenizer) -> None:
    """At the limit and at an end-of-text token, shown token by token or all at once."""
    found = answer(tokenizer, "###", is_watched=is_watched)
    ids = [30, 31, last]

    if is_watched:
        assert [False, False] == [found.take(output(each)) for each in ids[:2]]
        ids = ids[2:]
    assert found.take(output(*ids, reason=reason))

    made = found.completion(output(*ids, reason=reason), 0.0)
    assert (reason, 3, None) == (made.finish_reason, made.output_tokens, made.error)


def test_a_stop_string_that_the_last_token_completes_is_no_limit(tokenizer: PromptTokenizer) -> None:
    """As in the loop that other backends share."""
    ids = tokenizer.encode("one ###")
    found = answer(tokenizer, "###")
    last = output(*ids, reason="length")

    assert found.take(last)
    assert "stop" == found.completion(last, 0.0).finish_reason


@pytest.mark.parametrize("is_watched", [True, False])
def test_a_request_that_vllm_gave_up_is_an_error(is_watched: bool, tokenizer: PromptTokenizer) -> None:
    """Not a short answer."""
    found = answer(tokenizer, "###", is_watched=is_watched)
    aborted = output(30, reason="abort")

    assert found.take(aborted)
    assert "without an answer (abort)" in str(found.completion(aborted, 0.0).error)


def test_thoughts_are_followed_as_they_come(wild_tokenizer: Callable[..., PromptTokenizer]) -> None:
    """A stop string in them ends nothing; one in the answer does, and so does a budget that is spent."""
    tokenizer = wild_tokenizer("thoughts")
    rule = ThoughtRule(ReasoningTags(open="<think>", close="</think>"), budget=12)
    request = GenerationRequest(5, token_array(tokenizer.encode("So?")), 20, ("\n",), thoughts=rule)

    def begun() -> Answer:
        return Answer(request, answer_end(request, tokenizer, frozenset(tokenizer.eos_ids)), is_watched=True)

    whole, spent = begun(), begun()
    ids = tokenizer.encode("<think>a\nb</think>\nyes\n")
    ended = [whole.take(output(token)) for token in ids]
    while not spent.take(output(ids[0] if not spent.generated else ids[1])):
        pass

    made, starved = whole.completion(output(), 0.0), spent.completion(output(), 0.0)
    assert [False] * (len(ids) - 1) + [True] == ended
    assert ("yes", "a\nb", "stop", None) == (made.text, made.reasoning, made.finish_reason, made.lost_to)
    assert ("", 12, "length", "reasoning") == (
        starved.text, starved.output_tokens, starved.finish_reason, starved.lost_to,
    )  # fmt: skip


@pytest.mark.parametrize("is_watched", [True, False])
def test_the_closest_call_is_that_of_the_tokens_of_the_answer(is_watched: bool, tokenizer: PromptTokenizer) -> None:
    """Counted from the first token; one without an alternative is none, and where the engine tells nothing there is
    none."""
    found, silent = answer(tokenizer, "###", is_watched=is_watched), answer(tokenizer, "###", is_watched=is_watched)
    scores = flat((4.0, float("-inf")), (4.0, 3.5), (2.0, 1.75), (9.0, 8.75))

    found.take(output(30, 31, 32, END, reason="stop", scores=scores))
    silent.take(output(30, 31, 32, END, reason="stop"))

    made, untold = found.completion(output(reason="stop"), 0.0), silent.completion(output(reason="stop"), 0.0)
    assert (0.25, 2) == (made.margin, made.margin_token)
    assert (None, None) == (untold.margin, untold.margin_token)


def test_tokens_behind_the_end_of_an_answer_are_no_part_of_its_closest_call(tokenizer: PromptTokenizer) -> None:
    """They came with the token that ended it."""
    ids = tokenizer.encode("one ### three")
    ended = next(n for n in range(1, len(ids) + 1) if "###" in tokenizer.decode(ids[:n], skip_special=False))
    assert ended < len(ids)
    scores = flat(*[(2.0, 1.0)] * ended, *[(2.0, 2.0)] * (len(ids) - ended))
    found = answer(tokenizer, "###")

    assert found.take(output(*ids, scores=scores))

    assert (1.0, 0) == (found.closest.margin, found.closest.token)
