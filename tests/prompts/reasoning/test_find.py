"""Which tags a model thinks between, and what its template makes of a question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evalkit.cards import Card, ReasoningTags
from evalkit.prompts import KNOWN_TAGS, ChatFormat, PromptTokenizer, Thinking, chat_format, find_tags, thinking_of
from tests.wild.templates import TEMPLATES

Load = Callable[..., PromptTokenizer]
THINK = KNOWN_TAGS[0]


def card(**fields: Any) -> Card:
    """A card of some weights."""
    return Card.model_validate(
        {"name": "a", "title": "A", "weights": ".", "context_length": 99, "licence": "x", **fields}
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("thoughts", THINK), ("thoughts opened", THINK), ("added tokens", THINK),
        ("thoughts in channels", KNOWN_TAGS[-1]),
        ("no bos", None), ("sentencepiece", None), ("slow", None), ("slow remote", None),
    ],
)  # fmt: skip
def test_tags_are_found_in_the_template_or_the_vocabulary(
    wild_tokenizer: Load, name: str, expected: ReasoningTags | None
) -> None:
    """Neither is anywhere where a tokenizer has to spell them out."""
    tokenizer = wild_tokenizer(name)

    assert expected == find_tags(card(), tokenizer, chat_format(card(), tokenizer))


def test_tokens_alone_are_a_sign(wild_tokenizer: Load) -> None:
    """A template of the user's own need not mention them."""
    tokenizer = wild_tokenizer("thoughts")
    own = card(chat={"template": TEMPLATES["no bos"].text})

    assert THINK == find_tags(own, tokenizer, chat_format(own, tokenizer))


@pytest.mark.parametrize("ending", ["<seed:think>\n", "<seed:think></seed:think>\n\n"])
def test_the_tags_that_a_template_writes_are_the_models(wild_tokenizer: Load, ending: str) -> None:
    """Others it only strips from what earlier models of the family said, or speaks of."""
    tokenizer = wild_tokenizer("no bos")
    text = "{% for each in messages %}{{ each.content.split('</think>')[-1] }}{% endfor %}{{ '" + ending + "' }}"
    own = card(chat={"template": text.replace("\n", "\\n")})

    found = find_tags(own, tokenizer, chat_format(own, tokenizer))

    assert ("<seed:think>", "</seed:think>") == (found and found.open, found and found.close)


def test_the_card_knows_best(wild_tokenizer: Load) -> None:
    """Its tags are in force with any chat format."""
    tokenizer, tags = wild_tokenizer("thoughts"), ReasoningTags(open="<r>", close="</r>")

    assert tags == find_tags(card(reasoning=tags), tokenizer, chat_format(card(chat="none"), tokenizer))
    assert find_tags(card(), tokenizer, chat_format(card(chat="none"), tokenizer)) is None


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("thoughts", {}, Thinking.FREE),
        ("thoughts", {"enable_thinking": True}, Thinking.FREE),
        ("thoughts", {"enable_thinking": False}, Thinking.CLOSED),
        ("thoughts", {"enable_thinking": "false"}, Thinking.FREE),  # a text is not false, to this template
        ("thoughts opened", {"enable_thinking": False}, Thinking.OPEN),
    ],
)
def test_a_prompt_shows_what_the_template_asks_for(
    wild_tokenizer: Load, name: str, arguments: dict[str, Any], expected: Thinking
) -> None:
    """By how it ends."""
    tokenizer = wild_tokenizer(name)

    assert expected == thinking_of(chat_format(card(chat_args=arguments), tokenizer), tokenizer, THINK)


def test_what_a_server_formats_nobody_sees(wild_tokenizer: Load) -> None:
    """Nor is there anything to see without a format."""
    tokenizer = wild_tokenizer("thoughts")

    assert {Thinking.FREE} == {thinking_of(ChatFormat(kind), tokenizer, THINK) for kind in ("messages", "none")}


def test_arguments_that_a_template_never_mentions_are_named(wild_tokenizer: Load) -> None:
    """As whole words; a server's own template is not seen."""
    tokenizer = wild_tokenizer("thoughts")
    arguments = {"enable_thinking": True, "enable": 1, "budget": 2}

    def unused(**fields: Any) -> list[str]:
        return list(chat_format(card(chat_args=arguments, **fields), tokenizer).unused_arguments(tokenizer))

    assert ["enable", "budget"] == unused()
    assert list(arguments) == unused(chat="none")
    assert [] == unused(chat="server")


def test_arguments_do_not_replace_what_every_template_gets(wild_tokenizer: Load) -> None:
    """Names of cards and the command line are checked; whatever else comes here stays below."""
    tokenizer = wild_tokenizer("no bos")

    text = tokenizer.render(
        [{"role": "user", "content": "So?"}], None, "", {"messages": "other", "add_generation_prompt": 0}
    )

    assert "[user] So?\n[assistant]" == text
