"""What is told while a run goes on, and the monitor of calls from Python. The terminal's is `cli/_progress.py`."""

from __future__ import annotations

from typing import Protocol

from evalkit.planning import Counts

__all__ = ["Monitor", "SilentMonitor"]


class Monitor(Protocol):
    """Is told what happens in a run."""

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
        """Nothing to show."""

    def finished(self, computed_tokens: int, is_failed: bool) -> None:
        """Nothing to show."""
