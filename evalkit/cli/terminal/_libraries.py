"""What libraries say during a run, as lines of evalkit: one each, said once, above the progress bar."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from evalkit.errors import one_line

__all__ = ["libraries_say"]

LIBRARIES = ("transformers", "huggingface_hub")
"""Those that write warnings to standard error through handlers of their own."""


@contextmanager
def libraries_say(note: Callable[[str], None]) -> Iterator[None]:
    """While this is open, `note` gets what libraries warn of, and nothing else writes it to standard error."""
    said: set[str] = set()

    def say(who: str, message: str) -> None:
        line = f"{who} says: {one_line(message)}"
        if line not in said:
            said.add(line)
            note(line)

    with ExitStack() as stack:
        stack.enter_context(_warnings_go_to(say))
        for name in LIBRARIES:
            if name in sys.modules:  # else nobody loads it, or it comes too late to speak of loading
                stack.enter_context(_records_go_to(say, name))
        yield


@contextmanager
def _warnings_go_to(say: Callable[[str, str], None]) -> Iterator[None]:
    """Python's warnings as lines; which of them are shown stays as it is."""

    def show(message: Warning | str, category: type[Warning], filename: str, *_: Any) -> None:  # noqa: ARG001
        say(_package_of(filename), f"{message}")

    shown, warnings.showwarning = warnings.showwarning, show  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.showwarning = shown


def _package_of(filename: str) -> str:
    """The installed package that a file belongs to; `Python` for a file elsewhere."""
    _, sign, inside = filename.replace("\\", "/").rpartition("/site-packages/")
    return inside.partition("/")[0] if sign else "Python"


@contextmanager
def _records_go_to(say: Callable[[str, str], None], name: str) -> Iterator[None]:
    """What a library logs, in place of its own handlers."""
    logger = logging.getLogger(name)
    before = logger.handlers[:]
    logger.handlers[:] = [_Lines(say, name)]
    try:
        yield
    finally:
        logger.handlers[:] = before


class _Lines(logging.Handler):
    """Hands on the text of each record from a warning on."""

    def __init__(self, say: Callable[[str, str], None], name: str) -> None:
        super().__init__(logging.WARNING)
        self._say = say
        self._name = name

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it on; a record that cannot be formatted is shown as it is."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        self._say(self._name, message)
