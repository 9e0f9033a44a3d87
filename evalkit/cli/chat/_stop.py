"""Ctrl-C while an answer is made."""

from __future__ import annotations

import os
import signal
from types import TracebackType
from typing import Any, Self

__all__ = ["Stop"]


class Stop:
    """While this is open, Ctrl-C asks for the end of an answer after its next token; a second one raises at once.

    So a model's caches are not left half filled, unless somebody cannot wait.
    """

    def __init__(self) -> None:
        self.is_asked = False
        """Whether Ctrl-C was pressed."""
        self.is_waiting = True
        """Whether nothing was heard yet, so that the answer's end may take a while."""
        self._before: Any = None

    def __enter__(self) -> Self:
        before = signal.getsignal(signal.SIGINT)
        self._before = signal.default_int_handler if before is None else before  # None: set outside Python
        if before is not signal.SIG_IGN:  # a background job's
            signal.signal(signal.SIGINT, self._pressed)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _pressed(self, *_: object) -> None:
        if self.is_asked:
            raise KeyboardInterrupt
        self.is_asked = True
        if self.is_waiting:  # written past the streams: one of them may be in the middle of a line
            os.write(2, b"\nstopping when the prompt is read; Ctrl-C again stops at once\n")
