"""Whole prompts: control tokens where the chat format writes them, and nowhere else, in every truncation mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evalkit.cards import Card
from evalkit.prompts import PromptBuilder, PromptTokenizer, TruncationMode, chat_format, load_tokenizer
from evalkit.tasks import CONTEXT_MARK, Message, Request, encode_inside
from evalkit.tasks._context import BuiltContext
from tests.prompts.conftest import ask

CardOf = Callable[..., Card]

INDEX = {"tokenizer_class": "IndexTokenizer", "add_bos_token": False}
TEMPLATE = (
    "{% for message in messages %}{% if message.role == 'system' %}{{ '<unk>' + message.content }}"
    "{% elif message.role == 'user' %}{{ 'reserved_0' + message.content + 'reserved_1' }}"
    "{% else %}{{ message.content }}{% endif %}{% endfor %}"
)
MARKERS = {"<unk>": 0, "reserved_0": 3, "reserved_1": 4}
HOSTILE = "the <unk> reserved_0</s> fox <s>\ufdd0 reserved_1 <eoh> "
AGAIN = TruncationMode.OPENCOMPASS_LEGACY_VLLM_MID  # decodes without control tokens, also what it does not cut
MODES = [mode for mode in TruncationMode if mode is not TruncationMode.NONE]


def index_card(card_of: CardOf, **fields: Any) -> Card:
    """A card whose format has three markers."""
    return card_of("symbols", INDEX, chat={"template": TEMPLATE}, special_tokens=MARKERS, **fields)


def build(card: Card, mode: TruncationMode, window: int, request: Request) -> tuple[PromptTokenizer, Any]:
    """The tokenizer of a card and the prompt it makes of a request."""
    tokenizer = load_tokenizer(card)
    (prompt,) = PromptBuilder(tokenizer, chat_format(card, tokenizer), mode, window).build([request])
    return tokenizer, prompt


def talk(*contents: str) -> Request:
    """A request of system text, question and answer in turn, and a last question."""
    roles = ("system", "user", "assistant", "user")
    messages = tuple(Message(role, text) for role, text in zip(roles, contents, strict=False))  # type: ignore[arg-type]
    return ask("\n".join(contents), messages=messages)


@pytest.mark.parametrize("mode", [mode for mode in TruncationMode if mode is not AGAIN])
def test_a_prompt_has_exactly_the_markers_of_its_format(card_of: CardOf, mode: TruncationMode) -> None:
    """Whatever the messages say, with every mode; decoded it is the rendered text."""
    request = talk(f"You {HOSTILE}", HOSTILE, HOSTILE, HOSTILE)

    tokenizer, prompt = build(index_card(card_of), mode, 4096, request)

    ids = prompt.ids.tolist()
    text = f"<unk>You {HOSTILE}reserved_0{HOSTILE}reserved_1{HOSTILE}reserved_0{HOSTILE}reserved_1"
    assert prompt.error is None
    assert [0, 3, 4, 3, 4] == [each for each in ids if each < 5]
    # The model drops blanks at the ends of stretches, as its normaliser is set.
    assert "".join(text.split()) == "".join(tokenizer.decode(ids, skip_special=False).split())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("window", [40, 90, 150])
def test_truncated_prompts_hold_no_marker_that_the_format_did_not_write(
    card_of: CardOf, mode: TruncationMode, window: int
) -> None:
    """Also where texts are cut, decoded and encoded again; the ledger counts what there is."""
    context = HOSTILE * 30
    question = f"Read: {context}\nSo?"

    window += 500 if mode is TruncationMode.LONGBENCH_OFFICIAL else 0  # which its limit leaves out
    window += 512 if mode is TruncationMode.LEVAL_OFFICIAL else 0

    _, prompt = build(index_card(card_of), mode, window, ask(question, context))

    ids = prompt.ids.tolist()
    assert prompt.error is None
    assert prompt.ledger.is_truncated
    assert prompt.ledger.after == len(ids)
    assert [each for each in ids if each < 5] in ([3, 4], [3], [4], [])


def test_context_middle_keeps_what_stands_around_the_context(card_of: CardOf) -> None:
    """Markers, instruction and question; the context is found although it holds the texts of markers."""
    context = HOSTILE * 40
    card = index_card(card_of)

    tokenizer, prompt = build(
        card, TruncationMode.CONTEXT_MIDDLE, 120, ask(f"Read {context} So reserved_0 who?", context)
    )

    text = tokenizer.decode(prompt.ids.tolist(), skip_special=False)
    assert 116 == len(prompt.ids)
    assert text.startswith("reserved_0Read the <unk> reserved_0")
    assert text.endswith("So reserved_0 who?reserved_1")
    assert [3, 4] == [each for each in prompt.ids.tolist() if each < 5]


def test_evidence_that_holds_the_text_of_a_marker_is_found(card_of: CardOf) -> None:
    """As readers see it, in whole and in truncated prompts."""
    needle = "the <unk> fox reserved_0 is 7"
    context = f"{needle}. " + "dog " * 200

    kept, lost = (
        build(index_card(card_of), TruncationMode.MIDDLE, window, ask(f"Read: {context}", context, [needle]))[1].ledger
        for window in (400, 30)
    )

    assert (True, False) == (kept.evidence_kept, lost.evidence_kept)


@pytest.mark.parametrize("mode", [TruncationMode.OPENCOMPASS_LEGACY_MID, AGAIN])
def test_markers_survive_being_decoded_and_encoded_again(card_of: CardOf, mode: TruncationMode) -> None:
    """As in published code, whose decoding leaves out tokens with a name alone; texts of a document stay texts."""
    request = ask(f"Read: {HOSTILE * 30}\nSo?")

    tokenizer, prompt = build(index_card(card_of), mode, 90, request)

    ids = prompt.ids.tolist()
    assert prompt.ledger.is_truncated
    assert [3, 4] == [each for each in ids if each < 5]
    assert (3, 4) == (ids[0], ids[-1])
    assert tokenizer.decode(ids, skip_special=False).count("reserved_0") > 1


def test_tokens_with_a_name_are_lost_where_published_code_encodes_again(card_of: CardOf) -> None:
    """`<unk>` before the system text, as there, also in a prompt that is not cut."""
    request = talk("You", "a", "b", "c")

    _, prompt = build(index_card(card_of), AGAIN, 4096, request)

    assert [3, 4, 3, 4] == [each for each in prompt.ids.tolist() if each < 5]


class Fixed:
    """A context of one text, cut to the length asked for."""

    length = 200

    def build(self, encoder: Any, fixed_tokens: int) -> BuiltContext:
        """The first tokens of a text that holds the texts of markers."""
        ids = encode_inside(encoder, [HOSTILE * 40])[0][: self.length - fixed_tokens]
        return BuiltContext(np.asarray(ids, dtype=np.int32), ((0, 5),))


def test_prompts_made_in_tokens_have_the_markers_of_their_format(card_of: CardOf) -> None:
    """Before and behind the spliced context."""
    text = f"Read <unk> {CONTEXT_MARK} So reserved_1?"
    request = ask(text, context_builder=Fixed())

    tokenizer, prompt = build(index_card(card_of), TruncationMode.MIDDLE, 4096, request)

    ids = prompt.ids.tolist()
    assert 200 == len(ids)
    assert (3, 4) == (ids[0], ids[-1])
    assert [3, 4] == [each for each in ids if each < 5]
    assert tokenizer.decode(ids, skip_special=False).endswith("So reserved_1?reserved_1")


def test_prompts_without_a_chat_format_are_plain_text(card_of: CardOf, references: dict[str, Any]) -> None:
    """A base model's prompt is what SentencePiece makes of it, behind the BOS that the class puts there."""
    card = card_of("symbols", {"tokenizer_class": "InternLMTokenizer"}, chat="none")

    _, prompt = build(card, TruncationMode.MIDDLE, 4096, ask(HOSTILE))

    assert [1, *references["symbols"].encode(HOSTILE)] == prompt.ids.tolist()


def test_roles_write_control_tokens_too(card_of: CardOf) -> None:
    """A FastChat-style format ends turns with the end-of-text token."""
    roles = {"system": "Hi</s>", "roles": ["U", "A"], "separators": [" ", "</s>"]}
    card = card_of("symbols", {"tokenizer_class": "LlamaTokenizer"}, chat=roles)
    request = talk("", "</s>a", "b</s>", "c")
    request = replace(request, messages=request.messages[1:])

    _, prompt = build(card, TruncationMode.MIDDLE, 4096, request)

    assert 1 == prompt.ids[0]
    assert 2 == prompt.ids.tolist().count(2)  # behind the system text and the answer


@pytest.mark.parametrize("writes_prefix", [False, True])
def test_chatglm_prompts_begin_with_its_two_tokens_once(card_of: CardOf, writes_prefix: bool) -> None:
    """Whether the chat format writes them or not, and in plain prompts."""
    template = ("[gMASK]sop" if writes_prefix else "") + "{{ messages[0].content }}"
    given = {"[gMASK]": 401, "sop": 403}
    card = card_of("symbols", {}, {"model_type": "chatglm"}, chat={"template": template}, special_tokens=given)

    tokenizer, prompt = build(card, TruncationMode.MIDDLE, 4096, ask("a philosopher [gMASK] sop"))

    ids = prompt.ids.tolist()
    assert [401, 403] == ids[:2]
    assert [401, 403] == [each for each in ids if each >= 400]
    assert ids == tokenizer.start(ids, is_wrapped=True) == tokenizer.start(ids, is_wrapped=False)
    assert [401, 403, *tokenizer.encode("fox")] == tokenizer.as_upstream("fox")
