"""Stages of work: told to monitors that show them, and to no other."""

from __future__ import annotations

from typing import Any

from evalkit.runs import SilentMonitor, StageMonitor, tell
from evalkit.runs import _monitor as module


class Stages(SilentMonitor):
    """Remembers the stages it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def stage(self, what: str, done: int = 0, total: int | None = None) -> None:
        self.told.append((what, done, total))


def test_a_monitor_without_stages_is_told_none() -> None:
    """Monitors that were written before there were any go on working."""
    silent = SilentMonitor()

    tell(silent, "reading")
    tell(None, "reading")

    assert ([1, 2], False) == (list(module.told([1, 2], silent, "building", 2)), isinstance(silent, StageMonitor))


def test_items_are_counted_while_they_are_taken(monkeypatch: Any) -> None:
    """The stage begins with none of them and ends behind the last."""
    monkeypatch.setattr(module, "TELL_EVERY_SECONDS", 0.0)
    monitor = Stages()

    taken = list(module.told(iter("ab"), monitor, "building", 2))

    assert (["a", "b"], [("building", 0, 2), ("building", 0, 2), ("building", 1, 2), ("", 0, None)]) == (
        taken, monitor.told,
    )  # fmt: skip
