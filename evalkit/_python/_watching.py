"""What a run says to a Python caller: notes as warnings, and progress where somebody watches."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evalkit.errors import EvalkitWarning, UserError
from evalkit.printable import safe_message
from evalkit.progress import ProgressMonitor

from ._wording import in_python

if TYPE_CHECKING:
    from evalkit.planning import Counts
    from evalkit.runs import Monitor

__all__ = ["CallMonitor", "warn_of", "watching"]


def warn_of(messages: Iterable[str]) -> None:
    """Each message as an `EvalkitWarning` at the caller's own line, in Python's words."""
    for message in messages:
        warnings.warn(safe_message(in_python(message)), EvalkitWarning, stacklevel=_depth())


def _depth() -> int:
    """`stacklevel` of the first frame outside evalkit, as `warn_of` counts them."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "evalkit":
        depth, frame = depth + 1, frame.f_back
    return depth


class CallMonitor:
    """Notes become warnings; `progress` is shown where there is one."""

    def __init__(self, progress: ProgressMonitor | None = None) -> None:
        self._progress = progress

    def note(self, message: str) -> None:
        """Pass the note on as a Python warning."""
        warn_of([message])

    def planned(self, counts: Counts, pending_tokens: int) -> None:
        """Start the bar of a round."""
        if self._progress is not None:
            self._progress.planned(counts, pending_tokens)

    def finished(self, computed_tokens: int, is_failed: bool) -> None:
        """Move the bar."""
        if self._progress is not None:
            self._progress.finished(computed_tokens, is_failed)

    def stage(self, what: str, done: int = 0, total: int | None = None) -> None:
        """Show what is done while no prompt is answered."""
        if self._progress is not None:
            self._progress.stage(what, done, total)

    def count_in(self, unit: str) -> None:
        """Say what prompts are counted in: tokens or characters."""
        if self._progress is not None:
            self._progress.unit = unit


@contextmanager
def watching(monitor: Monitor | None, progress: bool | None) -> Iterator[Monitor]:
    """The monitor of a call: the caller's own, or warnings with progress where it is wanted or somebody watches.

    Raises a `UserError` for a monitor that lacks one of the hooks, and for a word in place of yes or no.
    """
    if progress is not None and not isinstance(progress, bool):
        raise UserError(f"progress={progress!r:.60}: pass True, False or None")
    if monitor is not None:
        if progress:
            raise UserError("progress=True and monitor=: a monitor shows progress itself; leave one out")
        yield _checked(monitor)
    elif progress or (progress is None and (sys.stderr.isatty() or _is_notebook())):
        with ProgressMonitor() as bar:
            yield CallMonitor(bar)
    else:
        yield CallMonitor()


def _checked(monitor: Monitor) -> Monitor:
    missing = [name for name in ("note", "planned", "finished") if not callable(getattr(monitor, name, None))]
    if missing or isinstance(monitor, type):
        what = f"lacks {', '.join(missing)}" if missing else f"is a class: pass {monitor.__name__}()"  # type: ignore[attr-defined]
        raise UserError(f"monitor: {what}; evalkit.Monitor has the three hooks, subclass it")
    return monitor


def _is_notebook() -> bool:
    """Whether the call comes from a notebook, where standard error is no terminal and people watch."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
