"""Asks the hub: which files a model's commit holds, and one file of them.

Cache, mirrors, tokens and offline mode are those of the hub's own client. The list is asked for here, because an answer
must end: in bytes and in seconds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from evalkit.errors import CardError, one_line
from evalkit.transfer import quiet_hub_client

from ._name import COMMIT, HubName

if TYPE_CHECKING:
    import httpx

__all__ = ["HubAwayError", "HubError", "Listing", "endpoint", "fetch_file", "is_offline", "read_listing"]

TIMEOUT_SECONDS = 10.0  # of one step: connecting, or waiting for the next bytes
LISTING_SECONDS = 60.0
LISTING_BYTES = 2**24  # a repository of ten thousand files is described in a few MiB
RESENT = 4  # a file may come again from its beginning where a server cannot resume, so often
SLACK_BYTES = 2**20
_YES = {"1", "true", "yes", "on"}


class HubError(CardError):
    """The hub does not give what was asked for; a copy in its cache may do."""


class HubAwayError(HubError):
    """The hub cannot be reached, or is not well."""


@dataclass(frozen=True)
class Listing:
    """What the hub says of one commit of a model."""

    commit: str
    """The commit, in full."""
    repo: str
    """The model's present name: another one than was asked for where it was renamed."""
    files: tuple[str, ...]
    """Paths of its files."""
    licence: str | None
    """Licence by the tags of the model; None where it has none."""


def endpoint() -> str:
    """The address of the hub: `HF_ENDPOINT`, or what the hub's client has."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or str(constants.ENDPOINT)).rstrip("/")


def is_offline() -> bool:
    """Whether the user switched the hub off."""
    from huggingface_hub import constants

    said = os.environ.get("HF_HUB_OFFLINE")
    return bool(constants.HF_HUB_OFFLINE) if said is None else said.lower() in _YES


def read_listing(name: HubName) -> Listing:
    """Commit and files of a model; `HubError` of one line for whatever stands in the way."""
    import httpx
    from huggingface_hub.utils import build_hf_headers

    revision = f"/revision/{quote(name.revision, safe='')}" if name.revision is not None else ""
    address = f"{endpoint()}/api/models/{name.repo}{revision}"
    try:
        with httpx.stream(
            "GET", address, headers=build_hf_headers(), timeout=TIMEOUT_SECONDS, follow_redirects=True
        ) as answer:
            if answer.status_code != 200:
                raise _refusal(name, answer.status_code, answer.headers.get("X-Error-Code", ""))
            body = _body(answer)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise HubAwayError(f"{name}: the hub cannot be reached at {endpoint()} ({one_line(error)})") from error
    return _listing(name, body)


def _body(answer: httpx.Response) -> bytes:
    """The whole answer; `HubError` where it does not end."""
    body, end = b"", time.monotonic() + LISTING_SECONDS
    for piece in answer.iter_bytes(2**16):
        body += piece
        if len(body) > LISTING_BYTES or time.monotonic() > end:
            raise HubError(f"the list of files at {endpoint()} does not end: is HF_ENDPOINT a hub?")
    return body


def _listing(name: HubName, body: bytes) -> Listing:
    try:
        found = json.loads(body)
        commit, files = found["sha"], [entry["rfilename"] for entry in found["siblings"]]
        tags = [tag for tag in found.get("tags") or () if isinstance(tag, str)]
    except (ValueError, TypeError, KeyError, RecursionError):
        commit, files, tags, found = None, [], [], {}
    # The commit and the paths become parts of paths on this machine.
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise HubError(f"{name}: what {endpoint()} answers is no list of files: is HF_ENDPOINT a hub?")
    licence = next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), None)
    now = found.get("id")
    inside = tuple(path for path in files if isinstance(path, str) and _is_inside(path))
    return Listing(commit, now if isinstance(now, str) else name.repo, inside, licence)


def _is_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return (
        bool(path)
        and path.isprintable()
        and not pure.is_absolute()
        and not {"..", ""} & {*path.split("/")}
        and ("\\" not in path and ":" not in path)
    )


def _refusal(name: HubName, status: int, code: str) -> HubError:
    """Why the hub gives nothing, in one line; the meaning of its codes is that of its own client."""
    place = endpoint()
    if code == "GatedRepo" or (status == 403 and code != "RepoNotFound"):
        return HubError(
            f"{name}: access to this model is restricted: ask for it at {place}/{name.repo}, and set HF_TOKEN to a "
            "token of that account"
        )
    if code == "RevisionNotFound":
        return HubError(f"{name}: the model has no such commit, tag or branch at {place}")
    if status in {401, 404}:  # the hub answers 401 for what is not there, so that nobody learns of private models
        return HubError(f"{name}: no such model at {place} (a private one needs HF_TOKEN)")
    return HubAwayError(f"{name}: the hub at {place} answered {status}")


def fetch_file(name: HubName, commit: str, path: str) -> Path:
    """The file in the hub's cache, downloaded unless it lies there; `HubError` where it cannot be had."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        with quiet_hub_client():
            return Path(
                hf_hub_download(
                    name.repo, path, revision=commit, endpoint=endpoint(), etag_timeout=TIMEOUT_SECONDS,
                    tqdm_class=_bounded_bar(),
                )
            )  # fmt: skip
    except LocalEntryNotFoundError as error:
        cause = one_line(error.__cause__ or error, 160)
        raise HubAwayError(f"{name}: {path} cannot be had from {endpoint()} ({cause})") from error
    except Exception as error:  # the client, its HTTP library and the disk raise every kind
        code = getattr(getattr(error, "response", None), "status_code", None)
        if code in {401, 403, 404}:
            headers = error.response.headers  # type: ignore[attr-defined]
            raise _refusal(name, code, headers.get("X-Error-Code", "")) from error
        raise HubAwayError(f"{name}: {path} cannot be had from {endpoint()} ({one_line(error, 160)})") from error


class _EndlessError(Exception):
    """A file is longer than its server said."""


def _bounded_bar() -> type[Any]:
    """The client's progress bar, at a terminal only, which ends a download that goes on behind the file's end."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            total = kwargs.get("total") or 0
            self._received, self._most = 0, RESENT * total + SLACK_BYTES
            kwargs["disable"] = bool(kwargs.get("disable")) or not sys.stderr.isatty()
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> bool | None:
            self._received += max(0, int(n or 0))
            if self._received > self._most:
                raise _EndlessError("it is longer than the server said")
            return super().update(n)  # type: ignore[no-any-return]

    return Bar
