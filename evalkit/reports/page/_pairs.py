"""The section `pairs`."""

from __future__ import annotations

from collections.abc import Sequence

from ._content import PageRun, Part
from ._labels import Labels

__all__ = ["pairs_part"]


def pairs_part(runs: Sequence[PageRun], words: Labels) -> Part | None:  # noqa: ARG001
    """The section; None where there is nothing to show."""
    return Part("pairs", "pairs.html.j2") if runs else None
