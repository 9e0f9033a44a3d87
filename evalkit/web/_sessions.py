"""What each browser session has of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from evalkit.chatting import Asked, Conversation, Reply
from evalkit.documents import LARGEST
from evalkit.errors import UserError

from ._answers import Job
from ._views import Exchange

if TYPE_CHECKING:
    from evalkit.chatting.roleplay import Examples

__all__ = ["Reader", "Session", "Sessions"]

_T = TypeVar("_T")

MOST_SESSIONS = 64
"""Sessions that are kept; the one that was quiet longest is dropped for another."""
READ_AT_ONCE, MOST_READ = 2, 16
"""Uploads that are read at the same time (a PDF or DOCX takes up to 2 GiB), and that are read or wait for it."""


@dataclass
class Session:
    """One open page."""

    conversation: Conversation
    """What is asked about and was said."""
    examples: Examples | None = None
    """Dialogues of role play; None = no role play."""
    exchanges: list[Exchange] = field(default_factory=list)
    """All of the conversation, as it is shown."""
    last: tuple[Asked, Reply] | None = None
    """What can be saved as a sample."""
    job: Job | None = None
    """The answer under way."""
    asking: str | None = None
    """The question that is being prepared or answered."""
    is_stopped: bool = False
    """Whether nobody wants its answer any more."""
    upload: object | None = None
    """The upload whose document is being read; another one takes its place."""

    def stop(self) -> None:
        """End the answer under way, or the one that is being prepared."""
        self.is_stopped = True
        if self.job is not None:
            self.job.stop()

    def restart(self, conversation: Conversation) -> None:
        """Begin that conversation; an answer under way ends."""
        self.stop()
        self.conversation, self.exchanges, self.last = conversation, [], None


class Sessions:
    """All open pages, by the name that the browser gives each."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()

    def begin(self, name: str | None, session: Session) -> Session:
        """Keep a new session."""
        with self._lock:
            while len(self._open) >= MOST_SESSIONS:
                self._open.pop(next(iter(self._open))).stop()
            self._open[name or ""] = session
        return session

    def of(self, name: str | None) -> Session:
        """The session of that name; `UserError` where it ended."""
        with self._lock:
            found = self._open.pop(name or "", None)
            if found is None:
                raise UserError("this page's session has ended; reload the page")
            self._open[name or ""] = found  # the last in the row is the one that was used last
            return found

    def end(self, name: str | None) -> None:
        """Drop a session; its answer under way ends."""
        with self._lock:
            found = self._open.pop(name or "", None)
        if found is not None:
            found.stop()

    def end_all(self) -> list[Job]:
        """Drop all sessions; the answers that are under way, which end."""
        with self._lock:
            found = [session.job for session in self._open.values() if session.job is not None]
            self._open.clear()
        for job in found:
            job.stop()
        return found


class Reader:
    """Reads uploads, a few at a time: each may take a process and much memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._places, self._turns = threading.Semaphore(MOST_READ), threading.Semaphore(READ_AT_ONCE)

    def read(self, path: str, make: Callable[[tuple[str, bytes]], _T]) -> _T:
        """What is made of an upload's name and bytes, once it is its turn; `UserError` for any other file, and where
        too many wait."""
        if not self._places.acquire(blocking=False):
            raise UserError(f"{MOST_READ} files are being read already; upload yours again later")
        try:
            upload = read_upload(path, self._folder)
            with self._turns:
                return make(upload)
        finally:
            self._places.release()


def read_upload(path: str, folder: Path) -> tuple[str, bytes]:
    """Name and bytes of an uploaded file; `UserError` for any other file.

    It stays until others take its place: the same file of another session lies there too.
    """
    file = Path(path)
    if not file.resolve().is_relative_to(folder) or not file.is_file():
        raise UserError("the upload is gone; upload it again")
    if file.stat().st_size > LARGEST:
        raise UserError(f"{file.name}: larger than {LARGEST // 2**20} MiB")
    return file.name, file.read_bytes()
