"""Files of the Hugging Face hub, through its own client: cache, mirrors, tokens and offline mode as users know them.

The client itself waits for ever for a server that sends a little now and then, and stores whatever is sent; so its
progress is watched.
"""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from evalkit.data._sources import HubOrigin, SourceFile
from evalkit.errors import DataError
from evalkit.transfer import quiet_hub_client

__all__ = ["hub_file"]


WINDOW_SECONDS = 900.0  # without news: the client tells of every 10 MB, so this is 11 KiB a second
LARGEST_BYTES = 2**30  # of a file whose size nobody pinned


class _BadTransferError(Exception):
    """The server sends too little, or too much."""


def hub_file(origin: HubOrigin, file: SourceFile, *, again: bool) -> Path:
    """The file in the hub client's cache; `again` downloads it although it is there."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    place = f"{file.upstream} of hub {origin.repo_type} {origin.repo} at {origin.revision[:12]}"
    try:
        with quiet_hub_client():
            return _watched(
                lambda watch: hf_hub_download(
                    origin.repo,
                    file.upstream,
                    repo_type=origin.repo_type,
                    revision=origin.revision,
                    endpoint=os.environ.get("HF_ENDPOINT") or None,  # the client reads it once, at import
                    force_download=again,
                    **watch,
                ),
                LARGEST_BYTES if file.bytes is None else file.bytes,
                can_watch="tqdm_class" in inspect.signature(hf_hub_download).parameters,
            )
    except _BadTransferError as error:
        raise DataError(f"cannot download {place}: {error}: check HF_ENDPOINT, or set EVALKIT_DATA") from None
    except LocalEntryNotFoundError as error:
        raise DataError(
            f"cannot download {place}: the hub cannot be reached (offline, or HF_HUB_OFFLINE is set): "
            "set HF_ENDPOINT to a mirror, or get the files on another machine and set EVALKIT_DATA"
        ) from error
    except EntryNotFoundError as error:
        raise DataError(
            f"cannot download {place}: the file is not there: check HF_ENDPOINT, or set EVALKIT_DATA"
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(
            f"cannot download {place}: {reason}: check HF_ENDPOINT and HF_TOKEN, or set EVALKIT_DATA"
        ) from error


def _watched(download: Callable[[dict[str, Any]], str], most: int, *, can_watch: bool) -> Path:
    """What the client downloads, while it makes progress and brings no more bytes than the file has."""
    news, found = _News(most), Future[str]()

    def work() -> None:
        try:
            found.set_result(download({"tqdm_class": news.bar()} if can_watch else {}))
        except BaseException as error:
            found.set_exception(error)

    # Nothing ends a thread from outside: one that hangs is left to end with the process.
    threading.Thread(target=work, name="evalkit-hub", daemon=True).start()
    while not found.done():
        if time.monotonic() - news.at > WINDOW_SECONDS:
            news.is_over = True
            raise _BadTransferError(f"no progress within {WINDOW_SECONDS:g} s")
        try:
            found.exception(timeout=min(1.0, WINDOW_SECONDS / 4))
        except TimeoutError:
            continue
    return Path(found.result())


class _News:
    """How far a download is, told by the client's progress bar."""

    def __init__(self, most: int) -> None:
        self.at = time.monotonic()
        self.is_over = False
        self._most = most
        self._received = 0

    def bar(self) -> type:
        """The class of progress bars that tells it."""
        from huggingface_hub.utils import tqdm

        news = self

        class Bar(tqdm):  # type: ignore[misc]
            def update(self, n: float | None = 1) -> bool | None:
                news.take(int(n or 0))
                return super().update(n)  # type: ignore[no-any-return]

        return Bar

    def take(self, number: int) -> None:
        """Count bytes; raise where nobody waits any more, or where they are too many."""
        self.at = time.monotonic()
        self._received += number
        if self.is_over or self._received > self._most:
            raise _BadTransferError(f"more than the {self._most} bytes of the file came")
