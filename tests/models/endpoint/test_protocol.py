"""What a server's bytes and statuses mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from evalkit.models.endpoint._protocol import (
    RefusedError,
    ThrottledError,
    TryAgainError,
    UnusableServerError,
    error_message,
    is_model_named,
    parse_reply,
    raise_for_status,
    wait_seconds,
)

USAGE = {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 5}}


def completion(**changes: Any) -> bytes:
    """The body of an answer to `/completions`."""
    choice = {"index": 0, "text": "yes", "finish_reason": "stop"} | changes.pop("choice", {})
    return json.dumps({"model": "toy", "choices": [choice], "usage": USAGE} | changes).encode()


def test_an_answer_is_read_with_its_counts() -> None:
    """Text, reason, model and the server's three counts come out as they went in."""
    answer = parse_reply(completion())

    assert ("yes", "stop", "toy") == (answer.text, answer.finish_reason, answer.model)
    assert (7, 2, 5) == (answer.prompt_tokens, answer.output_tokens, answer.cached_tokens)


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

    assert ("yes", None, None, None) == (
        answer.text, answer.prompt_tokens, answer.output_tokens, answer.cached_tokens
    )  # fmt: skip


def test_more_cached_than_sent_is_no_count() -> None:
    """A cache hit longer than the prompt is not believed."""
    usage = USAGE | {"prompt_tokens_details": {"cached_tokens": 8}}

    assert parse_reply(completion(usage=usage)).cached_tokens is None


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
        (completion(choice={"text": None}), "text is null"),
        (completion(choice={"text": 7}), "text is 7"),
        (completion(choice={"message": {"content": None}}), "text is null"),
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


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RefusedError), (404, RefusedError), (413, RefusedError), (422, RefusedError), (403, RefusedError),
        (401, UnusableServerError), (402, RefusedError), (408, TryAgainError), (500, TryAgainError),
        (502, TryAgainError), (507, TryAgainError), (429, ThrottledError), (503, ThrottledError), (307, TryAgainError),
    ],
)  # fmt: skip
def test_statuses_are_sorted_by_what_can_be_done(status: int, kind: type[Exception]) -> None:
    """Each status is final for the request, final for the server, or worth another try."""
    with pytest.raises(kind) as caught:
        raise_for_status(status, b'{"error": {"message": "so it is"}}', None)

    assert kind is type(caught.value)


def test_status_200_is_no_error() -> None:
    """An answered request raises nothing."""
    raise_for_status(200, b"", None)


@pytest.mark.parametrize("status", [402, 403, 429])
def test_used_up_credit_is_no_rate_limit(status: int) -> None:
    """Waiting does not bring money back."""
    with pytest.raises(UnusableServerError, match="insufficient_quota"):
        raise_for_status(status, b'{"error": {"message": "You exceeded", "code": "insufficient_quota"}}', "1")


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "This model's maximum context length is 8192 tokens", "code": 400}},
        {"error": {"message": "no", "code": "context_length_exceeded"}},
        {"object": "error", "message": "prompt is too long"},
        {"detail": "Input exceeds the context window"},
    ],
    ids=str,
)
def test_a_prompt_that_is_too_long_is_called_so(body: dict[str, object]) -> None:
    """Servers word it differently; the record says the same."""
    with pytest.raises(RefusedError, match=r"^too long for the server"):
        raise_for_status(400, json.dumps(body).encode(), None)


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, None), ("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("soon", None), ("", None)]
)
def test_a_wait_is_read_in_seconds(header: str | None, seconds: float | None) -> None:
    """Retry-After as a number; what cannot be read is no wish."""
    assert seconds == wait_seconds(header)


def test_a_wait_is_read_as_a_date() -> None:
    """Retry-After as an HTTP date is the time until then."""
    wait = wait_seconds(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))

    assert wait is not None
    assert 50 < wait <= 60


def test_a_date_that_is_over_is_no_wait() -> None:
    """A clock that runs behind does not make the wait negative."""
    assert 0.0 == wait_seconds(format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True))


def test_an_error_message_is_one_short_line() -> None:
    """Whatever a server writes, a record holds one line of bounded length."""
    body = json.dumps({"error": {"message": "a\n b " * 500}}).encode()

    message = error_message(body)

    assert 300 == len(message)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("answered", "is_same"),
    [
        ("gpt-4", True), ("gpt-4-0613", True), ("gpt-4@main", True), ("gpt-4:latest", True), ("", True),
        ("gpt-4-2024-08-06", True), ("gpt-4-20240806", True), ("gpt-4-002", True), ("gpt-4:free", True),
        ("gpt-4o", False), ("gpt", False), ("other", False), ("gpt-4-32k-0613", False), ("gpt-4-turbo", False),
        ("gpt-4-0.6b", False), ("gpt-4-mini-2024-07-18", False), ("gpt-4-", False), ("gpt-4-100", False),
    ],
)  # fmt: skip
def test_a_model_may_answer_under_a_revision_of_its_name(answered: str, is_same: bool) -> None:
    """A snapshot is the model that was asked; one whose name only begins alike is not."""
    assert is_same is is_model_named(answered, "gpt-4")
