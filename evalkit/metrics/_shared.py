"""What several metric families share: the best of several targets, and bag F1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from evalkit.metrics._errors import UnscorableError

__all__ = ["bag_f1", "best_of", "harmonic_mean"]


def best_of(score: Callable[[str, str], float], prediction: str, targets: Sequence[str]) -> float:
    """The highest score of the prediction against any target; without a target there is none."""
    if not targets:
        raise UnscorableError("the sample has no target answer")
    return max(score(prediction, target) for target in targets)


def harmonic_mean(precision: float, recall: float) -> float:
    """F1 of a precision and a recall; 0 when both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def bag_f1(prediction: Iterable[str], target: Iterable[str]) -> float:
    """F1 (0–1) of two bags of tokens; 0 when they share none, also when both are empty."""
    predicted, expected = Counter(prediction), Counter(target)
    common = (predicted & expected).total()
    if not common:
        return 0.0
    return harmonic_mean(common / predicted.total(), common / expected.total())
