"""The progress of a run that was started on the command line."""

from __future__ import annotations

from evalkit import progress

from ._output import note

__all__ = ["ProgressMonitor"]


class ProgressMonitor(progress.ProgressMonitor):
    """As `evalkit.progress.ProgressMonitor`, with lines as the command line writes them."""

    def __init__(self, unit: str = "tokens") -> None:
        super().__init__(unit, note)
