"""Answers that are shown while they are made: they end as `generate` ends, only grow, and keep the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.models import Completion, GenerationRequest, PartialAnswer, Sampling, StreamsAnswers
from evalkit.rope import RopeSetting

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

Load = Callable[..., "HuggingFaceModel"]
Ask = Callable[..., list[GenerationRequest]]

NATIVE = RopeSetting("native")
WIDER = RopeSetting("default", base=20_000.0)


def streamed(
    model: HuggingFaceModel, request: GenerationRequest, rope: RopeSetting = NATIVE
) -> tuple[list[PartialAnswer], Completion]:
    """What comes before the completion, and the completion, with the rules that hold for every stream checked."""
    *partials, completion = model.stream(rope, request)
    assert isinstance(completion, Completion)
    shown = [each for each in partials if isinstance(each, PartialAnswer)]
    assert len(shown) == len(partials)
    for before, after in pairwise(shown):
        assert after.text.startswith(before.text)
        assert (after.reasoning or "").startswith(before.reasoning or "")
        assert after.output_tokens > before.output_tokens
    assert completion.text.startswith(shown[-1].text)
    assert (completion.reasoning or "").startswith(shown[-1].reasoning or "")
    return shown, completion


def assert_same(found: Completion, expected: Completion) -> None:
    """All that does not hang on the clock and the cache is the same, the margin but for its rounding."""
    apart: dict[str, Any] = {"seconds": 0.0, "cached_tokens": None, "margin": None}
    assert replace(found, **apart) == replace(expected, **apart)
    assert (found.margin, found.margin_token) == (pytest.approx(expected.margin, abs=1e-4), expected.margin_token)


@pytest.mark.parametrize("sampling", [None, Sampling(0.8, top_p=0.9, seed=5)], ids=str)
def test_a_stream_ends_with_what_generate_gives(
    tiny_model: Path, load: Load, prompts: list[list[int]], ask: Ask, sampling: Sampling | None
) -> None:
    """Text, tokens, margin and finish, greedy and drawn, with and without a stop string that the answer meets."""
    model, peer = load(tiny_model), load(tiny_model)
    assert isinstance(model, StreamsAnswers)
    whole = list(peer.generate(NATIVE, ask(prompts[:3], max_new_tokens=40, sampling=sampling)))
    stop = whole[0].text[5:7]
    requests = [
        *ask(prompts[:3], max_new_tokens=40, sampling=sampling),
        *ask(prompts[:1], max_new_tokens=40, stop=(stop,), sampling=sampling),
    ]

    for request in requests:
        (expected,) = peer.generate(NATIVE, [request])
        shown, completion = streamed(model, request)
        assert_same(completion, expected)
        assert shown[0].output_tokens == 1
        assert request.stop or len(shown) > 10


def test_the_first_comes_before_the_second_token_is_computed(
    tiny_model: Path, load: Load, prompts: list[list[int]], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One token is generated when the first partial answer is there, also where all of its text is held back."""
    model = load(tiny_model)
    fed: list[list[int]] = []
    forward = model._forward
    monkeypatch.setattr(model, "_forward", lambda ids: (fed.append(ids), forward(ids))[1])
    (request,) = ask(prompts[:1], max_new_tokens=20)

    answer = model.stream(NATIVE, request)
    first = next(answer)

    assert isinstance(first, PartialAnswer)
    assert first.output_tokens == 1
    assert not fed


def test_the_cache_goes_on_behind_a_stream(tiny_model: Path, load: Load, prompts: list[list[int]], ask: Ask) -> None:
    """Closed early, interrupted in a pass, or ended: the next question takes what was computed, under one setting."""
    model, fresh = load(tiny_model), load(tiny_model, is_reusing_prefixes=False)
    first, second = ask(prompts[:2], max_new_tokens=20)
    (expected,) = fresh.generate(NATIVE, [second])
    shared = 41

    answer = model.stream(NATIVE, first)
    for _ in range(5):
        next(answer)
    answer.close()  # type: ignore[attr-defined]
    _, after_closed = streamed(model, second)
    _, again = streamed(model, second)
    _, elsewhere = streamed(model, second, WIDER)
    _, back = streamed(model, second)

    assert [after_closed.cached_tokens, again.cached_tokens] == [shared, len(second.ids) - 1]
    assert [elsewhere.cached_tokens, back.cached_tokens] == [0, 0]
    for completion in (after_closed, again, back):
        assert_same(completion, expected)


def test_an_interrupted_pass_leaves_the_cache_right(
    tiny_model: Path, load: Load, prompts: list[list[int]], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of a pass, when only some layers have the new token."""
    model, fresh = load(tiny_model), load(tiny_model, is_reusing_prefixes=False)
    first, second = ask([prompts[0], prompts[0]], max_new_tokens=20)
    layers = model._model.model.layers

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    answer = model.stream(NATIVE, first)
    for _ in range(4):
        next(answer)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(layers[-1], "forward", interrupt)
        next(answer)
    _, completion = streamed(model, second)

    (expected,) = fresh.generate(NATIVE, [second])
    assert completion.cached_tokens == len(second.ids) - 1
    assert_same(completion, expected)


def test_a_fault_is_told_by_the_completion(
    tiny_model: Path, load: Load, prompts: list[list[int]], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of an answer; the next one is right."""
    model = load(tiny_model)
    (request,) = ask(prompts[:1], max_new_tokens=20)
    (expected,) = model.generate(NATIVE, [request])

    def fail(_: list[int]) -> None:
        raise RuntimeError("no such kernel")

    answer = model.stream(NATIVE, request)
    next(answer)
    with monkeypatch.context() as patch:
        patch.setattr(model, "_forward", fail)
        *_, completion = answer
    _, after = streamed(model, request)

    assert isinstance(completion, Completion)
    assert completion.finish_reason == "error"
    assert completion.error == "RuntimeError: no such kernel"
    assert_same(after, expected)
