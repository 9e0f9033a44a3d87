"""The progress of a run on standard error: a bar at a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, Self

from evalkit.printable import counted, safe_message

if TYPE_CHECKING:
    from rich.progress import Task, TaskID, TimeRemainingColumn
    from rich.text import Text

__all__ = ["ProgressMonitor", "Round", "say_plainly"]

PLAIN_EVERY_SECONDS = 60.0
RATES = {"tokens": "tok/s", "characters": "char/s"}


class Round(Protocol):
    """What is counted of the prompts of a round: `evalkit.planning.Counts`."""

    @property
    def samples(self) -> int:
        """Prompts, those already done included."""

    @property
    def done(self) -> int:
        """Prompts with a finished record."""

    @property
    def unique_prompt_tokens(self) -> int:
        """The least prompt tokens that must be computed for all of them."""


def say_plainly(message: str) -> None:
    """A line of evalkit on standard error."""
    sys.stderr.write(f"evalkit: {safe_message(message)}\n")


def _time_left() -> TimeRemainingColumn:
    """Number and word as one column: of two, a narrow terminal drops the number, and the time elapsed looks left."""
    from rich.progress import TimeRemainingColumn
    from rich.text import Text

    class TimeLeft(TimeRemainingColumn):
        def render(self, task: Task) -> Text:
            return Text.assemble(super().render(task), " left") if task.total is not None else Text()

    return TimeLeft()


class ProgressMonitor:
    """Shows a run to a person. Time left is estimated from prompt tokens, not samples: long prompts come in runs.

    `unit` names what prompts are counted in: tokens, or characters where nobody knows the tokenizer; it may be set
    once that is known. `say` prints a line where there is no terminal.
    """

    def __init__(self, unit: str = "tokens", say: Callable[[str], None] = say_plainly) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self.unit = unit
        """What prompts are counted in."""
        self._say = say
        self._is_live = sys.stderr.isatty()
        self._progress = Progress(
            TextColumn("{task.fields[samples]}"),
            BarColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            _time_left(),
            console=Console(stderr=True),
            disable=not self._is_live,
        )
        self._task = self._progress.add_task("", total=1, samples="", rate="", visible=False)
        self._stage: TaskID | None = None
        self._staged = ""
        self._samples = self._total = self._tokens = self._failed = 0
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stage("")
        self._progress.stop()

    def stage(self, what: str, done: int = 0, total: int | None = None) -> None:
        """Show at a terminal what is done while no prompt is answered; elsewhere once a minute how far that is."""
        text = what + (f" {done:,}" if done else "") + (f" of {total:,}" if done and total else "")
        if not self._is_live:
            if done:
                self._say_now_and_then(text)
            return
        if what == self._staged and self._stage is not None:
            self._progress.update(self._stage, completed=done, total=total, samples=text)
            return
        if self._stage is not None:
            self._progress.remove_task(self._stage)
        # With a clock of its own, and drawn at once: an import may keep the thread from running that draws.
        self._stage = self._progress.add_task("", completed=done, total=total, samples=text, rate="") if what else None
        self._staged = what
        self._progress.refresh()

    def note(self, message: str) -> None:
        """Print a line above the progress bar."""
        from rich.text import Text

        if self._is_live:
            self._progress.console.print(Text(f"evalkit: {safe_message(message)}"))
        else:
            self._say(message)

    def planned(self, counts: Round, pending_tokens: int) -> None:
        """Start the bar of a round."""
        self._samples, self._total = counts.done, counts.samples
        self._tokens, self._began = 0, time.monotonic()
        left = counts.samples - counts.done
        prompts = counted(pending_tokens, f"prompt {self.unit.removesuffix('s')}")
        # Not `note`: what becomes of notes is for a subclass to say, and this is progress.
        ProgressMonitor.note(
            self, f"{counted(counts.samples, 'sample')}, {counts.done:,} done, {left:,} to run, {prompts}"
        )
        self._progress.update(
            self._task, total=max(1, pending_tokens), completed=0, samples=self._text(), rate="", visible=True
        )

    def finished(self, computed_tokens: int, is_failed: bool) -> None:
        """Move the bar."""
        self._samples += 1
        self._failed += is_failed
        self._tokens += computed_tokens
        seconds = time.monotonic() - self._began
        rate = f"{self._tokens / seconds:,.0f} {RATES[self.unit]}" if seconds > 0 else ""
        self._progress.update(self._task, completed=self._tokens, samples=self._text(), rate=rate)
        if not self._is_live:
            self._say_now_and_then(f"{self._text()}, {rate}")

    def _say_now_and_then(self, text: str) -> None:
        """A plain line, unless there was one a moment ago."""
        if time.monotonic() - self._said >= PLAIN_EVERY_SECONDS:
            self._said = time.monotonic()
            self._say(text)

    def _text(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._samples:,}/{counted(self._total, 'sample')}{failed}"
