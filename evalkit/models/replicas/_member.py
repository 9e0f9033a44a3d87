"""One of the replicas that answer a run: the engine it has now, what becomes of it, and its log."""

from __future__ import annotations

import threading
from typing import Any

from .._base import ModelAdapter
from ._base import Replica, ReplicaLostError
from ._log import ReplicaLog

__all__ = ["MOST_FRUITLESS", "Member"]

MOST_FRUITLESS = 3
"""Starts in a row without an answer behind which a replica is given up: what ends it is not chance."""


class Member:
    """A replica and its engine. Opened, asked and lost by one thread at a time; ended by any."""

    def __init__(self, replica: Replica, log: ReplicaLog) -> None:
        self.label = replica.label
        self.log = log
        self.thread: threading.Thread | None = None
        """The one that works for it, or did last."""
        self.fruitless = 0
        """Starts in a row that ended without an answer."""
        self.has_answered = False
        """Whether its engine answered anything since it was started."""
        self._replica = replica
        self._adapter: ModelAdapter | None = None
        self._spent: float | None = None  # by engines that are gone
        self._is_ended = False

    @property
    def is_open(self) -> bool:
        """Whether it has an engine."""
        return self._adapter is not None

    @property
    def is_given_up(self) -> bool:
        """Whether it is not started again."""
        return self._is_ended or self.fruitless >= MOST_FRUITLESS

    @property
    def spent(self) -> float | None:
        """What its engines charged so far; None where they do not tell."""
        now = getattr(self._adapter, "spent", None)
        return self._spent if now is None else (self._spent or 0.0) + float(now)

    @property
    def engine_info(self) -> dict[str, Any]:
        """What its engine runs with; nothing where it has none any more."""
        adapter = self._adapter
        return {} if adapter is None else dict(adapter.engine_info)

    def open(self) -> ModelAdapter:
        """The engine, started where there is none."""
        if self._adapter is None:
            self.log.write("starts")
            self._adapter = self._replica.open()
            self.has_answered = False
            if self._is_ended:  # meanwhile
                self.end()
                raise ReplicaLostError("it was ended while it started")
            self.log.write("is ready")
        return self._adapter

    def lose(self, *, is_excused: bool) -> None:
        """Forget the engine, and count its start unless it answered something or `is_excused`: a prompt is to blame."""
        self.fruitless = 0 if self.has_answered else self.fruitless + (not is_excused)
        self.has_answered = False
        self.forget()
        if self.is_given_up:
            self.end()

    def forget(self) -> None:
        """Have the engine started anew where it is next needed."""
        self._spent, self._adapter = self.spent, None

    def end(self) -> None:
        """End the engine at once, whatever it does, and for good."""
        self._is_ended = True
        self.forget()
        try:
            self._replica.close()
        except Exception as error:  # nobody waits for it any more
            self.log.write(f"cannot be ended: {error}")

    def close(self) -> None:
        """Let the engine give its memory back, then end it and its thread."""
        adapter, self._is_ended = self._adapter, True
        try:
            if adapter is not None:
                adapter.close()
        except Exception as error:  # its answers are here
            self.log.write(f"cannot be closed: {error}")
        self.end()
        if self.thread is not None:
            self.thread.join()
        self.log.write("is closed")
        self.log.close()
