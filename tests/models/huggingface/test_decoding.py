"""Answers that end and are read as a protocol says, with real, tiny models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.models import GenerationRequest
from evalkit.models._stopping import AnswerEnd
from evalkit.prompts import PromptTokenizer, token_array
from evalkit.rope import RopeSetting
from evalkit.tasks import StopRule

if TYPE_CHECKING:
    from evalkit.models.huggingface._adapter import HuggingFaceModel

EOS = frozenset({1})
LINE = StopRule(skips_special_tokens=True, ends_at_token_of="\n", min_new_tokens=1)


def test_an_answer_may_end_at_the_token_of_a_text(tokenizer: PromptTokenizer) -> None:
    """The token ends it and stays in its text, as upstream decodes it."""
    end = AnswerEnd(tokenizer, EOS, (), LINE)
    ids = tokenizer.encode("So\n")

    assert [False, True] == [end.reached(ids[:-1]), end.reached(ids)]
    assert "So\n" == end.text(ids)


def test_special_tokens_are_left_out_where_the_protocol_says(tokenizer: PromptTokenizer) -> None:
    """OpenCompass leaves them in, LongBench's own code does not."""
    ids = [*tokenizer.encode("So"), 0, *tokenizer.encode("?")]

    assert "So?" == AnswerEnd(tokenizer, EOS, (), LINE).text(ids)
    assert "So<s>?" == AnswerEnd(tokenizer, EOS, ()).text(ids)


def test_no_token_may_end_an_answer_before_its_least_length(tokenizer: PromptTokenizer) -> None:
    """From then on all may."""
    end = AnswerEnd(tokenizer, EOS, (), LINE)

    assert {1, tokenizer.encode("\n")[-1]} == end.forbidden(0)
    assert frozenset() == end.forbidden(1)


def test_a_model_that_would_end_at_once_answers_something(
    load: Callable[..., HuggingFaceModel], tiny_model: Path, tokenizer: PromptTokenizer
) -> None:
    """With a least length of one the likeliest other token comes first; the request is otherwise answered as always."""
    model, ids = load(tiny_model), token_array([0, *tokenizer.encode("Which word is number 2?")])
    (plain,) = model.generate(RopeSetting("native"), [GenerationRequest(0, ids, 4)])
    first = StopRule(ends_at_token_of=plain.text[:1] or "\n", min_new_tokens=1)
    model._eos_ids = frozenset({tokenizer.encode(plain.text)[0]})

    (cut,) = model.generate(RopeSetting("native"), [GenerationRequest(0, ids, 4)])
    (kept,) = model.generate(RopeSetting("native"), [GenerationRequest(0, ids, 4, (), first)])

    assert (1, "") == (cut.output_tokens, cut.text)
    assert kept.output_tokens >= 1
    assert kept.text
    assert not kept.text.startswith(plain.text[:1])
