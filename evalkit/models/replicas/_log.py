"""The log of one replica: a line, with its time, for all that happens to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from evalkit.printable import safe_message

__all__ = ["ReplicaLog"]


class ReplicaLog:
    """Lines behind those that the file holds already. What cannot be written stops nothing and is said once."""

    def __init__(self, path: Path | None, note: Callable[[str], None]) -> None:
        self._path = path
        self._note = note
        self._stream: TextIO | None = None

    def write(self, line: str) -> None:
        """Add a line, with the time in UTC; nothing where there is no file."""
        if self._path is None:
            return
        try:
            if self._stream is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._stream = self._path.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
            now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
            self._stream.write(f"{now}Z  {' '.join(safe_message(line).split())}\n")
        except OSError as error:
            folder, self._path = self._path.parent, None
            self._note(f"{folder}: logs of replicas cannot be written ({error.strerror}); the run goes on without")

    def close(self) -> None:
        """Give the file back; the next line opens it again."""
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.close()
            except OSError:  # a full disk, which the lines themselves have met
                self._path = None
