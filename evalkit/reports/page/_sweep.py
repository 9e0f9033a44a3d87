"""The section `sweep`: RoPE conditions of one model on the same samples."""

from __future__ import annotations

from pathlib import Path

from ._content import Part
from ._labels import Labels

__all__ = ["sweep_part"]


def sweep_part(folder: Path | None, words: Labels) -> Part | None:  # noqa: ARG001
    """The section; None where no sweep is named."""
    return None if folder is None else Part("sweep", "sweep.html.j2")
