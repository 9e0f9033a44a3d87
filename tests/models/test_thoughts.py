"""Thoughts on tokens: where they end, what ends an answer, whose budget is spent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cards import ReasoningTags
from evalkit.models import Completion, GenerationRequest, ThoughtRule, answer_end, answer_greedily
from evalkit.prompts import KNOWN_TAGS, PromptTokenizer, split_reasoning, token_array
from evalkit.tasks import StopRule

TAGS = ReasoningTags(open="<think>", close="</think>")
LINE = StopRule(ends_at_token_of="\n", min_new_tokens=1)
Load = Callable[..., PromptTokenizer]


@pytest.fixture
def thinker(wild_tokenizer: Load) -> PromptTokenizer:
    """A tokenizer with a token for each tag."""
    return wild_tokenizer("thoughts")


def request(tokenizer: PromptTokenizer, prompt: str = "So?", limit: int = 60, **fields: Any) -> GenerationRequest:
    """A request of a model that thinks."""
    rule = fields.pop("thoughts", ThoughtRule(TAGS))
    return GenerationRequest(0, token_array(tokenizer.encode(prompt)), limit, thoughts=rule, **fields)


def answered(tokenizer: PromptTokenizer, text: str, ends: bool = True, **fields: Any) -> Completion:
    """What is made of a model that says this, and then ends the text or goes on for ever."""
    asked = request(tokenizer, **fields)
    said = tokenizer.encode(text) + ([*tokenizer.eos_ids] if ends else tokenizer.encode(" on") * 99)
    return answer_greedily(asked, tokenizer, frozenset(tokenizer.eos_ids), lambda done, _: said[len(done)])


def outcome(done: Completion) -> tuple[str, str | None, str, str | None]:
    """What of a completion is recorded beside its counts."""
    return done.text, done.reasoning, done.finish_reason, done.lost_to


@pytest.mark.parametrize(
    ("text", "prompt", "expected"),
    [
        ("<think>The river.</think>\n\nBy it.", "So?", ("By it.", "The river.", "stop", None)),
        ("The river.</think>\n\nBy it.", "So?<think>\n", ("By it.", "The river.", "stop", None)),
        ("The river.</think>By it.", "So?", ("By it.", "The river.", "stop", None)),
        ("<think>The river.", "So?", ("", "The river.", "stop", "reasoning")),
        ("<think>a</think>b <think>c</think> d", "So?", ("b <think>c</think> d", "a", "stop", None)),
        ("<think>a</think>\n", "So?", ("", "a", "stop", "reasoning")),
        ("By it.", "<think>\n\n</think>\n\n", ("By it.", None, "stop", None)),
        ("\n By it.", "So?", ("\n By it.", None, "stop", None)),
        ("<think></think>By it.", "So?", ("By it.", "", "stop", None)),
        ("<think> </think>", "So?", ("", " ", "stop", None)),
        ("\n", "So?<think>", ("", "\n", "stop", "reasoning")),
        ("", "So?<think>", ("", "", "stop", "reasoning")),
    ],
)
def test_thoughts_are_no_part_of_the_answer(
    thinker: PromptTokenizer, text: str, prompt: str, expected: tuple[str, ...]
) -> None:
    """Whoever wrote the first tag; an answer that thoughts left nothing of is lost to them."""
    assert expected == outcome(answered(thinker, text, prompt=prompt))


def test_a_tag_spelt_out_is_text(thinker: PromptTokenizer) -> None:
    """Where the tags are tokens, only these are tags."""
    spelt = [token for part in ("</", "thi", "nk>") for token in thinker.encode(part)]
    said = [*thinker.encode("<think>a"), *spelt, *thinker.encode("b</think>c"), *thinker.eos_ids]

    done = answer_greedily(request(thinker), thinker, frozenset(thinker.eos_ids), lambda made, _: said[len(made)])

    assert ("c", "a</think>b", "stop", None) == outcome(done)


def test_nothing_of_a_protocol_ends_thoughts(thinker: PromptTokenizer) -> None:
    """Stop strings and end tokens count from the answer's first sign, not in the blanks before it."""
    text = "<think>One.\nTwo.\n</think>\n\nThree.\nFour."

    by_string = answered(thinker, text, ends=False, stop=("\n",))
    by_token = answered(thinker, text, ends=False, stop_rule=LINE)

    assert ("Three.", "One.\nTwo.\n", "stop", None) == outcome(by_string)
    assert ("Three.\n", "stop") == (by_token.text, by_token.finish_reason)


def test_thoughts_and_answer_have_budgets_of_their_own(thinker: PromptTokenizer) -> None:
    """Short thoughts leave the answer no more than its limit; long ones end at theirs."""
    rule = ThoughtRule(TAGS, budget=20)
    short = answered(thinker, "<think>a</think>b", ends=False, limit=28, thoughts=rule)
    long = answered(thinker, "<think>a", ends=False, limit=28, thoughts=rule)
    none = answered(thinker, "b", ends=False, limit=28, thoughts=rule)

    assert (8, "length", None) == (
        short.output_tokens - (short.reasoning_tokens or 0),
        short.finish_reason,
        short.lost_to,
    )
    assert (20, "length", "reasoning") == (long.output_tokens, long.finish_reason, long.lost_to)
    assert (8, "length", None) == (none.output_tokens, none.finish_reason, none.lost_to)


def test_thoughts_that_end_with_their_last_token_are_answered(thinker: PromptTokenizer) -> None:
    """A budget of as many tokens as the thoughts take is enough."""
    thoughts = thinker.encode("<think>a b</think>")

    done = answered(
        thinker, "<think>a b</think>yes", limit=len(thoughts) + 4, thoughts=ThoughtRule(TAGS, len(thoughts))
    )

    assert ("yes", "a b", "stop", None) == outcome(done)


def test_without_a_budget_they_share_the_limit(thinker: PromptTokenizer) -> None:
    """As before there were budgets."""
    done = answered(thinker, "<think>a", ends=False, limit=12)

    assert (12, "length", "reasoning") == (done.output_tokens, done.finish_reason, done.lost_to)


def test_least_tokens_count_from_the_answer(thinker: PromptTokenizer) -> None:
    """What must not come first must not come first in the answer; thoughts may hold it."""
    end = answer_end(request(thinker, stop_rule=LINE), thinker, frozenset(thinker.eos_ids))
    made = thinker.encode("<think>\n</think>")

    assert set(thinker.eos_ids) == end.forbidden(0)
    assert not end.reached(made)
    assert end.reached([*made, *thinker.encode("a"), *thinker.encode("\n")])


def test_tags_of_several_tokens_are_found_in_the_text(wild_tokenizer: Load) -> None:
    """gpt-oss writes its channels in three tokens each; the answer may begin inside the last of them."""
    tokenizer = wild_tokenizer("thoughts in channels")
    rule = ThoughtRule(KNOWN_TAGS[-1], budget=90)
    text = "<|channel|>analysis<|message|>Hm.\n<|end|><|start|>assistant<|channel|>final<|message|>Yes.\nNo."

    done = answered(tokenizer, text, limit=200, thoughts=rule, stop=("\n",))
    direct = answered(tokenizer, "<|channel|>final<|message|>Yes.", limit=200, thoughts=rule)

    assert ("Yes.", "Hm.\n<|end|><|start|>assistant", "stop", None) == outcome(done)
    assert ("Yes.", "", "stop", None) == outcome(direct)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_an_opening_tag_of_several_tokens_fits_the_shortest_answer(wild_tokenizer: Load, limit: int) -> None:
    """Its tokens are those of the thoughts, also before it is complete; answers that only begin like it are no longer.

    A limit of one token is that of questions whose answer is a letter.
    """
    tokenizer = wild_tokenizer("thoughts in channels")
    rule = ThoughtRule(KNOWN_TAGS[-1], budget=90)
    text = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>B"

    done = answered(tokenizer, text, limit=90 + limit, thoughts=rule)
    about = "<|channel|> comes first of all"
    alike = answered(tokenizer, about, limit=90 + limit, thoughts=rule)

    assert ("B", "Hm.<|end|><|start|>assistant", None) == (done.text, done.reasoning, done.lost_to)
    assert tokenizer.decode(tokenizer.encode(about)[:limit], skip_special=False) == alike.text
    assert "length" == alike.finish_reason


def test_blanks_before_the_opening_tag_are_no_answer(thinker: PromptTokenizer) -> None:
    """Where the answer may have one token alone."""
    done = answered(thinker, "\n<think>Hm.</think>B", limit=41, thoughts=ThoughtRule(TAGS, budget=40))

    assert ("B", "Hm.", None) == (done.text, done.reasoning, done.lost_to)


PIECES = st.sampled_from(["<think>", "</think>", " ", "\n\n", "So", " river", "é", "12"])


@given(st.lists(PIECES, max_size=9).map("".join), st.booleans())
def test_tokens_and_texts_are_read_alike(shared: PromptTokenizer, text: str, is_open: bool) -> None:
    """What the adapters find token by token is what the finished text says."""
    asked = request(shared, "So?<think>\n" if is_open else "So?")
    end = answer_end(asked, shared, frozenset(shared.eos_ids))
    ids = shared.encode(text)

    found = end.parts(ids)

    split = split_reasoning(text, TAGS, is_open)
    assert (split.answer, split.reasoning) == (found.text, found.reasoning)
    assert found == answer_end(asked, shared, frozenset(shared.eos_ids)).parts(ids)


@given(st.lists(PIECES, min_size=1, max_size=9).map("".join), st.booleans(), st.integers(1, 9))
def test_budgets_are_never_passed(shared: PromptTokenizer, text: str, is_open: bool, budget: int) -> None:
    """Neither that of the thoughts nor that of the answer, nor both together."""
    prompt = "So?<think>\n" if is_open else "So?"
    rule = ThoughtRule(TAGS, budget)

    done = answered(shared, text, ends=False, prompt=prompt, limit=budget + 4, thoughts=rule)

    assert done.output_tokens <= budget + 4
    whole = done.text.replace("\ufffd", "")  # a letter cut in half is three tokens when it is encoded again
    assert len(shared.encode(whole)) <= 4 + 1  # a text encoded again may split otherwise
    assert done.lost_to is None or done.text.strip() == ""


@pytest.fixture(scope="module")
def shared(wild_tokenizer_folder: Any) -> PromptTokenizer:
    """The same for tests that draw many examples."""
    from evalkit.cards import Card
    from evalkit.prompts import load_tokenizer

    folder = str(wild_tokenizer_folder("thoughts"))
    values = {"name": "wild", "title": "Wild", "weights": folder, "licence": "none", "context_length": 4096}
    return load_tokenizer(Card.model_validate(values))
