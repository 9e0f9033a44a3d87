"""What every shape of the wild has: a name for test ids, and one line on where it is met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Shape", "cases"]


@dataclass(frozen=True)
class Shape:
    """One kind of folder, as published models have it."""

    name: str
    """Name, used as test id."""
    met: str
    """Where such a thing is met."""
    write: Callable[[Path], Path]
    """Writes it into a folder (made where it is missing) and gives the folder."""


def cases(shapes: dict[str, Any], wrong: dict[str, str] | None = None, only: tuple[str, ...] = ()) -> list[Any]:
    """The shapes as parameters of a test; those in `wrong` (name → reason) are expected to fail until mended."""
    unknown = (set(wrong or {}) | set(only)) - set(shapes)
    if unknown:
        raise ValueError(f"no such shapes: {sorted(unknown)}")
    return [
        pytest.param(
            shape,
            id=name,
            marks=[pytest.mark.xfail(strict=True, reason=wrong[name])] if wrong and name in wrong else [],
        )
        for name, shape in shapes.items()
        if not only or name in only
    ]
