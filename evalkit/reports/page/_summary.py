"""The section `summary`."""

from __future__ import annotations

from collections.abc import Sequence

from ._content import PageRun, Part
from ._labels import Labels

__all__ = ["summary_part"]


def summary_part(runs: Sequence[PageRun], words: Labels, *, is_published: bool) -> Part | None:  # noqa: ARG001
    """The section; None where there is nothing to show."""
    return Part("summary", "summary.html.j2") if runs else None
