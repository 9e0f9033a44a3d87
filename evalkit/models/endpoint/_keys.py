"""The key of a server: from which variable, to which host, and out of everything that comes back.

A card reads like data, so one that somebody hands on must not choose which secret goes where: its key leaves this
machine only when the user names the host.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit

from evalkit.cards import Endpoint
from evalkit.errors import UserError

__all__ = [
    "addressed",
    "check_key_may_go",
    "endpoint_key",
    "is_local",
    "key_notes",
    "without_key",
    "without_key_bytes",
    "without_key_so_far",
    "without_key_text",
]

OWN_KEY, OTHER_KEY = "EVALKIT_API_KEY", "OPENAI_API_KEY"
OTHER_HOST = "api.openai.com"  # whose key the second one is
SHORTEST_SECRET = 8  # a shorter key is no secret and may stand in an answer by chance
HIDDEN = "[key]"

# Names that a key of a model server has, and no key of anything else.
KEY_NAME = re.compile(r"(^|_)(API_?)?(KEY|TOKEN)$", re.IGNORECASE)
ELSEWHERE = re.compile(
    r"SECRET|ACCESS|SESSION|PRIVATE|PASS|(^|_)(AWS|AZURE_CLIENT|GITHUB|GH|GITLAB|GIT|HF|HUGGING_?FACE(_HUB)?|SSH|GPG|NPM|PYPI|DOCKER|SLACK)_",
    re.IGNORECASE,
)


def endpoint_key(endpoint: Endpoint) -> str:
    """The key of an endpoint, from the environment; `UserError` where it is needed and missing."""
    key = os.environ.get(endpoint.key_env, "").strip()
    if not key and endpoint.is_key_required:
        raise UserError(f"{endpoint.base_url} wants a key: set {endpoint.key_env} in the environment")
    if any(ord(sign) < 33 or ord(sign) > 126 for sign in key):
        raise UserError(f"{endpoint.key_env} is not a key: it holds blanks or signs that no header can carry")
    return key


def addressed(endpoint: Endpoint) -> Endpoint:
    """An endpoint that the user named by its address: evalkit's own variable holds its key, else OpenAI's."""
    has_own = bool(os.environ.get(OWN_KEY, "").strip())
    if has_own or not os.environ.get(OTHER_KEY, "").strip():
        return endpoint
    return endpoint.model_copy(update={"key_env": OTHER_KEY})


def host_of(endpoint: Endpoint) -> str:
    """Host of the server, and its port where the address names one; as the client asks for it where it is no ASCII."""
    host = urlsplit(endpoint.base_url).netloc.lower()
    if host.isascii():
        return host
    import httpx

    return httpx.URL(endpoint.base_url).netloc.decode("ascii")  # a Cyrillic letter that looks Latin is seen as xn--


def is_local(endpoint: Endpoint) -> bool:
    """Whether the server is this machine, so that nothing leaves it."""
    host = urlsplit(endpoint.base_url).hostname or ""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def check_key_may_go(endpoint: Endpoint, confirmed: Sequence[str], origin: str) -> None:
    """Raise `UserError` where a card of the user's, or of somebody's, would send a key that nobody spoke of.

    `confirmed` holds hosts, or VARIABLE@HOST; `origin` names the card. A server on this machine gets what looks like a
    server's key; any other variable, and any other host, is confirmed by the user.
    """
    name, host = endpoint.key_env, host_of(endpoint)
    if not os.environ.get(name, "").strip():
        return
    is_plain = KEY_NAME.search(name) is not None and ELSEWHERE.search(name) is None
    if is_plain and is_local(endpoint):
        return
    hosts = (host, urlsplit(endpoint.base_url).hostname)
    answers = {f"{name}@{each}".lower() for each in hosts} | ({str(each) for each in hosts} if is_plain else set())
    if answers & {each.strip().lower() for each in confirmed}:
        return
    flag = host if is_plain else f"{name}@{host}"
    raise UserError(
        f"{origin} would send the key in {name} to {host}; if that is meant, add --send-key-to {flag}, "
        f"else unset {name} or correct the card's endpoint.key_env"
    )


def key_notes(endpoint: Endpoint) -> list[str]:
    """What the user should know of the way of the key: which variable, where that is no matter of course."""
    if not os.environ.get(endpoint.key_env, "").strip():
        return []
    host, notes = host_of(endpoint), []
    if urlsplit(endpoint.base_url).scheme == "http" and not is_local(endpoint):
        notes.append(
            f"the key in {endpoint.key_env} goes to {host} unencrypted: anybody on the way reads it; use https"
        )
    elif endpoint.key_env == OTHER_KEY and urlsplit(endpoint.base_url).hostname != OTHER_HOST:
        notes.append(f"the key in {OTHER_KEY} goes to {host}")
    return notes


def without_key(endpoint: Endpoint, text: str) -> str:
    """A message as it may be shown or stored: a server that echoes the key does not get it in there."""
    key = endpoint_key(endpoint)
    if not key:
        return text
    return without_key_text(endpoint, text).replace(key, HIDDEN)


def without_key_text(endpoint: Endpoint, text: str) -> str:
    """A text of a server as it may be stored: likewise, but a key too short to be one may stand there by chance."""
    forms = _forms(endpoint_key(endpoint))
    return forms.sub(HIDDEN, text) if forms is not None else text


def without_key_so_far(endpoint: Endpoint, text: str) -> str:
    """The beginning of a text that goes on: likewise, and without what may be the beginning of the key at its end."""
    key = endpoint_key(endpoint)
    begun = max((_begun(text, form) for form in _spellings(key)), default=0)
    return without_key_text(endpoint, text[: len(text) - begun])


def _begun(text: str, form: str) -> int:
    """How many signs at the end of a text are the beginning of that form, in whatever case."""
    longest = min(len(text), len(form) - 1)
    return next((count for count in range(longest, 0, -1) if text[-count:].lower() == form[:count].lower()), 0)


def without_key_bytes(endpoint: Endpoint, body: bytes) -> bytes:
    """A body as it may be read on: the key is in no part of it, plain or as JSON writes it."""
    forms = _forms(endpoint_key(endpoint))
    if forms is None:
        return body
    plain = body.decode("utf-8", "surrogateescape")
    text = _unescaped(plain, forms) if "\\" in plain else plain  # JSON may write any sign of the key as an escape
    found, count = forms.subn(HIDDEN, text)
    return found.encode("utf-8", "surrogateescape") if count or text is not plain else body


def _unescaped(text: str, forms: re.Pattern[str]) -> str:
    """The text, its strings rewritten where one of them holds the key behind escapes."""
    try:
        value = json.loads(text)
        cleaned = _cleaned(value, forms)
        return text if cleaned == value else json.dumps(cleaned)
    except (ValueError, RecursionError):
        return text


def _cleaned(value: Any, forms: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return forms.sub(HIDDEN, value)
    if isinstance(value, list):
        return [_cleaned(each, forms) for each in value]
    if isinstance(value, dict):
        return {forms.sub(HIDDEN, name): _cleaned(each, forms) for name, each in value.items()}
    return value


@lru_cache(maxsize=8)
def _forms(key: str) -> re.Pattern[str] | None:
    """What finds the key in a text; None where there is none, or none worth hiding."""
    forms = _spellings(key)
    return re.compile("|".join(map(re.escape, forms)), re.IGNORECASE) if forms else None


@lru_cache(maxsize=8)
def _spellings(key: str) -> tuple[str, ...]:
    """Every way in which a server may write the key, longest first; empty where there is none worth hiding."""
    if len(key) < SHORTEST_SECRET:
        return ()
    forms = {key, quote(key, safe=""), quote_plus(key), json.dumps(key)[1:-1], key.encode().hex()}
    return tuple(sorted(forms | set(_base64(key)), key=len, reverse=True))


def _base64(key: str) -> list[str]:
    """What Base64 of any text around the key holds: three alignments, without signs that the neighbours decide."""
    found = []
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + key.encode()).decode().rstrip("=")
        # Six bits a sign: the first ones hold bits of what stands before, the last may hold bits of what follows.
        core = whole[(0, 2, 3)[before] : len(whole) - ((before + len(key)) % 3 != 0)]
        if len(core) >= SHORTEST_SECRET:
            found += [core, core.replace("+", "-").replace("/", "_")]
    return found
