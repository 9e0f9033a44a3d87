"""What of an answer is shown while it is made: nothing that is taken back, and as much as is certain."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest

from evalkit.cards import Card, ReasoningTags
from evalkit.models import GenerationRequest, PartialAnswer, ThoughtRule, answer_end
from evalkit.models._partial import GrowingText
from evalkit.prompts import PromptTokenizer, load_tokenizer, token_array
from tests.prompts.published.conftest import train
from tests.wild import TOKENIZERS, cases
from tests.wild._shape import Shape
from tests.wild.tokenizers import TEXTS

TAGS = ReasoningTags(open="<think>", close="</think>")
Load = Callable[..., PromptTokenizer]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> PromptTokenizer:
    """A published SentencePiece tokenizer with byte fallback, whose texts lose their first blank."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "tokenizer.model").write_bytes(train(vocab_size=340, byte_fallback=True))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "InternLMTokenizer"}))
    (folder / "config.json").write_text("{}")
    values = {"name": "tiny", "title": "Tiny", "weights": str(folder), "context_length": 512, "licence": "none"}
    return load_tokenizer(Card.model_validate(values))


def shown(tokenizer: PromptTokenizer, ids: Sequence[int], *, skip_special: bool) -> list[str]:
    """The certain text behind each token."""
    growing = GrowingText(tokenizer, skip_special=skip_special)
    return [growing.of(ids[:count]) for count in range(1, len(ids) + 1)]


def assert_certain(tokenizer: PromptTokenizer, ids: Sequence[int]) -> None:
    """What is shown at each token is in the text of these tokens, and only grows."""
    for skip_special in (False, True):
        texts = shown(tokenizer, ids, skip_special=skip_special)
        assert tokenizer.decode(ids, skip_special=skip_special).startswith(texts[-1])
        assert all(after.startswith(before) for before, after in pairwise(texts))


def with_specials(tokenizer: PromptTokenizer) -> list[int]:
    """Words, then many special tokens, which have no text where they are skipped, then words with blanks."""
    return [*tokenizer.encode("so"), *[tokenizer.eos_ids[0]] * 70, *tokenizer.encode(" word" * 3)]


@pytest.mark.parametrize("shape", cases(TOKENIZERS))
def test_texts_of_every_tokenizer_only_grow_and_come_whole(shape: Shape, wild_tokenizer: Load) -> None:
    """Of any tokens, half characters and special ones included; a text that ends in a letter is shown whole."""
    tokenizer, draw = wild_tokenizer(shape.name), random.Random(5)

    for length in (3, 120):
        assert_certain(tokenizer, draw.choices(range(len(tokenizer)), k=length))
    assert_certain(tokenizer, with_specials(tokenizer))
    for text in TEXTS:
        ids = tokenizer.encode(text[:80] + ".end")
        assert_certain(tokenizer, ids)
        assert tokenizer.decode(ids, skip_special=False) == shown(tokenizer, ids, skip_special=False)[-1]


def test_texts_of_a_published_tokenizer_only_grow_and_come_whole(published: PromptTokenizer) -> None:
    """Its bytes and blanks are SentencePiece's own."""
    draw = random.Random(5)

    for length in (3, 120):
        assert_certain(published, draw.choices(range(3, 340), k=length))
    assert_certain(published, with_specials(published))
    for text in TEXTS:
        ids = published.encode(text[:80] + "end")
        assert_certain(published, ids)
        assert published.decode(ids, skip_special=False) == shown(published, ids, skip_special=False)[-1]


def partials(
    tokenizer: PromptTokenizer, text: str, *, prompt: str = "So?", ends: bool = True, **fields: Any
) -> tuple[list[PartialAnswer], str, str | None]:
    """What is shown of a model that says this, and the answer and thoughts that are made of it in the end."""
    request = GenerationRequest(0, token_array(tokenizer.encode(prompt)), 900, **fields)
    end = answer_end(request, tokenizer, frozenset(tokenizer.eos_ids))
    ids: list[int] = []
    found = []
    for token in [*tokenizer.encode(text), *(tokenizer.eos_ids if ends else ())]:
        ids.append(token)
        is_over = end.reached(ids)
        if (partial := end.partial(ids)) is not None:
            found.append(partial)
        if is_over:
            break
    parts = end.parts(ids)
    return found, parts.text, parts.reasoning


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("<think>The river.</think>\n\nBy it.", "So?"),
        ("The river.</think>\n\nBy it.", "So?<think>\n"),
        ("\n<think>The river.</think>\n\nBy it.", "So?<think>\n"),
        ("<think>The river.", "So?"),
        ("<think>a</think>b <think>c</think> d", "So?"),
        ("<think>a</think>\n", "So?"),
        ("By it, not by <b>.", "<think>\n\n</think>\n\n"),
        ("\n By it.", "So?<think>\n\n</think>\n\n"),
        ("<think></think>By it.", "So?"),
        ("<thin air", "So?<think></think>"),
        ("\n", "So?<think>"),
        ("", "So?<think>"),
    ],
)
@pytest.mark.parametrize("shape", ["thoughts", "full stop merged"])
def test_thoughts_grow_before_the_answer(wild_tokenizer: Load, shape: str, text: str, prompt: str) -> None:
    """Whether a tag is one token or several; both texts are beginnings of what the whole answer says."""
    found, answer, reasoning = partials(wild_tokenizer(shape), text, prompt=prompt, thoughts=ThoughtRule(TAGS))

    assert 1 == found[0].output_tokens
    for before, after in pairwise(found):
        assert after.text.startswith(before.text)
        assert (after.reasoning or "").startswith(before.reasoning or "")
    assert answer.startswith(found[-1].text)
    assert (reasoning or "").startswith(found[-1].reasoning or "")
    if answer.strip():
        assert answer == found[-1].text
        assert (reasoning or "") == (found[-1].reasoning or "")
    if answer and reasoning:
        assert any(each.reasoning == reasoning and not each.text for each in found)


def test_thoughts_that_nothing_opened_are_held_back_until_they_are_known(wild_tokenizer: Load) -> None:
    """Only the tag that ends them tells; behind thoughts that the prompt closed, what was shown is not taken back."""
    tokenizer, text = wild_tokenizer("thoughts"), "The river.</think>\n\nBy it."

    found, *whole = partials(tokenizer, text, thoughts=ThoughtRule(TAGS))
    closed, *_ = partials(tokenizer, text, prompt="So?<think></think>", thoughts=ThoughtRule(TAGS))

    assert ["By it.", "The river."] == whole == [found[-1].text, found[-1].reasoning]
    assert not any(each.text for each in found if each.reasoning is None)
    assert ("The river.", None) == (closed[-1].text, closed[-1].reasoning)


def test_what_may_become_a_stop_string_is_held_back(wild_tokenizer: Load) -> None:
    """Of two that overlap the longer; what was none after all is shown."""
    tokenizer = wild_tokenizer("full stop in bytes")

    found, answer, _ = partials(tokenizer, "one ## two #\n### three", stop=("###", "\n###!"))
    texts = [each.text for each in found]

    assert "one ## two #\n" == answer
    assert "one ## two #" == texts[-1]
    assert "one " in texts
    assert not {"one #", "one ##"} & set(texts)


def test_a_token_of_a_long_answer_costs_what_one_of_a_short_one_costs(
    wild_tokenizer: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in tokens that are decoded: some hundred for each, not all of the answer."""
    tokenizer, decoded = wild_tokenizer("sentencepiece"), [0]
    ids = (tokenizer.encode(TEXTS[3] + TEXTS[4]) * 60)[:4000]
    decode = tokenizer.decode

    def counted(given: Sequence[int], *, skip_special: bool) -> str:
        decoded[0] += len(given)
        return decode(given, skip_special=skip_special)

    monkeypatch.setattr(tokenizer, "decode", counted)
    growing = GrowingText(tokenizer, skip_special=False)
    for count in range(1, len(ids) + 1):
        text = growing.of(ids[:count])

    assert decode(ids, skip_special=False).startswith(text)
    assert len(decode(ids, skip_special=False)) - len(text) < 8
    assert decoded[0] / len(ids) < 200
