"""The progress line of a run: rate and time left at a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ._output import note

if TYPE_CHECKING:
    from evalkit.planning import Counts

__all__ = ["ProgressMonitor", "prompts_built"]

PLAIN_EVERY_SECONDS = 60.0
RATES = {"tokens": "tok/s", "characters": "char/s"}


class ProgressMonitor:
    """Shows a run to a person. Time left is estimated from prompt tokens, not samples: long prompts come in runs.

    `unit` names what prompts are counted in: tokens, or characters where nobody knows the tokenizer.
    """

    def __init__(self, unit: str = "tokens") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._unit = unit
        self._is_live = sys.stderr.isatty()
        self._progress = Progress(
            TextColumn("{task.fields[samples]}"),
            BarColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not self._is_live,
        )
        self._task = self._progress.add_task("", total=1, samples="planning", rate="")
        self._samples = self._total = self._tokens = self._failed = 0
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def note(self, message: str) -> None:
        """Print a line above the progress bar."""
        if self._is_live:
            self._progress.console.print(f"evalkit: {message}", markup=False, highlight=False)
        else:
            note(message)

    def planned(self, counts: Counts, pending_tokens: int) -> None:
        """Start the bar of a round."""
        self._samples, self._total = counts.done, counts.samples
        self._tokens, self._began = 0, time.monotonic()
        left = counts.samples - counts.done
        prompts = f"{pending_tokens:,} prompt {self._unit}"
        self.note(f"{counts.samples:,} samples, {counts.done:,} done, {left:,} to run, {prompts}")
        self._progress.update(self._task, total=max(1, pending_tokens), completed=0, samples=self._text(), rate="")

    def finished(self, computed_tokens: int, is_failed: bool) -> None:
        """Move the bar."""
        self._samples += 1
        self._failed += is_failed
        self._tokens += computed_tokens
        seconds = time.monotonic() - self._began
        rate = f"{self._tokens / seconds:,.0f} {RATES[self._unit]}" if seconds > 0 else ""
        self._progress.update(self._task, completed=self._tokens, samples=self._text(), rate=rate)
        if not self._is_live and time.monotonic() - self._said >= PLAIN_EVERY_SECONDS:
            self._said = time.monotonic()
            note(f"{self._text()}, {rate}")

    def _text(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._samples:,}/{self._total:,} samples{failed}"


@contextlib.contextmanager
def prompts_built() -> Iterator[Callable[[int], None]]:
    """A receiver of how many prompts are built: a line that changes at a terminal, one a minute elsewhere."""
    from rich.console import Console

    console, said = Console(stderr=True), time.monotonic()

    def tell(count: int) -> None:
        nonlocal said
        if console.is_terminal:
            status.update(f"planning: {count:,} prompts")
        elif time.monotonic() - said >= PLAIN_EVERY_SECONDS:
            said = time.monotonic()
            note(f"planning: {count:,} prompts built")

    status = console.status("planning")
    with status if console.is_terminal else contextlib.nullcontext():
        yield tell
