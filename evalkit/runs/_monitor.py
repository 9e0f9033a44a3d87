"""Who watches a run: nobody, or a person at a terminal."""

from __future__ import annotations

from evalkit.planning import Counts

__all__ = ["SilentMonitor"]


class SilentMonitor:
    """Watches without a word; warnings go to `warnings`."""

    def note(self, message: str) -> None:
        """Pass the note on as a Python warning."""
        import warnings

        warnings.warn(message, stacklevel=2)

    def planned(self, counts: Counts, pending_tokens: int) -> None:
        """Nothing to show."""

    def finished(self, computed_tokens: int, is_failed: bool) -> None:
        """Nothing to show."""
