"""Who is asked next: questions of several threads, first come, first served."""

from __future__ import annotations

from collections import deque
from threading import Condition

__all__ = ["Line"]


class Line:
    """A queue of whoever waits for the one model. Its front is whose turn it is."""

    def __init__(self) -> None:
        self._moved = Condition()
        self._tickets: deque[object] = deque()

    def __len__(self) -> int:
        """How many are answered or wait."""
        with self._moved:
            return len(self._tickets)

    def join(self) -> object:
        """Stand at the end; the ticket is to be given to `leave`, whatever happens."""
        ticket = object()
        with self._moved:
            self._tickets.append(ticket)
        return ticket

    def ahead(self, ticket: object, seconds: float = 0) -> int:
        """How many are before that ticket, once it is its turn or the seconds have passed."""
        with self._moved:
            self._moved.wait_for(lambda: self._tickets[0] is ticket, seconds)
            return self._tickets.index(ticket)

    def leave(self, ticket: object) -> None:
        """Make room for the next."""
        with self._moved:
            self._tickets.remove(ticket)
            self._moved.notify_all()
