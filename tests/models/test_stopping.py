"""When an answer ends, and what of it is kept."""

from __future__ import annotations

import pytest

from evalkit.errors import CardError
from evalkit.models._stopping import AnswerEnd, end_ids
from evalkit.prompts import PromptTokenizer

EOS = frozenset({1})


def walk(end: AnswerEnd, ids: list[int]) -> list[int]:
    """The ids up to the one that ends the answer."""
    return next((ids[:count] for count in range(1, len(ids) + 1) if end.reached(ids[:count])), ids)


def test_the_first_end_of_text_token_ends_the_answer(tokenizer: PromptTokenizer) -> None:
    """It is not part of the text, other special tokens are, as OpenCompass leaves them."""
    end = AnswerEnd(tokenizer, EOS, ())
    ids = [0, *tokenizer.encode("So?"), 1, *tokenizer.encode("more")]

    walked = walk(end, ids)

    assert ids[: ids.index(1) + 1] == walked
    assert "<s>So?" == end.text(walked)


@pytest.mark.parametrize("stop", ["\n\nQ:", "言語模型評測長文言語模型評測長文", "é"])
def test_a_stop_string_is_seen_whatever_its_tokens(tokenizer: PromptTokenizer, stop: str) -> None:
    """Words, long strings of byte tokens, a letter of two bytes: the answer ends with the token that completes it."""
    end = AnswerEnd(tokenizer, EOS, ("never", stop))
    ids = tokenizer.encode("word12 " * 40 + stop + " and more")

    walked = walk(end, ids)

    assert len(walked) < len(ids)
    assert "word12 " * 40 == end.text(walked)


def test_the_earliest_of_several_stop_strings_counts(tokenizer: PromptTokenizer) -> None:
    """One token can complete two of them."""
    end = AnswerEnd(tokenizer, EOS, ("rd", "word"))

    assert "a " == end.text(tokenizer.encode("a word and a word"))


def test_an_answer_of_one_end_of_text_token_is_empty(tokenizer: PromptTokenizer) -> None:
    """A model may have nothing to say; that is an answer."""
    assert "" == AnswerEnd(tokenizer, EOS, ("x",)).text([1])


@pytest.mark.parametrize("configured", [0.5, [[]], [1, None], True, -1, [2**31], "1", {"a": 1}])
def test_end_tokens_that_are_no_tokens_are_named(tokenizer: PromptTokenizer, configured: object) -> None:
    """By file, field and value; a number and a list of numbers are what a configuration may have."""
    with pytest.raises(CardError, match=r"generation_config\.json: eos_token_id: expected a token's number or a list"):
        end_ids(configured, tokenizer)

    assert {1, 7, 9} <= end_ids([7, 9], tokenizer) | end_ids(7, tokenizer)
