"""Thoughts and answer of a text: what is which, whatever a model writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cards import ReasoningTags
from evalkit.prompts import KNOWN_TAGS, Split, split_reasoning

TAGS = ReasoningTags(open="<think>", close="</think>")
PIECES = st.sampled_from(["<think>", "</think>", "<", "think>", " ", "\n\n", "So", "By the river.", "é", "</"])
TEXTS = st.lists(PIECES, max_size=8).map("".join)


@pytest.mark.parametrize(
    ("text", "is_open", "expected"),
    [
        ("<think>The river.</think>\n\nBy it.", False, Split("The river.", "By it.", True)),
        ("The river.</think>\n\nBy it.", True, Split("The river.", "By it.", True)),
        ("<think>The river.</think>By it.", True, Split("The river.", "By it.", True)),
        (" \n<think>a</think>b", False, Split("a", "b", True)),
        ("The river.</think>By it.", False, Split("The river.", "By it.", True)),
        ("<think>The river", False, Split("The river", "", False)),
        ("The river", True, Split("The river", "", False)),
        ("<think>a</think>b <think>c</think> d", False, Split("a", "b <think>c</think> d", True)),
        ("<think>a</think></think>b", False, Split("a", "</think>b", True)),
        ("Write <think>x</think> around it", False, Split(None, "Write <think>x</think> around it", True)),
        ("By the river.", False, Split(None, "By the river.", True)),
        ("<think>a</think>", False, Split("a", "", True)),
        ("<think></think>b", False, Split("", "b", True)),
        ("", False, Split(None, "", True)),
        ("", True, Split("", "", False)),
    ],
)
def test_a_text_is_thoughts_and_an_answer(text: str, is_open: bool, expected: Split) -> None:
    """Both tags, one of them, none; tags inside the answer; nothing behind the thoughts."""
    assert expected == split_reasoning(text, TAGS, is_open)


def test_channels_are_tags_as_well() -> None:
    """gpt-oss: an answer with thoughts before it, and one without."""
    tags = KNOWN_TAGS[-1]
    thinking = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes"

    assert Split("Hm.<|end|><|start|>assistant", "Yes", True) == split_reasoning(thinking, tags, False)
    assert Split("", "Yes", True) == split_reasoning("<|channel|>final<|message|>Yes", tags, False)


@given(TEXTS, TEXTS, st.booleans())
def test_what_stands_between_the_tags_is_found(thoughts: str, answer: str, is_open: bool) -> None:
    """Whatever the answer says, and whoever wrote the opening tag."""
    thoughts = thoughts.replace("</think>", "").replace("</", "")
    text = ("" if is_open else "<think>") + thoughts + "</think>" + answer

    found = split_reasoning(text, TAGS, is_open)

    begins_again = is_open and thoughts.lstrip().startswith("<think>")
    expected = thoughts.lstrip().removeprefix("<think>") if begins_again else thoughts
    assert Split(expected, answer.lstrip(), True) == found


@given(TEXTS, st.booleans())
def test_nothing_is_made_up_and_no_answer_is_scored_twice(text: str, is_open: bool) -> None:
    """The answer ends the text, thoughts stand before it and close nothing; without thoughts the text is the answer."""
    found = split_reasoning(text, TAGS, is_open)

    assert text.endswith(found.answer)
    if found.reasoning is None:
        assert (text, True) == (found.answer, found.is_closed)
    else:
        assert found.reasoning in text[: len(text) - len(found.answer)]
        assert "</think>" not in found.reasoning
    assert found.is_closed or not found.answer


@given(TEXTS)
def test_an_open_prompt_is_a_text_that_begins_with_the_tag(text: str) -> None:
    """It makes no difference who wrote it."""
    if not text.lstrip().startswith("<think>"):
        assert split_reasoning(f"<think>{text}", TAGS, False) == split_reasoning(text, TAGS, True)


@given(TEXTS, st.sampled_from(KNOWN_TAGS), st.booleans())
def test_tags_of_other_models_are_text(text: str, tags: ReasoningTags, is_open: bool) -> None:
    """Only those in force tell thoughts from answers."""
    if tags != TAGS and not is_open:
        assert Split(None, text, True) == split_reasoning(text, tags, is_open)
