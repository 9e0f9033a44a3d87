"""What the threads of replicas hand to the thread that reads answers: lines for the user, beside the answers."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from ._log import ReplicaLog

__all__ = ["Inbox"]


class Inbox:
    """Lines of several threads, kept until the thread that reads answers shows them: a monitor knows that one only."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self.changed = threading.Condition()
        """Guards what is shared between the threads of replicas and the reader, and wakes who waits for it."""
        self._show = show
        self._said: set[str] = set()
        self._waiting: deque[str] = deque()
        self._thread = threading.local()

    def of_thread(self, log: ReplicaLog) -> None:
        """From now on what engines say in this thread also goes to that log."""
        self._thread.log = log

    @property
    def has_lines(self) -> bool:
        """Whether there is something to show."""
        return bool(self._waiting)

    def note(self, line: str) -> None:
        """Keep what an engine says; the others of its kind say the same, which is kept once."""
        log: ReplicaLog | None = getattr(self._thread, "log", None)
        if log is not None:
            log.write(f"says: {line}")
        with self.changed:
            if line not in self._said:
                self._said.add(line)
                self.tell(line)

    def tell(self, line: str) -> None:
        """Keep what is news each time it happens."""
        with self.changed:
            self._waiting.append(line)
            self.changed.notify_all()

    def show(self) -> None:
        """Show what was kept. Only for the thread that reads answers."""
        while self._waiting:
            self._show(self._waiting.popleft())
