"""Prompts whose context is made in tokens: as long as asked for, and cut as token ranges with their needles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from evalkit.errors import UserError
from evalkit.prompts import ChatFormat, Prompt, PromptBuilder, PromptTokenizer, Range, token_array
from evalkit.tasks import CONTEXT_MARK, BuiltContext, Encoder, Message, Request

Ask = Callable[..., Request]
NewBuilder = Callable[..., PromptBuilder]

NEW = 4  # generation limit of every request below
LENGTH = 100
HAY, NEEDLE = 5, 6  # token ids; a second needle has the next one
TEXT = f"Read: {CONTEXT_MARK}\nSo?"


class Grass(NamedTuple):
    """A context of one token again and again, with needles of four tokens at these places of it."""

    needles: tuple[int, ...] = (40,)
    length: int = LENGTH

    def build(self, encoder: Encoder, fixed_tokens: int) -> BuiltContext:  # noqa: ARG002
        ids = [HAY] * (self.length - fixed_tokens)
        for number, start in enumerate(self.needles):
            ids[start : start + 4] = [NEEDLE + number] * 4
        return BuiltContext(token_array(ids), tuple((start, start + 4) for start in self.needles))


def spliced(builder: PromptBuilder, request: Request, context: Any) -> Prompt:
    """The prompt of a request with its context made."""
    (prompt,) = builder.build([replace(request, context_builder=context)])
    return prompt


@pytest.mark.parametrize("chat", [ChatFormat("none"), ChatFormat("template")], ids=["base model", "chat model"])
def test_the_context_stands_where_the_mark_stood(
    tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask, chat: ChatFormat
) -> None:
    """As many tokens as asked for, chat format and one BOS included; what stands around the context is untouched."""
    prompt = spliced(new_builder("middle", 200, chat), request_for(TEXT), Grass())

    before, after = ("Read: ", "\nSo?") if chat.kind == "none" else ("[user] Read: ", "\nSo?\n[assistant]")
    ids = prompt.ids.tolist()
    first, last = ids.index(HAY), LENGTH - ids[::-1].index(HAY)
    assert LENGTH == len(ids)
    assert f"<s>{before}" == tokenizer.decode(ids[:first], skip_special=False)
    assert after == tokenizer.decode(ids[last:], skip_special=False)
    assert {HAY, NEEDLE} == set(ids[first:last])
    assert prompt.ledger is not None
    assert (LENGTH, LENGTH, (Range(0, LENGTH),), True) == (
        prompt.ledger.before, prompt.ledger.after, prompt.ledger.kept, prompt.ledger.evidence_kept,
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["middle", "context-middle", "index", "opencompass-left", "opencompass-drop-middle"])
@pytest.mark.parametrize("needles", [(0,), (40,), (0, 40)])
def test_a_needle_is_inside_only_where_all_its_tokens_are(
    new_builder: NewBuilder, request_for: Ask, mode: str, needles: tuple[int, ...]
) -> None:
    """At every window: a needle cut through its middle is lost, however much of it the model still sees."""
    for window in range(30 + NEW, LENGTH + NEW + 1):
        prompt = spliced(new_builder(mode, window), request_for(TEXT), Grass(needles))

        ids = prompt.ids.tolist()
        lost = tuple(number for number in range(len(needles)) if ids.count(NEEDLE + number) < 4)
        assert prompt.ledger is not None
        assert (not lost, lost) == (prompt.ledger.evidence_kept, prompt.ledger.evidence_lost)
    assert not lost


def test_context_middle_cuts_nothing_but_the_context(
    tokenizer: PromptTokenizer, new_builder: NewBuilder, request_for: Ask
) -> None:
    """Instruction and question stand whole around what is left of it, and the window is filled."""
    for window in range(30 + NEW, LENGTH + NEW + 1):
        prompt = spliced(new_builder("context-middle", window), request_for(TEXT), Grass())

        text = tokenizer.decode(
            [token for token in prompt.ids.tolist() if token not in (HAY, NEEDLE)], skip_special=True
        )
        assert ("Read: \nSo?", window - NEW) == (text, len(prompt.ids))


def test_without_needles_nothing_is_said_of_them(new_builder: NewBuilder, request_for: Ask) -> None:
    """Unknown is not kept."""
    prompt = spliced(new_builder("middle", 50), request_for(TEXT), Grass(needles=()))

    assert prompt.ledger is not None
    assert prompt.ledger.evidence_kept is None


@pytest.mark.parametrize("text", ["Read: \nSo?", f"{CONTEXT_MARK} and {CONTEXT_MARK}"])
def test_a_template_that_shows_the_message_never_or_twice_is_refused(
    new_builder: NewBuilder, request_for: Ask, text: str
) -> None:
    """Where the context belongs could only be guessed."""
    request = request_for(text, messages=(Message("user", text),))

    with pytest.raises(UserError, match="does not show each message once"):
        spliced(new_builder("middle", 200), request, Grass())


def test_what_the_request_asks_of_the_answer_is_kept(new_builder: NewBuilder, request_for: Ask) -> None:
    """Its task, its step, its stop strings and its limit."""
    prompt = spliced(new_builder("middle", 200), request_for(TEXT, step=1, stop=("\n",)), Grass())

    assert ("toy/tales/0", "tales", 1, ("\n",), NEW) == (
        prompt.sample_id, prompt.task, prompt.step, prompt.stop, prompt.max_new_tokens,
    )  # fmt: skip
