"""What a server's statuses, headers and names mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from evalkit.models.endpoint.protocol._meaning import (
    RefusedError,
    ThrottledError,
    TryAgainError,
    UnusableServerError,
    error_message,
    is_model_named,
    raise_for_status,
    wait_seconds,
)


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
    ("header", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-1", 0.0),
        ("soon", None),
        ("", None),
        ("inf", None),
        ("nan", None),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999", None),
    ],
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


@pytest.mark.parametrize(
    "body",
    [b"[" * 200_000, b'{"error": ' * 5_000, b'{"error": {"message": "x\\ud800y"}}', b'{"error": [[[7]]]}'],
    ids=len,
)
def test_a_message_that_is_junk_is_no_message(body: bytes) -> None:
    """Nesting without end says nothing; a lone surrogate becomes a question mark."""
    assert error_message(body) in {"", "x?y"}


def test_a_message_does_not_steer_the_terminal() -> None:
    """Escape sequences of a server's words are shown as blanks."""
    body = json.dumps({"error": {"message": "\x1b[2J\x1b]0;gone\x07 no"}}).encode()

    assert "[2J ]0;gone no" == error_message(body)


def test_what_is_wrong_with_a_request_is_read_from_a_list() -> None:
    """FastAPI names the place and the problem."""
    body = json.dumps({"detail": [{"loc": ["body", "max_tokens"], "msg": "too small"}]}).encode()

    assert "body.max_tokens: too small" == error_message(body)


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
        ("gpt-4-latest", True), ("gpt-4-20250514@eu", True),
        ("gpt-4o", False), ("gpt", False), ("other", False), ("gpt-4-32k-0613", False), ("gpt-4-turbo", False),
        ("gpt-4-0.6b", False), ("gpt-4-mini-2024-07-18", False), ("gpt-4-", False), ("gpt-4-100", False),
    ],
)  # fmt: skip
def test_a_model_may_answer_under_a_revision_of_its_name(answered: str, is_same: bool) -> None:
    """A snapshot is the model that was asked; one whose name only begins alike is not."""
    assert is_same is is_model_named(answered, "gpt-4")


def test_the_latest_answers_under_its_date() -> None:
    """`-latest` is an alias of whatever build is the newest."""
    assert is_model_named("toy-20241022", "toy-latest")
    assert not is_model_named("toy-mini", "toy-latest")
