"""`evalkit.chat`: a conversation as a Python caller holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import evalkit
from evalkit.chatting import Heard, Reply

from .talks import PLANTED, QUESTION, Engine, about


@pytest.fixture
def tale(tmp_path: Path) -> Path:
    """A file with a planted sentence."""
    document = about(4).document
    assert document is not None
    (tmp_path / "tale.txt").write_text(document.text, "utf-8")
    return tmp_path / "tale.txt"


def test_a_document_is_asked_about_question_after_question(tale: Path) -> None:
    """Answers become turns; a reset forgets them and keeps the document."""
    with evalkit.chat("needle-tiny", tale, max_new_tokens=24) as chat:
        reply = chat.ask(QUESTION)
        *heard, last = chat.stream("And who drove over the bridge?")
        assert "<Chat needle-tiny · tale.txt · 2 questions>" == repr(chat)
        chat.reset()
        again = chat.ask(QUESTION)

    assert "91537" in reply.text and reply.text == again.text
    assert (reply.cached_tokens, again.cached_tokens) == (0, reply.prompt_tokens - 1)
    assert isinstance(last, Reply) and all(isinstance(part, Heard) for part in heard)
    assert len(heard) > 1 and (heard[0].first_token_seconds or 9) < last.seconds
    assert [QUESTION] == [turn.question for turn in chat.conversation.turns]
    assert not chat.model.is_loaded


def test_without_a_file_the_conversation_is_all_there_is(tale: Path) -> None:
    """A system message stands first; a document that was read may be handed over."""
    document = evalkit.chat("needle-tiny", tale).conversation.document

    assert None is evalkit.chat("needle-tiny", system="Be brief.").prepare("Who?").cut
    assert PLANTED in evalkit.chat("needle-tiny", document).conversation.document.text  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"limit": 3}, "limit= is for runs of benchmarks"),
        ({"replicas": 2}, "replicas=: a chat asks one engine"),
        ({"max_new_tokens": 1024}, "raise max_seq_len= or lower max_new_tokens="),
        ({"system": None}, "system: None; pass a text"),
        ({"file": 7}, "file: an int; pass the path"),
        ({"file": "nowhere.txt"}, "nowhere.txt"),
        ({"batch_size": 2}, "batch_size= is no setting"),
        ({"system_prompt": "Be brief."}, "system_prompt= is no setting: system= is the system message"),
        ({"pretrained": "a/b"}, "pretrained= is no setting: the model is the first argument: chat"),
        ({"model": object()}, "model: an object"),
    ],
)
def test_wrong_arguments_are_one_line_in_pythons_words(given: dict[str, Any], said: str) -> None:
    """As for `evaluate`."""
    with pytest.raises(evalkit.UserError, match=said) as raised:
        evalkit.chat(**{"model": "needle-tiny"} | given)

    assert "\n" not in str(raised.value) and "--" not in str(raised.value)


def test_a_question_that_gets_no_answer_is_an_error_and_no_turn(tale: Path) -> None:
    """Whether it has no room or the backend fails."""
    chat = evalkit.chat("needle-tiny", tale, truncation="none")
    chat.model._adapter = Engine(error=evalkit.UserError("the server is gone"))

    with pytest.raises(evalkit.SampleError, match="truncation is 'none'"):
        chat.ask("Why? " * 2000)
    with pytest.raises(evalkit.SampleError, match="the server is gone"):
        chat.ask(QUESTION)
    assert () == chat.conversation.turns


@pytest.mark.parametrize(("question", "said"), [("", "an empty text"), (" \n", "an empty text"), (7, "an int")])
def test_what_is_no_question_is_one_line(question: Any, said: str) -> None:
    """As on the command line."""
    with pytest.raises(evalkit.UserError, match=f"^question: {said}"):
        evalkit.chat("needle-tiny").ask(question)


def test_notes_are_warnings_at_the_callers_line(tale: Path) -> None:
    """As for `evaluate`."""
    with pytest.warns(evalkit.EvalkitWarning, match="window 2048 exceeds") as caught:
        evalkit.chat("needle-tiny", tale, max_seq_len=2048)

    assert __file__ == caught[0].filename
