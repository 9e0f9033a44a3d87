"""One of the replicas that answer a run: the engine it has now, what becomes of it, and its log."""

from __future__ import annotations

import re
import threading
from typing import Any

from evalkit.errors import one_line

from .._base import ModelAdapter
from ._base import Replica, ReplicaLostError
from ._log import ReplicaLog

__all__ = ["MOST_FRUITLESS", "FailingError", "Member"]

MOST_FRUITLESS = 3
"""Starts in a row without an answer behind which a replica is given up: what ends it is not chance."""
MOST_ALIKE_AT_FIRST = 5
"""Equal failures in a row behind which an engine is lost that has not answered anything since it was started."""
MOST_ALIKE = 20
"""The same of one that has: a kernel or a server may fail a while."""


class FailingError(ReplicaLostError):
    """An engine fails at every prompt: it is to blame, and no prompt."""


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
        self._was_open = False
        self._failure, self._alike = "", 0

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
            self._adapter = self._started()
            self._was_open = True
            self.has_answered = False
            self._alike = 0
            if self._is_ended:  # meanwhile
                self.end()
                raise ReplicaLostError("it was ended while it started")
            self.log.write("is ready")
        return self._adapter

    def _started(self) -> ModelAdapter:
        try:
            return self._replica.open()
        except Exception as error:
            if not self._was_open or isinstance(error, ReplicaLostError):
                raise
            raise ReplicaLostError(one_line(error)) from error  # the run is as it was when it could be started

    def answers(self) -> None:
        """It has answered a prompt."""
        self.has_answered = True
        self._alike = 0

    def fails(self, reason: str) -> None:
        """It has failed at a prompt; `FailingError` where that is all that it does."""
        failure = re.sub(r"\d+", "#", reason)
        self._alike = self._alike + 1 if failure == self._failure else 1
        self._failure = failure
        if self._alike >= (MOST_ALIKE if self.has_answered else MOST_ALIKE_AT_FIRST):
            raise FailingError(f"it failed at {self._alike} prompts in a row: {one_line(reason)}")

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
