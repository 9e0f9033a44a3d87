"""The 95% interval of every cell of a grid, over the documents that its samples are of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from evalkit.scores import Interval, ScoreRow, TaskValues, cluster_interval

from ..heatmaps import has_place

__all__ = ["Place", "cell_intervals"]

Place = tuple[float, float]
"""Length and depth."""
Entry = tuple[int, tuple[float, ...]]
"""A row of a cell: the rank of its document, and its columns."""


def cell_intervals(rows: Sequence[ScoreRow], values: TaskValues, languages: Sequence[str]) -> dict[Place, Interval]:
    """Place → interval of the cell's score; cells under 5 documents have none.

    `rows` are those of one task. With several `languages` a cell's score is the mean of their means, as in its grid.
    """
    documents = dict(zip(values.ids, values.clusters, strict=True))
    ranks = {name: rank for rank, name in enumerate(sorted(set(values.clusters)))}
    entries: dict[Place, list[Entry]] = {}
    for row in rows:
        if row.score is None or not has_place(row):
            continue
        place = float(row.metadata["length"]), float(row.metadata["depth"])
        entries.setdefault(place, []).append((ranks[documents[row.id]], _columns(row, languages)))
    found = {place: _interval(tuple(each)) for place, each in entries.items()}
    return {place: interval for place, interval in found.items() if interval is not None}


def _columns(row: ScoreRow, languages: Sequence[str]) -> tuple[float, ...]:
    """The row's score, in the column of its language where there are several."""
    assert row.score is not None
    if len(languages) < 2:
        return (row.score,)
    own = str(row.metadata.get("language"))
    return tuple(row.score if language == own else math.nan for language in languages)


@lru_cache(maxsize=4096)  # cells of a grid are of the same documents, and most of them all right or all wrong
def _interval(entries: tuple[Entry, ...]) -> Interval | None:
    columns = np.array([values for _, values in entries], dtype=np.float64)
    if np.isnan(columns).all(axis=0).any():  # a language without samples here: the cell has no score
        return None
    return cluster_interval(columns, [f"{rank:09}" for rank, _ in entries], _mean)


def _mean(means: Sequence[float]) -> float:
    return math.fsum(means) / len(means)
