"""How OpenCompass fills a template, turns it into messages, and reads an option from an answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evalkit.errors import DataError
from evalkit.tasks import Message
from evalkit.tasks import _opencompass as module
from evalkit.tasks._opencompass import PromptTurn, chat_messages, fill, first_option, plain_text

TURNS = [PromptTurn("SYSTEM", "Read."), PromptTurn("HUMAN", "{context}\n{question}"), PromptTurn("BOT", "")]


def test_columns_are_replaced_one_after_the_other() -> None:
    """Text that a column brings in is scanned again for the columns after it, as upstream does."""
    columns = {"question": "Who is {context}?", "context": "Story of {answer} and {question}.", "answer": "X"}

    filled = fill(TURNS, columns)

    expected = "Story of X and {question}.\nWho is Story of X and {question}.?"
    assert [PromptTurn("SYSTEM", "Read."), PromptTurn("HUMAN", expected), PromptTurn("BOT", "")] == filled


def test_braces_of_no_column_stay() -> None:
    """Code and formulas in a document are not templates."""
    assert [PromptTurn("HUMAN", "{x} {} {{context}}")] == fill(
        [PromptTurn("HUMAN", "{x} {} {{context}}")], {"question": "q"}
    )


def test_a_chat_model_gets_one_user_message_with_a_final_newline() -> None:
    """The user speaks the system text, neighbours are joined by a newline, and every user message ends with one."""
    messages = chat_messages(TURNS)

    assert (Message("user", "Read.\n{context}\n{question}\n"),) == messages


def test_examples_become_turns_of_their_own() -> None:
    """A model's turn has no extra newline; empty turns are dropped and their neighbours joined."""
    turns = [
        PromptTurn("HUMAN", "Q1"),
        PromptTurn("BOT", "A1"),
        PromptTurn("HUMAN", ""),
        PromptTurn("HUMAN", "Q2"),
        PromptTurn("SYSTEM", "S"),
        PromptTurn("BOT", ""),
    ]

    messages = chat_messages(turns)

    assert (Message("user", "Q1\n"), Message("assistant", "A1"), Message("user", "Q2\nS\n")) == messages


def test_a_base_model_gets_the_texts_joined_by_newlines() -> None:
    """Without the empty ones and without an end."""
    assert "Read.\n{context}\n{question}" == plain_text(TURNS)


UPSTREAM = r"""
def first_option_postprocess(text: str, options: str, cushion=True) -> str:
    patterns = [
        f'answer is \s*([{options}])',
        f'boxed{{([{options}])}}'
        f' or ([{options}])$',
        f'(\s|^)[{options}][.]',
    ]
    cushion_patterns = [f'([{options}])']
    for pattern in patterns:
        pass
"""


@pytest.fixture
def wheel(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Upstream's file, made up; its text is the list's one item."""
    text = [UPSTREAM]
    monkeypatch.setattr(module, "read_wheel_text", lambda _: text[0])
    module._patterns.cache_clear()
    yield text
    module._patterns.cache_clear()


@pytest.mark.usefixtures("wheel")
@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("A or B: the answer is C", "C"),
        ("boxed{B} or A", "B"),
        ("B. is it", "B"),
        ("Because", "B"),
        ("no such letter", ""),
        ("", ""),
    ],
)
def test_patterns_are_tried_in_their_order(text: str, option: str) -> None:
    """The last ones take any letter; a pattern whose group is white space gives way to the next."""
    assert option == first_option(text, "ABCD")


@pytest.mark.parametrize(
    "changed", ["", "def first_option_postprocess(text):\n    patterns = 1\n    cushion_patterns = []\n"]
)
def test_a_changed_release_is_noticed(wheel: list[str], changed: str) -> None:
    """Patterns that are not where they were are an error, not an empty list."""
    wheel[0] = changed

    with pytest.raises(DataError, match="has no list patterns: the upstream release changed"):
        first_option("A", "ABCD")
