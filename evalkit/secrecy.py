"""What of the environment is a secret, how it is kept out of messages, and what a helper process gets instead.

A helper process (pip, an engine's worker) needs proxies, caches and paths. It needs no key, and nothing from the folder
that somebody happens to work in: `python -m` would put that folder first on the path, and `pip.py` in a downloaded
model would run.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping

__all__ = [
    "helper_environment",
    "is_secret_name",
    "secrets_hidden",
    "without_secrets",
]

SECRET = re.compile(
    r"(?:^|_)(?:API_?KEYS?|KEYS?|TOKENS?|SECRETS?|PASS|CREDENTIALS?|PAT)(?:_?[0-9]+)?"
    r"(?:$|_(?!.*(?:PATH|FILE|DIR|URL|NAME|TYPE|SIZE|LIMIT|COUNT)$))"
    r"|(?:PASSWORD|PASSWD|PASSPHRASE|SSHPASS|_PWD|TOKEN)(?:_?[0-9]+)?$"  # PGPASSWORD, MYSQL_PWD
    r"|SECRET|PRIVATE_?KEY|API_?KEY|ACCESS_?KEY|ACCESS_?TOKEN",
    re.IGNORECASE,
)
SHORTEST_SECRET = 8  # a shorter value is no secret, and may stand in a text by chance
USER_INFO = re.compile(r"(?<=://)[^/\s@'\"<>?#]+@")
HUB_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def is_secret_name(name: str) -> bool:
    """Whether a variable of that name holds a key, a token or a password."""
    return SECRET.search(name) is not None


def without_secrets(text: str) -> str:
    """The text with `[NAME]` for the value of every secret variable, and addresses without user and password."""
    for name, value in _secrets(os.environ):
        if value in text:
            text = text.replace(value, f"[{name}]")
    return USER_INFO.sub("", text) if "@" in text else text


def _secrets(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Names and values, longest first: a key may begin like another."""
    found = [(name, value.strip()) for name, value in environment.items() if is_secret_name(name)]
    found = [(name, value) for name, value in found if len(value) >= SHORTEST_SECRET and not value.startswith("/")]
    yield from sorted(found, key=lambda pair: -len(pair[1]))


def helper_environment() -> dict[str, str]:
    """The environment of a helper process: this one without secrets, and nothing of it adds to the import path.

    With PYTHONSAFEPATH, `python -m` does not put the working folder first. The user's own site folder stays: pip may
    live there; so do the secrets in pip's own variables, which it needs.
    """
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or not is_secret_name(name)}
    kept.pop("PYTHONPATH", None)
    return {**kept, "PYTHONSAFEPATH": "1"}


@contextlib.contextmanager
def secrets_hidden(*, keeping: tuple[str, ...] = HUB_TOKENS) -> Iterator[None]:
    """Processes that are started inside inherit no secret but those to keep, and do not import from the working folder.

    For libraries that start their workers by themselves.
    """
    hidden = {name: os.environ[name] for name in os.environ if is_secret_name(name) and name not in keeping}
    for name in hidden:
        del os.environ[name]
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        os.environ.update(hidden)
