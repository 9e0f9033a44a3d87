"""The section `published`: published scores, ranked, with the runs among them."""

from __future__ import annotations

from collections.abc import Sequence

from ._content import PageRun, Part
from ._labels import Labels

__all__ = ["published_part"]


def published_part(
    runs: Sequence[PageRun], boards: Sequence[str], words: Labels, *, is_published: bool  # noqa: ARG001
) -> Part | None:  # fmt: skip
    """The section; None where no published scores are asked for."""
    return Part("published", "published.html.j2") if boards or is_published else None
