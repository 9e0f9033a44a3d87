"""What several metric families share: the best of several targets, and bag F1."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from evalkit.errors import EvalkitError

__all__ = ["UnscorableError", "bag_f1", "best_of", "first_target", "harmonic_mean", "normalized_words", "word_f1"]


class UnscorableError(EvalkitError):
    """The official scorer raises on this prediction or target: the sample fails, it does not score 0."""


def first_target(targets: Sequence[str]) -> str:
    """The only gold answer that a rule reads; `UnscorableError` where there is none."""
    if not targets:
        raise UnscorableError("the sample has no target answer")
    return targets[0]


def best_of(score: Callable[[str, str], float], prediction: str, targets: Sequence[str]) -> float:
    """The highest score of the prediction against any target; without a target there is none."""
    first_target(targets)  # raises where there is none
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


_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@lru_cache(maxsize=1024)
def normalized_words(text: str) -> tuple[str, ...]:
    """The words that count: lower-cased, without ASCII punctuation, without a, an and the."""
    bare = text.lower().translate(_NO_PUNCTUATION)
    return tuple(_ARTICLES.sub(" ", bare).split())


def word_f1(prediction: str, targets: Sequence[str]) -> float:
    """Bag F1 (0–100) of the normalised words, best over targets."""
    return 100.0 * best_of(_f1, prediction, targets)


def _f1(prediction: str, target: str) -> float:
    return bag_f1(normalized_words(prediction), normalized_words(target))
