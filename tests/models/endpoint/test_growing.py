"""What is shown of an answer under way is the beginning of what is recorded of it, whatever the model generates."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from evalkit.cards import ReasoningTags
from evalkit.models import GenerationRequest, ThoughtRule
from evalkit.models._cutting import certain_part
from evalkit.models.endpoint._answers import ReplyReader
from evalkit.models.endpoint._growing import GrowingAnswer
from evalkit.models.endpoint.protocol import Reply, Usage
from evalkit.prompts import PromptTokenizer, token_array
from tests.models.endpoint.byte_tokenizer import Bytes

TAGS = ReasoningTags(open="<think>", close="</think>")
RULES = [None, ThoughtRule(), ThoughtRule(TAGS), ThoughtRule(TAGS, 16), ThoughtRule(None, 16)]
WORDS = [
    "<think>",
    "</think>",
    "[THINK]",
    "[/THINK]",
    "<",
    "</",
    "think",
    ">",
    "ab",
    "abc",
    "x",
    " ",
    "\n",
    "☕",
    "\ufffd",
]
CLOSED = "So?<think>\n</think>\n"
"""Behind this an answer is shown at once, so that it must not turn out to be thoughts after all."""
STOP = ("abab", "bc☕", "\n\n")


@pytest.mark.parametrize(
    ("text", "ends", "sure"),
    [
        ("abc", ("cd",), "ab"),
        ("abcd", ("cd", "bcde"), "a"),
        ("abcdx", ("cd", "bcde"), "ab"),
        ("aab", ("aac", "abab"), "a"),
        ("x\ufffd", ("x☕",), ""),
        ("x\ufffdy", ("z",), "x\ufffdy"),
        ("abc", (), "abc"),
    ],
)
def test_the_certain_part_of_a_text(text: str, ends: tuple[str, ...], sure: str) -> None:
    """Whatever follows, the whole text cut at the first of its ends begins with it."""
    assert sure == certain_part(text, ends)


@given(
    st.sampled_from(RULES),
    st.lists(st.sampled_from(WORDS), max_size=12),
    st.sampled_from(["So?", "So?<think>\n", CLOSED]),
    st.booleans(),
    st.booleans(),
    st.integers(1, 5),
)
@example(ThoughtRule(TAGS), ["<", "<think>", "x", "</think>", " ", "x"], "So?", True, False, 1)
@example(ThoughtRule(TAGS), ["\n", "<think>", "x"], "So?<think>\n", False, False, 1)
@example(ThoughtRule(TAGS), ["<think>", "x"], CLOSED, True, False, 1)
@example(ThoughtRule(None, 16), ["[THINK]", "</think>"], "So?", False, False, 1)
@example(ThoughtRule(TAGS, 16), ["[THINK]", "[THINK]", "</think>", "<think>"], "So?", True, False, 1)
@example(ThoughtRule(TAGS, 16), ["<", "<", *["<think>"] * 3, "</", "☕", "☕"], "So?", False, False, 1)
def test_texts_only_grow(
    rule: ThoughtRule | None, words: list[str], prompt: str, has_ids: bool, is_formatted_there: bool, step: int
) -> None:
    """To the text and the thoughts that the whole answer is read to have."""
    assume(prompt != CLOSED or "</think>" not in "".join(words))
    reader = ReplyReader(PromptTokenizer(Bytes()), is_formatted_there=is_formatted_there)
    reader.is_asking_ids = has_ids
    request = GenerationRequest(0, token_array(list(prompt.encode())), 48, STOP, thoughts=rule)
    generated = "".join(words).encode()[:48]
    text = generated.decode(errors="ignore")
    whole = Reply(
        text, "stop" if len(generated) < 48 else "length", "toy", Usage(), tuple(generated) if has_ids else None
    )
    whole = replace(whole, token_ids=(*generated, 0)) if has_ids and whole.finish == "stop" else whole
    growing = GrowingAnswer(reader, request, str, is_parsed_there=False)

    shown = [
        found
        for place, count in enumerate(range(step, len(generated) + 1, step), 1)
        if (found := growing.take(_so_far(whole, generated, text, count), place)) is not None
    ]

    parts = reader.parts(request, whole).parts
    texts = [each.text for each in shown] + [parts.text]
    thoughts = [each.reasoning or "" for each in shown] + [parts.reasoning or ""]
    for column in (texts, thoughts):
        assert all(after.startswith(before) for before, after in itertools.pairwise(column))


def _so_far(whole: Reply, generated: bytes, text: str, count: int) -> Reply:
    """The answer when that many bytes have come."""
    begun = generated[:count].decode(errors="ignore")
    assert text.startswith(begun)
    ids = None if whole.token_ids is None else tuple(generated[:count])
    return replace(whole, finish="unknown", text=begun, token_ids=ids)
