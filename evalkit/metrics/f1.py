"""Bag-of-words F1 on the 0–100 scale, with the answer normalisation of SQuAD.

L-Eval (`Evaluation/f1.py`) and LongBench (`LongBench/metrics.py`, qa_f1_score) normalise in the same way:
lower case, no ASCII punctuation, no articles, words at white space. LongBench's Chinese variant is in `longbench`.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from functools import lru_cache

from evalkit.metrics._shared import bag_f1, best_of

__all__ = ["normalized_words", "word_f1"]

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
