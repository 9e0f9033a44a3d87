"""From runs to a page: every section that has something to show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalkit.tasks import load_spec

from ._content import Content, PageRun, Part
from ._curves import curves_part
from ._heatmaps import heatmaps_part
from ._labels import labels_of
from ._pairs import pairs_part
from ._published import published_part
from ._samples import samples_part
from ._scores import scores_part
from ._summary import summary_part
from ._sweep import sweep_part

__all__ = ["content_of"]


def content_of(
    runs: Sequence[PageRun],
    *,
    title: str = "",
    is_published: bool = False,
    boards: Sequence[str] = (),
    sweep: Path | None = None,
    language: str = "en",
) -> Content:
    """A page over runs.

    With `is_published` the runs are held against the published numbers of their benchmarks; `boards` are benchmarks
    whose published scores are shown, with or without runs; `sweep` is the folder of a RoPE sweep whose runs are among
    `runs`.
    """
    words = labels_of(language)
    made: list[Part | None] = [
        summary_part(runs, words, is_published=is_published),
        sweep_part(sweep, runs, words),
        scores_part(runs, words),
        published_part(runs, boards, words, is_published=is_published),
        heatmaps_part(runs, words),
        curves_part(runs, words),
        samples_part(runs, words),
        pairs_part(runs, words),
    ]
    return Content(title or _title(runs, boards), [part for part in made if part is not None], runs, language)


def _title(runs: Sequence[PageRun], boards: Sequence[str]) -> str:
    names = dict.fromkeys([*(run.spec.title for run in runs), *(load_spec(board).title for board in boards)])
    return " · ".join(names)
