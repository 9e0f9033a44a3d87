"""Tasks made of numbers, for tests of verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from evalkit.scores import TaskValues


def first(means: Sequence[float]) -> float:
    """The score of a task of one column."""
    return means[0]


def made_values(
    columns: ArrayLike,
    clusters: Sequence[str] | None = None,
    combine: Callable[[Sequence[float]], float] = first,
    task: str = "task",
) -> TaskValues:
    """A task's samples from their scores, shape (samples,) or (samples, columns); each its own cluster by default."""
    found = np.asarray(columns, dtype=np.float64)
    found = found[:, None] if found.ndim == 1 else found
    ids = tuple(map(str, range(len(found))))
    return TaskValues(
        task=task, metric="", ids=ids, clusters=ids if clusters is None else tuple(clusters), columns=found,
        combine=combine, score=float(combine(np.nanmean(found, axis=0).tolist())), texts=(), targets=(), axes=(),
        truncated=None, cluster_unit="sample" if clusters is None else "document",
    )  # fmt: skip


def right(count: int, n: int) -> list[float]:
    """So many right answers, then wrong ones."""
    return [100.0] * count + [0.0] * (n - count)
