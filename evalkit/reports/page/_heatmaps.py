"""The section `heatmaps`."""

from __future__ import annotations

from collections.abc import Sequence

from ._content import PageRun, Part
from ._labels import Labels

__all__ = ["heatmaps_part"]


def heatmaps_part(runs: Sequence[PageRun], words: Labels) -> Part | None:  # noqa: ARG001
    """The section; None where there is nothing to show."""
    return Part("heatmaps", "heatmaps.html.j2") if runs else None
