"""LongBench's ROUGE-L on the 0–100 scale: the F-measure of package `rouge` 1.0.1, without its quadratic Python.

That package means something of its own by ROUGE-L: sentences end at every full stop, and the score counts the set of
words on any longest common subsequence of any two sentences, against the sets of words of both texts.
Worked example: "the cat. the dog" against "a cat. the dog ran" shares {cat, the, dog} of 3 and of 5 words: F 75.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from evalkit.metrics._chinese import words
from evalkit.metrics._lcs import Columns, align

__all__ = [
    "OFFICIAL_RECURSION_CALLS",
    "OFFICIAL_RECURSION_CALLS_ZH",
    "RougeReport",
    "longbench_rouge_l",
    "longbench_rouge_l_report",
    "longbench_rouge_l_zh",
    "longbench_rouge_l_zh_report",
    "longbench_segmented_zh",
    "opencompass_longbench_rouge_l_zh",
]

# `rouge` walks a longest common subsequence by recursion. Under LongBench's eval.py (CPython 3.11, recursion limit
# 1000) a sentence pair whose walk takes 991 calls still scores; 992 raise RecursionError, which metrics.py turns
# into 0. OpenCompass calls from a deeper stack, so its limit lies a few calls lower and depends on how it is started.
OFFICIAL_RECURSION_CALLS = 991
OFFICIAL_RECURSION_CALLS_ZH = 990  # metrics.py, rouge_zh_score: calls the English function, which takes one frame

_SMOOTHING = 1e-8  # rouge_score.py of `rouge` 1.0.1: keeps its F-measure just under 1


class RougeReport(NamedTuple):
    """A ROUGE-L score and whether the official scorer failed on the way to it."""

    score: float
    """Best over targets, 0–100."""
    is_recursion_hit: bool
    """A target needed more recursive calls than allowed and counts as 0."""


class _Sentence(NamedTuple):
    words: tuple[str, ...]
    vocabulary: frozenset[str]


class _Text(NamedTuple):
    sentences: tuple[_Sentence, ...]
    vocabulary: frozenset[str]


def longbench_rouge_l(prediction: str, targets: Sequence[str]) -> float:
    """ROUGE-L (0–100) as LongBench scores English, best over targets."""
    return longbench_rouge_l_report(prediction, targets).score


def longbench_rouge_l_zh(prediction: str, targets: Sequence[str]) -> float:
    """ROUGE-L (0–100) of jieba's words as LongBench scores Chinese, best over targets."""
    return longbench_rouge_l_zh_report(prediction, targets).score


def opencompass_longbench_rouge_l_zh(prediction: str, targets: Sequence[str]) -> float:
    """ROUGE-L (0–100) as OpenCompass scores Chinese: it segments the segmented prediction again for each target.

    jieba splits some words once more when they stand alone, so a later target can score otherwise than in LongBench.
    """
    scores = [0.0]
    for target in targets:
        prediction = longbench_segmented_zh(prediction)
        scores.append(_score(prediction, longbench_segmented_zh(target), OFFICIAL_RECURSION_CALLS).score)
    return max(scores)


def longbench_rouge_l_report(
    prediction: str, targets: Sequence[str], recursion_calls: int | None = OFFICIAL_RECURSION_CALLS
) -> RougeReport:
    """The English score with its recursion report; `recursion_calls=None` lifts the limit."""
    outcomes = [_score(prediction, target, recursion_calls) for target in targets]
    best = max((outcome.score for outcome in outcomes), default=0.0)
    return RougeReport(best, any(outcome.is_recursion_hit for outcome in outcomes))


def longbench_rouge_l_zh_report(
    prediction: str, targets: Sequence[str], recursion_calls: int | None = OFFICIAL_RECURSION_CALLS_ZH
) -> RougeReport:
    """The Chinese score with its recursion report; `recursion_calls=None` lifts the limit."""
    return longbench_rouge_l_report(
        longbench_segmented_zh(prediction), [longbench_segmented_zh(each) for each in targets], recursion_calls
    )


def longbench_segmented_zh(text: str) -> str:
    """jieba's words with blanks between them, which ROUGE then takes for English."""
    return " ".join(words(text))


def _score(prediction: str, target: str, recursion_calls: int | None) -> RougeReport:
    predicted, expected = _read(prediction), _read(target)
    if not predicted.sentences or not expected.sentences:
        return RougeReport(0.0, False)  # `rouge` raises and metrics.py gives 0
    common = _common_words(predicted, expected, recursion_calls)
    if common is None:
        return RougeReport(0.0, True)
    precision, recall = common / len(predicted.vocabulary), common / len(expected.vocabulary)
    return RougeReport(200.0 * (precision * recall / (precision + recall + _SMOOTHING)), False)


@lru_cache(maxsize=1024)
def _read(text: str) -> _Text:
    # A sentence of white space alone is one empty word, which counts and can match.
    parts = [tuple(part.split()) or ("",) for part in text.split(".") if part]
    sentences = tuple(_Sentence(part, frozenset(part)) for part in parts)
    return _Text(sentences, frozenset().union(*(sentence.vocabulary for sentence in sentences)))


def _common_words(predicted: _Text, expected: _Text, recursion_calls: int | None) -> int | None:
    """How many words lie on a longest common subsequence of any sentence pair; None where a walk is too deep."""
    shared = predicted.vocabulary & expected.vocabulary
    missing = set(shared)
    longest = max(len(other.words) for other in expected.sentences)
    for sentence in predicted.sentences:
        wanted = missing & sentence.vocabulary
        could_be_deep = recursion_calls is not None and longest + len(sentence.words) > recursion_calls
        if wanted or could_be_deep:
            found = _found_words(sentence, expected.sentences, wanted, recursion_calls if could_be_deep else None)
            if found is None:
                return None
            missing -= found
    return len(shared) - len(missing)


def _found_words(
    sentence: _Sentence, others: Sequence[_Sentence], wanted: set[str], recursion_calls: int | None
) -> set[str] | None:
    """The words of a sentence on a longest common subsequence with any of the others, at least those that are wanted.

    None where a walk is too deep.
    """
    found: set[str] = set()
    columns: Columns | None = None
    for other in others:
        could_be_deep = recursion_calls is not None and len(other.words) + len(sentence.words) > recursion_calls
        if not could_be_deep:
            if wanted.isdisjoint(other.vocabulary):
                continue  # a pair that cannot add a word
            if len(common := sentence.vocabulary & other.vocabulary) == 1:
                wanted, found = wanted - common, found | common
                continue
        columns = columns or Columns.of(sentence.words)
        alignment = align(other.words, columns)
        if recursion_calls is not None and alignment.steps >= recursion_calls:
            return None
        matched = {sentence.words[position] for position in alignment.positions}
        wanted, found = wanted - matched, found | matched
    return found
