"""Mean ranks over tasks, as OpenCompass's long-context page orders models: the lower, the better.

The page says: "the mean of each model's rank over the tasks". It does not say what ties do; here they share the mean of
the places that they take, so that the ranks of a task always have the same sum.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

__all__ = ["DIGITS", "mean_rank", "task_ranks"]

DIGITS = 2
"""Digits behind the point that tables print; further ones of a run decide nothing between it and a printed score."""


def task_ranks(scores: Mapping[str, float], digits: int = DIGITS) -> dict[str, float]:
    """Key → rank of its score, the highest 1; scores equal to so many digits share the mean of their places."""
    values = {key: round(score, digits) for key, score in scores.items()}
    ordered = sorted(values.values(), reverse=True)
    first = {value: place for place, value in reversed(list(enumerate(ordered, 1)))}
    return {key: first[value] + (ordered.count(value) - 1) / 2 for key, value in values.items()}


def mean_rank(ranks: Sequence[float]) -> float:
    """The plain mean of a model's ranks."""
    return math.fsum(ranks) / len(ranks)
