"""Notes and progress of a run: who receives them, and the receiver of calls from Python. The terminal's is in `cli`."""

from __future__ import annotations

from typing import Protocol

from evalkit.planning import Counts

__all__ = ["Monitor", "SilentMonitor"]


class Monitor(Protocol):
    """Receives notes and progress while a run goes on."""

    def note(self, message: str) -> None:
        """Something the user should know."""

    def planned(self, counts: Counts, pending_tokens: int) -> None:
        """A round of work is about to begin; `pending_tokens` prompt tokens are to be computed."""

    def finished(self, computed_tokens: int, is_failed: bool) -> None:
        """One sample step was recorded."""


class SilentMonitor:
    """Shows nothing; notes become Python warnings."""

    def note(self, message: str) -> None:
        """Pass the note on as a Python warning."""
        import warnings

        warnings.warn(message, stacklevel=2)

    def planned(self, counts: Counts, pending_tokens: int) -> None:
        """Show nothing."""

    def finished(self, computed_tokens: int, is_failed: bool) -> None:
        """Show nothing."""
