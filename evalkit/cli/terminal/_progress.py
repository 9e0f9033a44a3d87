"""Progress on standard error, with lines as the command line writes them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

from evalkit import progress

from ._output import note

__all__ = ["ProgressMonitor", "shown", "shown_between"]

Item = TypeVar("Item")


class ProgressMonitor(progress.ProgressMonitor):
    """As `evalkit.progress.ProgressMonitor`, with lines as the command line writes them."""

    def __init__(self, unit: str = "tokens") -> None:
        super().__init__(unit, note)


@contextlib.contextmanager
def shown(what: str) -> Iterator[None]:
    """While the block runs a terminal shows what it does; nothing of it stays."""
    with ProgressMonitor() as monitor:
        monitor.stage(what)
        yield


def shown_between(items: Iterable[Item], what: str) -> Iterator[Item]:
    """The same items; while the next one is waited for a terminal shows for what, and not while it is printed."""
    waiting = iter(items)
    while True:
        with shown(what):
            item = next(waiting, _END)
        if item is _END:
            return
        yield item  # type: ignore[misc]


_END = object()
