"""Notes and progress of a run: who receives them, and a receiver that shows no progress."""

from __future__ import annotations

from typing import Protocol

from evalkit.errors import EvalkitWarning
from evalkit.planning import Counts

__all__ = ["Monitor", "SilentMonitor"]


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


class SilentMonitor:
    """Shows nothing; notes become Python warnings."""

    def note(self, message: str) -> None:
        """Pass the note on as a Python warning."""
        import warnings

        warnings.warn(message, EvalkitWarning, stacklevel=2)

    def planned(self, counts: Counts, pending_tokens: int) -> None:
        """Show nothing."""

    def finished(self, computed_tokens: int, is_failed: bool) -> None:
        """Show nothing."""
