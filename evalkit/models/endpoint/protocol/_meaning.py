"""What statuses, headers and names of an OpenAI-compatible server mean. Pure: bytes and values in, values out."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any

__all__ = [
    "MOST_TOKENS",
    "AttemptError",
    "RefusedError",
    "SpoiledError",
    "ThrottledError",
    "TryAgainError",
    "UnusableServerError",
    "Usage",
    "error_message",
    "is_model_named",
    "load_json",
    "raise_for_status",
    "storable",
    "usage_of",
    "wait_seconds",
]

MESSAGE_CHARACTERS = 300
MOST_TOKENS = 2**31  # no prompt and no window has as many: a greater number counts nothing
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


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as a server counted them; None where it gives no count, or nonsense."""

    prompt_tokens: int | None = None
    """Prompt tokens, those from a cache included."""
    output_tokens: int | None = None
    """Generated tokens, those of thoughts included."""
    cached_tokens: int | None = None
    """Prompt tokens taken from a cache."""
    reasoning_tokens: int | None = None
    """Generated tokens that were thoughts."""

    @property
    def is_known(self) -> bool:
        """Whether the server counted the prompt: then it also charges for it."""
        return self.prompt_tokens is not None


class AttemptError(Exception):
    """An attempt got no answer."""

    def __init__(self, reason: str, usage: Usage | None = None, *, is_free: bool = False) -> None:
        super().__init__(reason)
        self.usage = usage or Usage()
        """What the server counted all the same."""
        self.is_free = is_free
        """Whether the server says that it did nothing: an error status, or no connection."""


class TryAgainError(AttemptError):
    """This attempt failed in a way that may pass."""


class SpoiledError(TryAgainError):
    """An answer without a text; one that comes again with the same counts is all that the server makes of a prompt."""


class ThrottledError(TryAgainError):
    """The server asks for patience."""

    def __init__(self, reason: str, wait: float | None, usage: Usage | None = None, *, is_free: bool = False) -> None:
        super().__init__(reason, usage, is_free=is_free)
        self.wait = wait
        """Seconds the server asks for; None where it does not say."""


class RefusedError(AttemptError):
    """This request will never be answered; others may."""

    def __init__(
        self, reason: str, usage: Usage | None = None, *, is_free: bool = False, body: bytes = b"", status: int = 200
    ) -> None:
        super().__init__(reason, usage, is_free=is_free)
        self.body = body
        """What the server said, whole."""
        self.status = status
        """The status it said it with."""


class UnusableServerError(AttemptError):
    """No request will be answered: the key is wrong, the credit is gone."""


def load_json(body: bytes) -> Any:
    """The value of a JSON text; `ValueError` for everything that is none, nesting without end included."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested without end") from None


def storable(text: str) -> str:
    """The text without lone surrogates, which no file can hold: each becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def usage_of(data: object) -> Usage:
    """The counts in a body, as far as they can be true."""
    usage = _part(data, "usage")
    prompt, output = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    cached = _count(_part(usage, "prompt_tokens_details").get("cached_tokens"))
    reasoning = _count(_part(usage, "completion_tokens_details").get("reasoning_tokens"))
    if prompt is not None and cached is not None and cached > prompt:
        prompt = None  # counted without what was cached, or not at all
    return Usage(
        prompt_tokens=prompt or None,  # no prompt is empty: 0 is what servers write that do not count
        output_tokens=output,
        cached_tokens=cached if prompt is not None else None,
        reasoning_tokens=reasoning if reasoning is not None and reasoning <= (output or 0) else None,
    )


def _part(data: object, name: str) -> dict[str, Any]:
    part = data.get(name) if isinstance(data, dict) else None
    return part if isinstance(part, dict) else {}


def _count(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_TOKENS
    return value if is_count else None  # type: ignore[return-value]


def raise_for_status(status: int, body: bytes, retry_after: str | None, location: str = "") -> None:
    """Raise what a status other than 200 means; nothing for 200."""
    if status == 200:
        return
    message, usage = error_message(body), _usage_in(body)
    said = f"the server answered {status}" + (f": {message}" if message else "")
    if any(mark in message.lower() for mark in NO_CREDIT) and status in {402, 403, 429}:
        raise UnusableServerError(said, usage, is_free=True)
    if status in THROTTLING:
        raise ThrottledError(said, wait_seconds(retry_after), usage, is_free=True)
    if status in PASSING or status >= 500:
        raise TryAgainError(said, usage, is_free=True)
    if status == 401:
        raise UnusableServerError(said, usage, is_free=True)
    if 300 <= status < 400:
        to = storable(location)[:120] or "nowhere"
        raise TryAgainError(f"{said}, a redirect to {to} that is not followed", is_free=True)
    too_long = any(mark in message.lower() for mark in TOO_LONG)
    reason = f"too long for the server: {message}" if too_long else said
    raise RefusedError(reason, usage, is_free=True, body=body, status=status)


def _usage_in(body: bytes) -> Usage:
    try:
        return usage_of(load_json(body))
    except ValueError:
        return Usage()


def error_message(body: bytes) -> str:
    """What the server says went wrong, on one line; empty where it says nothing that can be read."""
    try:
        found: object = load_json(body)
    except ValueError:
        return ""
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and name in found:
            code = found.get("code")
            found = found[name]
            if isinstance(found, str) and isinstance(code, str):
                found = f"{code}: {found}"
    if isinstance(found, list) and found:  # FastAPI's list of what is wrong with the request
        first = found[0]
        found = f"{_place(first)}{first.get('msg')}" if isinstance(first, dict) else first
    return _line(found)[:MESSAGE_CHARACTERS] if isinstance(found, str) else ""


def _place(problem: dict[str, Any]) -> str:
    place = problem.get("loc")
    return ".".join(map(str, place)) + ": " if isinstance(place, list) and place else ""


def _line(text: str) -> str:
    """One line that a terminal may show: no control characters, no lone surrogates."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in storable(text)).split())


def wait_seconds(retry_after: str | None) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or a date; None where it is absent or unreadable."""
    if retry_after is None:
        return None
    try:
        seconds = float(retry_after)
        return max(0.0, seconds) if math.isfinite(seconds) else None
    except ValueError:
        pass
    from datetime import datetime
    from email.utils import parsedate_to_datetime

    try:
        then = parsedate_to_datetime(retry_after)
        return max(0.0, (then - datetime.now(then.tzinfo)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


# What providers put behind a model's name for the build that answers: a date (2024-08-06, 20250514, 05-20), a build
# number of four digits (0613) or of three that begins with 0 (002), a revision (@main) or a tag (:latest).
# Sizes and variants (-32k, -turbo, -0.6b, -mini) are other models.
BUILD = re.compile(r"(-(\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|0\d{2}|\d{2}-\d{2}))?([@:].+)?")


def is_model_named(answered: str, *names: str) -> bool:
    """Whether `answered` is one of the names, or a dated or revised form of it (`gpt-4-0613`, `path@main`)."""
    return not answered or any(_is_build_of(answered, name.removesuffix("-latest")) for name in names if name)


def _is_build_of(answered: str, name: str) -> bool:
    rest = answered.removeprefix(name)
    return answered.startswith(name) and (rest in {"", "-latest"} or BUILD.fullmatch(rest) is not None)
