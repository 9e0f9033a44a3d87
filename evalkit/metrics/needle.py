"""Scores of needle answers on the 0–100 scale: is the fact there, and how near is the sentence to the right one."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.metrics._shared import best_of

__all__ = ["needle_keyword", "needle_similarity"]


def needle_keyword(prediction: str, targets: Sequence[str]) -> float:
    """100 where the prediction contains one of the keywords, letter for letter; else 0."""
    return 100.0 * any(keyword in prediction for keyword in targets)


def needle_similarity(prediction: str, targets: Sequence[str]) -> float:
    """100 × (1 − Levenshtein distance / longer length), blanks left out, best over targets; 100 for two empty texts.

    The distance part of NeedleBench's single-needle score (OpenCompass, `needlebench/origin.py`), which on its own
    tells a wrong number in a right sentence from no answer at all.
    """
    return 100.0 * best_of(_similarity, prediction, targets)


def _similarity(prediction: str, target: str) -> float:
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.normalized_similarity("".join(prediction.split()), "".join(target.split()))
