"""Reads what an OpenAI-compatible server sends: answers, errors, waiting times. Pure: bytes in, values out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "RefusedError",
    "Reply",
    "ThrottledError",
    "TryAgainError",
    "UnusableServerError",
    "error_message",
    "is_model_named",
    "parse_reply",
    "raise_for_status",
    "wait_seconds",
]

MESSAGE_CHARACTERS = 300
THROTTLING = frozenset({429, 503})
PASSING = frozenset({408, 409, 425, 500, 502, 504, 520, 522, 524, 529})  # and every other 5xx
TOO_LONG = (
    "context_length_exceeded",
    "context length",
    "context window",
    "too long",
    "max_model_len",
    "too many tokens",
)
NO_CREDIT = ("insufficient_quota", "billing")


class TryAgainError(Exception):
    """This attempt failed in a way that may pass."""


class ThrottledError(TryAgainError):
    """The server asks for patience."""

    def __init__(self, reason: str, wait: float | None) -> None:
        super().__init__(reason)
        self.wait = wait
        """Seconds the server asks for; None where it does not say."""


class RefusedError(Exception):
    """This request will never be answered; others may."""


class UnusableServerError(Exception):
    """No request will be answered: the key is wrong, the credit is gone."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    text: str
    """The generated text."""
    finish_reason: str
    """Why it ended, in the server's words."""
    model: str
    """Who the server says has answered; empty where it does not say."""
    prompt_tokens: int | None
    """Prompt tokens by the server's count; None where it gives none, or nonsense."""
    output_tokens: int | None
    """Generated tokens by the server's count; None where it gives none, or nonsense."""
    cached_tokens: int | None
    """Prompt tokens it took from a cache; None where it gives none, or nonsense."""
    token_ids: tuple[int, ...] | None
    """Ids of the generated tokens; None where the server does not send them."""
    stop_reason: object = None
    """vLLM: the string or token that ended the answer; None for the end-of-text token."""


def parse_reply(body: bytes) -> Reply:
    """The answer in a response of status 200; `TryAgainError` where there is none in it."""
    data = _object(body)
    if not data.get("choices") and data.get("error"):
        code = data["error"].get("code") if isinstance(data["error"], dict) else None
        raise_for_status(code if isinstance(code, int) and code >= 400 else 500, body, None)
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise TryAgainError("the answer has no choices")
    choice = choices[0]
    finish = choice.get("finish_reason")
    if finish == "content_filter":
        raise RefusedError("the provider's content filter withheld the answer")
    text = choice["message"].get("content") if isinstance(choice.get("message"), dict) else choice.get("text")
    if not isinstance(text, str):
        raise TryAgainError(f"the answer's text is {json.dumps(text)[:40]} (finish_reason {json.dumps(finish)[:40]})")
    if not isinstance(finish, str) or finish in {"abort", "error"}:
        raise TryAgainError(f"the server broke the answer off (finish_reason {json.dumps(finish)[:40]})")
    return _answer(data, choice, text, finish)


def _answer(data: Mapping[str, Any], choice: Mapping[str, Any], text: str, finish: str) -> Reply:
    usage: dict[str, Any] = data["usage"] if isinstance(data.get("usage"), dict) else {}
    details = usage.get("prompt_tokens_details")
    prompt = _count(usage.get("prompt_tokens"))
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    ids = choice.get("token_ids")
    model = data.get("model")
    return Reply(
        text=text,
        finish_reason=finish,
        model=model if isinstance(model, str) else "",
        prompt_tokens=prompt,
        output_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=cached if cached is not None and prompt is not None and cached <= prompt else None,
        token_ids=tuple(ids) if isinstance(ids, list) and all(isinstance(each, int) for each in ids) else None,
        stop_reason=choice.get("stop_reason"),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError as error:
        raise TryAgainError(f"the answer is not JSON ({len(body)} bytes)") from error
    if not isinstance(data, dict):
        raise TryAgainError(f"the answer is no JSON object but {type(data).__name__}")
    return data


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def raise_for_status(status: int, body: bytes, retry_after: str | None, location: str = "") -> None:
    """Raise what a status other than 200 means; nothing for 200."""
    if status == 200:
        return
    message = error_message(body)
    said = f"the server answered {status}" + (f": {message}" if message else "")
    if any(mark in message.lower() for mark in NO_CREDIT) and status in {402, 403, 429}:
        raise UnusableServerError(said)
    if status in THROTTLING:
        raise ThrottledError(said, wait_seconds(retry_after))
    if status in PASSING or status >= 500:
        raise TryAgainError(said)
    if status == 401:
        raise UnusableServerError(said)
    if 300 <= status < 400:
        raise TryAgainError(f"{said}, a redirect to {location[:120] or 'nowhere'} that is not followed")
    too_long = any(mark in message.lower() for mark in TOO_LONG)
    raise RefusedError(f"too long for the server: {message}" if too_long else said)


def error_message(body: bytes) -> str:
    """What the server says went wrong, on one line; empty where it says nothing that can be read."""
    try:
        data = json.loads(body)
    except ValueError:
        return ""
    found: object = data
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and name in found:
            code = found.get("code")
            found = found[name]
            if isinstance(found, str) and isinstance(code, str):
                found = f"{code}: {found}"
    return " ".join(found.split())[:MESSAGE_CHARACTERS] if isinstance(found, str) else ""


def wait_seconds(retry_after: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or a date; None where it is absent or unreadable."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    from datetime import datetime
    from email.utils import parsedate_to_datetime

    try:
        then = parsedate_to_datetime(retry_after)
        return max(0.0, (then - datetime.now(then.tzinfo)).total_seconds())
    except (ValueError, TypeError):
        return None


_SAME_MODEL = re.compile(r"[@:].*|-(\d{4}|\d{6}|\d{8}|00\d|\d{4}-\d{2}-\d{2})")
"""What may follow a model's name and still mean that model: a revision, or a date in one of the usual forms."""


def is_model_named(answered: str, *names: str) -> bool:
    """Whether `answered` is one of the names, or a dated or revised form of it (`gpt-4-0613`, `path@main`).

    Any other ending is another model: `gpt-4-32k`, `qwen3-0.6b`.
    """
    return not answered or any(
        answered == name or (answered.startswith(name) and _SAME_MODEL.fullmatch(answered[len(name) :]) is not None)
        for name in names
        if name
    )
