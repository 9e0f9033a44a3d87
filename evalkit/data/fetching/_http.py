"""Downloads over HTTP that survive a bad line: bounded retries, resumed where the server can.

A download ends: an attempt that gets fewer than `LEAST_BYTES` within `WINDOW_SECONDS` is given up, so a file of N bytes
takes at most N / LEAST_BYTES windows and `ATTEMPTS` that brought nothing. Nothing is larger than its pinned size, or
than `LARGEST_BYTES` where none is pinned.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from evalkit.data._files import writing_errors
from evalkit.data._sources import GitOrigin, SourceFile
from evalkit.errors import DataError
from evalkit.transfer import Background, Inflater, TooLargeError, TransferError

if TYPE_CHECKING:
    import httpx

__all__ = ["download", "raw_address"]

ATTEMPTS = 5
BACKOFF_SECONDS = 0.5
WINDOW_SECONDS = 30.0
LEAST_BYTES = 120 * 1024  # in a window: 4 KiB a second, as much as a modem's line carries
PAST_THE_END = 2**20  # bytes behind a pinned size that are written before they are seen to be too many
LARGEST_BYTES = 2**25  # of a file whose size nobody pinned: ten times the largest of L-Eval, where such files are
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
    start = _usable_start(part, size)
    if size is not None and start == size:
        return
    with Background() as background:
        background.run(_transfer(address, part, start, size, on_bytes))


async def _transfer(address: str, part: Path, start: int, size: int | None, on_bytes: OnBytes) -> None:
    import httpx

    # Bytes as they are: a compressed answer could not be resumed.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    try:
        async with httpx.AsyncClient(headers=headers, timeout=WINDOW_SECONDS, follow_redirects=True) as client:
            async with asyncio.timeout(WINDOW_SECONDS):  # headers too may come a byte at a time
                answer = await client.send(client.build_request("GET", address), stream=True)
            try:
                _check_status(answer, address, part)
                _check_length(answer, address, part, size)
                await _store(answer, part, _continues(answer, start, part), size, on_bytes)
            finally:
                await answer.aclose()
    except TooLargeError:
        raise _too_large(address, part, size) from None
    except TransferError as error:
        part.unlink(missing_ok=True)  # a compressed body cannot be resumed
        raise _TryAgainError(str(error)) from error
    except httpx.InvalidURL as error:
        raise DataError(f"cannot download {address}: this is no address ({error}); {_ELSEWHERE}") from None
    except TimeoutError as error:
        raise _TryAgainError(f"no answer within {WINDOW_SECONDS:g} s") from error
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


def _too_large(address: str, part: Path, size: int | None) -> DataError:
    """The error of a file that is larger than it can be; what came of it is removed."""
    part.unlink(missing_ok=True)
    most = f"{LARGEST_BYTES // 2**20} MiB" if size is None else f"the pinned {size} bytes"
    return DataError(f"cannot download {address}: the answer is larger than {most}: another file; {_ELSEWHERE}")


def _check_length(answer: httpx.Response, address: str, part: Path, size: int | None) -> None:
    """Without a pinned size, a length or chunks are the only sign that an answer is complete."""
    told = answer.headers.get("content-length", "")
    if size is None and told.isdecimal() and int(told[:20]) > LARGEST_BYTES:
        raise _too_large(address, part, size)
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


async def _store(answer: httpx.Response, part: Path, append: bool, size: int | None, on_bytes: OnBytes) -> None:
    with writing_errors(part), part.open("ab" if append else "wb") as stream:
        try:
            await _copy(answer, stream, size, on_bytes)
        finally:
            stream.flush()
            os.fsync(stream.fileno())
        received = stream.tell()
    if size is not None and received < size:
        raise _TryAgainError(f"the connection ended after {received} of {size} bytes")


async def _copy(answer: httpx.Response, stream: IO[bytes], size: int | None, on_bytes: OnBytes) -> None:
    """Write what comes until it ends, is more than the file can have, or is too slow."""
    inflater, most = Inflater(answer.headers.get("Content-Encoding", "")), LARGEST_BYTES if size is None else size
    began, earlier = time.monotonic(), stream.tell()
    async for raw in answer.aiter_raw():  # as it comes: what a cut line brought must not wait in a buffer
        room = max(0, most - stream.tell()) + (0 if size is None else PAST_THE_END)
        stream.write(inflater.feed(raw, room))
        on_bytes(stream.tell())
        if size is not None and stream.tell() > size:
            return  # more than the pinned file: the digest cannot match, the caller says so
        if time.monotonic() - began > WINDOW_SECONDS:
            if stream.tell() - earlier < LEAST_BYTES:
                raise _TryAgainError(
                    f"{stream.tell() - earlier} bytes came within {WINDOW_SECONDS:g} s, which is too slow"
                )
            began, earlier = time.monotonic(), stream.tell()
    inflater.end()
