"""Samples of several tasks in a row, and some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalkit.scores import TaskValues

__all__ = ["pool_tasks", "take_samples"]


def pool_tasks(tasks: Sequence[TaskValues]) -> TaskValues:
    """Samples of several tasks as one, each with the one number that it scores."""
    return TaskValues(
        task="all",
        metric="",
        ids=tuple(name for values in tasks for name in values.ids),
        clusters=tuple(name for values in tasks for name in values.clusters),
        columns=np.concatenate([values.points for values in tasks])[:, None],
        combine=lambda means: means[0],
        score=None,
        texts=(),
        targets=(),
        axes=tuple(axes for values in tasks for axes in values.axes),
        truncated=None,
        cluster_unit="document",
    )


def take_samples(values: TaskValues, places: Sequence[int]) -> TaskValues:
    """Some samples of those, in the order of `places`."""
    return replace(
        values,
        ids=tuple(values.ids[place] for place in places),
        clusters=tuple(values.clusters[place] for place in places),
        columns=values.columns[np.array(places, dtype=np.intp)],
        axes=tuple(values.axes[place] for place in places),
    )
