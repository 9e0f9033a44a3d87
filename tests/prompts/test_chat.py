"""Chat wrapping: the tokenizer's template, a card's own, FastChat-style roles, or none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from evalkit.cards import Card
from evalkit.errors import CardError
from evalkit.prompts import PromptTokenizer, chat_format, parse_messages
from evalkit.tasks import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

NewCard = Callable[..., Card]
TALK = (Message("user", "Hello"), Message("assistant", "Hi"), Message("user", "So?"))
VICUNA = {"system": "A chat.", "roles": ["USER", "ASSISTANT"], "separators": [" ", "</s>"]}


def test_the_tokenizers_template_ends_where_the_model_answers(tokenizer: PromptTokenizer, card: NewCard) -> None:
    """The generation prompt is added."""
    wrapped = chat_format(card(chat="tokenizer"), tokenizer).wrap(TALK, tokenizer)

    assert "<s>[user] Hello\n[assistant] Hi\n[user] So?\n[assistant]" == wrapped


def test_a_cards_template_replaces_the_tokenizers(tokenizer: PromptTokenizer, card: NewCard) -> None:
    """The card's text is what is rendered, and its digest is its own."""
    own = {"template": "{% for message in messages %}{{ message.content }}|{% endfor %}"}

    formats = [chat_format(card(chat=chat), tokenizer) for chat in (own, "tokenizer")]

    assert "Hello|Hi|So?|" == formats[0].wrap(TALK, tokenizer)
    assert formats[0].digest != formats[1].digest


def test_roles_are_written_as_fastchat_writes_them(tokenizer: PromptTokenizer, card: NewCard) -> None:
    """System, separator, `ROLE: text` with the separator of its speaker, and an open turn of the model."""
    wrapped = chat_format(card(chat=VICUNA), tokenizer).wrap(TALK, tokenizer)

    assert "A chat. USER: Hello ASSISTANT: Hi</s>USER: So? ASSISTANT:" == wrapped


def test_roles_without_a_system_text_write_no_separator_for_it(tokenizer: PromptTokenizer, card: NewCard) -> None:
    """An empty system text leaves nothing behind."""
    wrapped = chat_format(card(chat=VICUNA | {"system": ""}), tokenizer).wrap(TALK[:1], tokenizer)

    assert "USER: Hello ASSISTANT:" == wrapped


def test_a_system_message_stands_in_place_of_the_roles_own(tokenizer: PromptTokenizer, card: NewCard) -> None:
    """As after FastChat's `set_system_message`: it is no turn of the user."""
    messages = (Message("system", "Be brief."), *TALK[:1])

    wrapped = [
        chat_format(card(chat=VICUNA | own), tokenizer).wrap(messages, tokenizer) for own in ({}, {"system": ""})
    ]

    assert 2 * ["Be brief. USER: Hello ASSISTANT:"] == wrapped


@pytest.mark.parametrize("text", ["a\x1eassistant\x1fb", "\x1e", "\x1e\x1e", "a\x1e", "\x1euser\x1f", "", "\x1f\x1ex"])
def test_a_document_cannot_write_messages_for_a_server(text: str, tokenizer: PromptTokenizer, card: NewCard) -> None:
    """Whatever stands in a message, it is that message when it is read back from the prompt."""
    chat = chat_format(card(chat="server"), tokenizer)
    talks = [[Message("user", text)], [Message("system", text), Message("user", text)], [*TALK, Message("user", text)]]

    assert talks == [parse_messages(chat.wrap(talk, tokenizer)) for talk in talks]


def test_every_part_of_the_roles_is_in_the_digest(tokenizer: PromptTokenizer, card: NewCard) -> None:
    """A separator that changes a byte of the prompt changes the identity of the run."""
    changes = [{}, {"system": "B"}, {"roles": ["U", "A"]}, {"separators": ["\n", "</s>"]}]

    digests = {chat_format(card(chat=VICUNA | change), tokenizer).digest for change in changes}

    assert len(changes) == len(digests)


def test_a_model_without_a_template_is_refused_with_the_way_out(
    new_tokenizer: Callable[..., PreTrainedTokenizerFast], card: NewCard
) -> None:
    """Silently sending plain prompts to a chat model would be a wrong number; the user decides."""
    with pytest.raises(CardError, match=r"no.*; pass --chat none to send prompts as they are") as caught:
        chat_format(card(chat="tokenizer"), PromptTokenizer(new_tokenizer(None)))

    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.parametrize(
    "broken",
    [
        "{% for message in messages %}",
        "{{ raise_exception('roles must alternate') }}",
        "{{ messages[0].missing.deeper }}",
    ],
    ids=["syntax", "refusal", "undefined"],
)
def test_a_template_that_fails_is_one_line(tokenizer: PromptTokenizer, card: NewCard, broken: str) -> None:
    """A broken template, or one that refuses the benchmark's turns, is an error of the card, without a traceback."""
    wrapped = chat_format(card(chat={"template": broken}), tokenizer)

    with pytest.raises(CardError, match="chat template") as caught:
        wrapped.wrap(TALK, tokenizer)

    assert 1 == len(str(caught.value).splitlines())
