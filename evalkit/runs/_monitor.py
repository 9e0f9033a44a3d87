"""Notes and progress of a run: who receives them, and a receiver that shows no progress."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar, runtime_checkable

from evalkit.errors import EvalkitWarning
from evalkit.planning import Counts
from evalkit.printable import safe_message

__all__ = ["Monitor", "SilentMonitor", "StageMonitor", "tell", "told"]

TELL_EVERY_SECONDS = 0.1

Item = TypeVar("Item")


class Monitor(Protocol):
    """Receives notes and progress while a run goes on; subclass it and write the hooks that you need.

    All hooks are called from the thread that called `evaluate`, between two answers: what they take delays the run, and
    what they raise ends it (what is finished is kept).
    """

    def note(self, message: str) -> None:
        """Something the user should know, in one line."""
        return  # an empty body would make the hook abstract to type checkers

    def planned(self, counts: Counts, pending_tokens: int) -> None:
        """A round of work begins, one for each step of the samples; `pending_tokens` prompt tokens are to be computed.

        `counts.samples` prompts are in it, of which `counts.done` have a finished record.
        """
        return

    def finished(self, computed_tokens: int, is_failed: bool) -> None:
        """One answer was recorded, or that there is none; it took `computed_tokens` prompt tokens."""
        return


@runtime_checkable
class StageMonitor(Protocol):
    """A monitor that also shows what goes on while no prompt is answered; others need not."""

    def stage(self, what: str, done: int = 0, total: int | None = None) -> None:
        """What is being done now, and how far: `done` of `total` where that is known; an empty text ends it."""


def tell(monitor: Monitor | None, what: str, done: int = 0, total: int | None = None) -> None:
    """Name the stage of work to a monitor that shows such."""
    if isinstance(monitor, StageMonitor):
        monitor.stage(what, done, total)


def told(items: Iterable[Item], monitor: Monitor | None, what: str, total: int | None) -> Iterator[Item]:
    """The same items; while they are taken the monitor shows how many."""
    tell(monitor, what, 0, total)
    last = time.monotonic()
    for number, item in enumerate(items):
        now = time.monotonic()
        if now - last >= TELL_EVERY_SECONDS:
            tell(monitor, what, number, total)
            last = now
        yield item
    tell(monitor, "")


class SilentMonitor:
    """Shows nothing; notes become Python warnings."""

    def note(self, message: str) -> None:
        """Pass the note on as a Python warning."""
        import warnings

        warnings.warn(safe_message(message), EvalkitWarning, stacklevel=2)

    def planned(self, counts: Counts, pending_tokens: int) -> None:
        """Show nothing."""

    def finished(self, computed_tokens: int, is_failed: bool) -> None:
        """Show nothing."""
