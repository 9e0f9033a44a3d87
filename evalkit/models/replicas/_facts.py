"""What the engines of a run say that they run with, and where they differ."""

from __future__ import annotations

from typing import Any

from evalkit.errors import shown

__all__ = ["Facts"]

NO_NEWS = {"batch", "pass_tokens", "base_url", "left_out"}
"""Facts that follow free memory, the place of an engine or what it was asked first, and change no answer's meaning: of
what servers leave out, all but stop strings is held against each other before they answer."""


class Facts:
    """Facts of engines by the label of their replica."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Any]] = {}
        self._told: set[str] = set()

    def add(self, label: str, facts: dict[str, Any]) -> str | None:
        """Keep what an engine says; a line for the user where it differs in what no other was said to differ in."""
        self._of[label] = facts
        first, expected = next(iter(self._of.items()))
        names = [name for name in _differing(expected, facts) if name not in self._told | NO_NEWS]
        self._told.update(names)
        if not names:
            return None
        values = ", ".join(f"{name} ({shown(facts.get(name))}, there {shown(expected.get(name))})" for name in names)
        return f"{label} runs otherwise than {first}: {values}; their answers may differ by more than rounding"

    @property
    def info(self) -> dict[str, Any]:
        """What the first engine said, and what others said otherwise: `replicas_differ`, fact → label → value."""
        if not self._of:
            return {}
        expected = next(iter(self._of.values()))
        names = sorted({name for facts in self._of.values() for name in _differing(expected, facts)})
        differ = {name: {label: facts.get(name) for label, facts in self._of.items()} for name in names}
        return {**expected, **({"replicas_differ": differ} if differ else {})}


def _differing(expected: dict[str, Any], facts: dict[str, Any]) -> list[str]:
    return sorted(name for name in expected.keys() | facts.keys() if expected.get(name) != facts.get(name))
