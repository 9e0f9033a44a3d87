"""What the body of an answered request holds: a text, an answer without one, or no answer at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalkit.models.endpoint.protocol._meaning import RefusedError, TryAgainError, Usage
from evalkit.models.endpoint.protocol._reply import parse_reply

USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 5}}
NOTHING = {"prompt_tokens": 7, "completion_tokens": 0}
THOUGHTS = {"reasoning_content": "Okay", "reasoning": "Okay", "reasoning_details": [{"type": "reasoning.text"}]}


def completion(**changes: Any) -> bytes:
    """The body of an answer to `/completions`."""
    choice = {"index": 0, "text": "yes", "finish_reason": "stop"} | changes.pop("choice", {})
    return json.dumps({"model": "toy", "choices": [choice], "usage": USAGE} | changes).encode()


def test_an_answer_is_read_with_its_counts() -> None:
    """Text, reason, model and the server's three counts come out as they went in."""
    answer = parse_reply(completion())

    assert ("yes", "stop", "toy") == (answer.text, answer.finish, answer.model)
    assert Usage(prompt_tokens=7, output_tokens=2, cached_tokens=5) == answer.usage


def test_a_chat_answer_is_its_message() -> None:
    """The text of a chat answer stands in its message; an empty one is an answer too."""
    body = completion(choice={"text": None, "message": {"role": "assistant", "content": ""}})

    assert "" == parse_reply(body).text


@pytest.mark.parametrize(
    "usage",
    [None, 7, {}, {"prompt_tokens": -1, "completion_tokens": "2"}, {"prompt_tokens": True, "completion_tokens": 1.5}],
    ids=str,
)
def test_nonsense_counts_are_no_counts(usage: object) -> None:
    """A usage that cannot be true is left out; the answer stands."""
    answer = parse_reply(completion(usage=usage))

    assert ("yes", Usage()) == (answer.text, answer.usage)


def test_more_cached_than_sent_is_no_count() -> None:
    """A cache hit longer than the prompt: then the prompt's count leaves the cache out, and neither is believed."""
    usage = USAGE | {"prompt_tokens_details": {"cached_tokens": 8}}

    assert Usage(output_tokens=2) == parse_reply(completion(usage=usage)).usage


def test_a_prompt_of_no_tokens_is_no_count() -> None:
    """Zero is what servers write that do not count."""
    assert parse_reply(completion(usage={"prompt_tokens": 0, "completion_tokens": 0})).usage.prompt_tokens is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>busy</html>", "not JSON"),
        (completion()[:-9], "not JSON"),
        (b"[1]", "no JSON object"),
        (completion(choices=[]), "no choices"),
        (completion(choices=None), "no choices"),
        (completion(choices=["yes"]), "no choices"),
        (b"[" * 100_000, "not JSON"),
        (completion(choice={"text": None}, usage=NOTHING), "text is null and nothing says"),
        (completion(choice={"text": 7}), "text is 7"),
        (completion(choice={"message": {"content": None}}, usage=NOTHING), "text is null and nothing says"),
        (completion(choice={"message": {"content": None}, "finish_reason": "error"}), "broke the answer off"),
        (completion(choice={"error": {"message": "gone", "code": 502}}), "broke the answer off: gone"),
        (completion(choice={"error": "gone"}), "broke the answer off: gone"),
        (completion(error={"message": "gone"}), "broke the answer off: gone"),
        (completion(choice={"finish_reason": None}), "broke the answer off"),
        (completion(choice={"finish_reason": "abort"}), "broke the answer off"),
        (b'{"error": {"message": "gone", "code": 502}}', "502: gone"),
        (b'{"error": "gone"}', "500: gone"),
    ],
)
def test_what_is_no_answer_is_asked_again(body: bytes, reason: str) -> None:
    """A body of status 200 without an answer in it is a fault that may pass, never a text."""
    with pytest.raises(TryAgainError, match=reason):
        parse_reply(body)


def test_a_withheld_answer_is_refused() -> None:
    """A content filter's verdict does not change by asking again."""
    with pytest.raises(RefusedError, match="content filter"):
        parse_reply(completion(choice={"finish_reason": "content_filter"}))


@pytest.mark.parametrize("content", [{"content": None}, {"content": ""}, {}], ids=["null", "empty", "missing"])
@pytest.mark.parametrize("thoughts", THOUGHTS)
@pytest.mark.parametrize("finish", [{"finish_reason": "length"}, {"finish_reason": "stop"}, {}], ids=str)
def test_an_answer_that_is_all_thoughts_is_an_empty_answer(
    content: dict[str, Any], thoughts: str, finish: dict[str, str]
) -> None:
    """Wherever a server puts the thoughts, and however it says that no text came of them."""
    message = {"role": "assistant", thoughts: THOUGHTS[thoughts], **content}
    body = {"model": "toy", "choices": [{"index": 0, "message": message, **finish}]}

    answer = parse_reply(json.dumps(body).encode())

    assert ("", "reasoning") == (answer.text, answer.lost_to)
    assert finish.get("finish_reason", "unknown") == answer.finish


@pytest.mark.parametrize(
    ("choice", "usage", "lost_to"),
    [
        ({"message": {"content": None}, "finish_reason": "length"}, None, "reasoning"),
        ({"message": {"content": None}, "finish_reason": "MAX_TOKENS"}, None, "reasoning"),
        ({"message": {"content": None}, "finish_reason": "stop"}, None, None),
        ({"message": {"content": None}, "finish_reason": "stop"}, USAGE, None),
        ({"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}, None, "refusal"),
        ({"text": None, "finish_reason": "length"}, None, "reasoning"),
        ({"message": {"content": ""}, "finish_reason": "stop"}, NOTHING, None),
        (
            {"message": {"content": ""}, "finish_reason": "stop"},
            USAGE | {"completion_tokens_details": {"reasoning_tokens": 2}},
            "reasoning",
        ),
        ({"message": {"content": [{"type": "thinking", "thinking": []}]}, "finish_reason": "stop"}, USAGE, "reasoning"),
    ],
)
def test_an_answer_without_a_text_is_an_answer_where_tokens_were_made(
    choice: dict[str, Any], usage: object, lost_to: str | None
) -> None:
    """The model answered within its limit, with nothing."""
    answer = parse_reply(completion(choice=choice, usage=usage))

    assert ("", lost_to) == (answer.text, answer.lost_to)


@pytest.mark.parametrize("said", [{"tool_calls": [{"id": "1"}]}, {"function_call": {"name": "f"}}], ids=str)
@pytest.mark.parametrize("content", [None, ""])
def test_a_call_of_a_tool_is_no_answer(said: dict[str, Any], content: str | None) -> None:
    """Nobody offered a tool; asked again the model would call it again."""
    with pytest.raises(RefusedError, match="tool that nobody offered"):
        parse_reply(completion(choice={"message": {"content": content, **said}, "finish_reason": "tool_calls"}))


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "ye"}, {"type": "text", "text": "s"}],
        [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}],
        [{"type": "output_text", "text": "yes"}],
        ["y", "es"],
        {"type": "text", "text": "yes"},
    ],
    ids=str,
)
def test_typed_parts_are_joined(content: object) -> None:
    """The texts among the parts of a content, one after the other; thoughts are none of them."""
    assert "yes" == parse_reply(completion(choice={"message": {"content": content}})).text


def test_an_answer_need_not_say_why_it_ended() -> None:
    """A text without a finish_reason is an answer, and how it ended stays open."""
    body = {"model": "toy", "choices": [{"index": 0, "text": "yes"}]}

    answer = parse_reply(json.dumps(body).encode())

    assert ("yes", "unknown") == (answer.text, answer.finish)


@pytest.mark.parametrize(
    ("said", "finish"),
    [("stop", "stop"), ("eos_token", "stop"), ("MAX_TOKENS", "length"), ("model_length", "length"), ("odd", "unknown")],
)
def test_an_end_in_other_words_is_understood_or_open(said: str, finish: str) -> None:
    """Servers have words of their own; one that nobody knows is not called an end."""
    assert finish == parse_reply(completion(choice={"finish_reason": said})).finish


def test_blanks_behind_thoughts_are_no_text() -> None:
    """Some servers leave the line breaks that stood between the thoughts and the answer."""
    message = {"content": "\n\n", "reasoning_content": "Okay"}

    answer = parse_reply(completion(choice={"message": message, "finish_reason": "length"}))

    assert ("\n\n", "reasoning") == (answer.text, answer.lost_to)


def test_a_lone_surrogate_becomes_a_question_mark() -> None:
    """What no file can hold is not carried into one."""
    assert "x?y" == parse_reply(completion(choice={"text": "x\ud800y"}, model="to\ud800y")).text


def test_thoughts_are_counted() -> None:
    """Generated tokens that were thoughts, where the server tells; more of them than of all are none."""
    usage = USAGE | {"completion_tokens_details": {"reasoning_tokens": 2}}

    assert 2 == parse_reply(completion(usage=usage)).usage.reasoning_tokens
    assert parse_reply(completion(usage=usage | {"completion_tokens": 1})).usage.reasoning_tokens is None
