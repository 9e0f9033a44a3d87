"""Downloads over HTTP that survive a bad line: bounded retries, resumed where the server can."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from evalkit.data._files import writing_errors
from evalkit.data._sources import GitOrigin, SourceFile
from evalkit.errors import DataError

if TYPE_CHECKING:
    import httpx

__all__ = ["download", "raw_address"]

ATTEMPTS = 5
BACKOFF_SECONDS = 0.5
TIMEOUT_SECONDS = 30.0
_GIT_ENDPOINT = "https://raw.githubusercontent.com"
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_ELSEWHERE = "get the files on another machine and set EVALKIT_DATA"

OnBytes = Callable[[int], None]


class _TryAgainError(Exception):
    """This attempt failed in a way that may pass."""


def raw_address(origin: GitOrigin, file: SourceFile) -> str:
    """Where the bytes of the file at the commit are served; `EVALKIT_GIT_ENDPOINT` names a mirror."""
    base = os.environ.get("EVALKIT_GIT_ENDPOINT", "") or _GIT_ENDPOINT
    return f"{base.rstrip('/')}/{origin.repo}/{origin.commit}/{quote(file.upstream)}"


def download(address: str, part: Path, size: int | None, on_bytes: OnBytes) -> None:
    """The whole answer is in `part`, which may hold a beginning of it from an earlier attempt.

    A download that fails leaves what arrived, for the next time. The caller verifies the bytes.
    """
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(BACKOFF_SECONDS * 2 ** (attempt - 1))
        try:
            return _attempt(address, part, size, on_bytes)
        except _TryAgainError as error:
            reason = str(error)
    raise DataError(f"cannot download {address}: {reason} ({ATTEMPTS} attempts): try again later, or {_ELSEWHERE}")


def _attempt(address: str, part: Path, size: int | None, on_bytes: OnBytes) -> None:
    import httpx

    start = _usable_start(part, size)
    if size is not None and start == size:
        return
    # Bytes as they are: a compressed answer could not be resumed.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        with httpx.stream("GET", address, headers=headers, timeout=TIMEOUT_SECONDS, follow_redirects=True) as answer:
            _check_status(answer, address, part)
            _check_length_is_known(answer, address, size)
            _store(answer, part, _continues(answer, start, part), size, on_bytes)
    except httpx.RequestError as error:
        raise _TryAgainError(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__) from error


def _usable_start(part: Path, size: int | None) -> int:
    """How many bytes an earlier attempt left; too many are thrown away."""
    start = part.stat().st_size if part.exists() else 0
    if size is None or start <= size:
        return start
    part.unlink()
    return 0


def _check_status(answer: httpx.Response, address: str, part: Path) -> None:
    status = answer.status_code
    if status in _PASSING:
        raise _TryAgainError(f"the server answered {status}")
    if status == 416:  # the beginning at hand is not one of this file
        part.unlink(missing_ok=True)
        raise _TryAgainError("the server refused to resume")
    if status in (401, 403):
        raise DataError(f"cannot download {address}: the server answered {status}: access is refused; {_ELSEWHERE}")
    if status not in (200, 206):
        raise DataError(f"cannot download {address}: the server answered {status}: the file is not there; {_ELSEWHERE}")


def _check_length_is_known(answer: httpx.Response, address: str, size: int | None) -> None:
    """Without a pinned size, a length or chunks are the only sign that an answer is complete."""
    if size is None and not {"content-length", "transfer-encoding"} & set(answer.headers):
        raise DataError(f"cannot download {address}: the server does not say how long the file is; {_ELSEWHERE}")


def _continues(answer: httpx.Response, start: int, part: Path) -> bool:
    """Whether the answer goes on where `part` ends; a server may ignore the wish and send everything."""
    if answer.status_code == 200:
        return False
    if answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        return True
    part.unlink(missing_ok=True)
    raise _TryAgainError("the server resumed at another place")


def _store(answer: httpx.Response, part: Path, append: bool, size: int | None, on_bytes: OnBytes) -> None:
    with writing_errors(part), part.open("ab" if append else "wb") as stream:
        for chunk in answer.iter_bytes():  # no chunk size: what a cut line brought must not wait in a buffer
            stream.write(chunk)
            on_bytes(stream.tell())
            if size is not None and stream.tell() > size:
                break  # more than the pinned file: the digest cannot match, the caller says so
        stream.flush()
        os.fsync(stream.fileno())
        received = stream.tell()
    if size is not None and received < size:
        raise _TryAgainError(f"the connection ended after {received} of {size} bytes")
