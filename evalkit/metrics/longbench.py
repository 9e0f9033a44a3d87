"""LongBench's metrics on the 0–100 scale: `LongBench/metrics.py` at 2e00731f, and what OpenCompass does otherwise.

A sample's score is the best over its target answers, and 0 without one, as in `eval.py`.
OpenCompass adds up over target answers for classification, count and retrieval: `summed=True`. The published data
have one answer there. ROUGE-L is in `longbench_rouge`.
Worked example: prediction "5 of 30", target "5": one of two numbers is right, so count gives 50.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

from evalkit.metrics._chinese import words
from evalkit.metrics._shared import UnscorableError, bag_f1, normalized_words

__all__ = [
    "CodeBackend",
    "first_line",
    "longbench_classes_named",
    "longbench_classification",
    "longbench_code_line",
    "longbench_code_sim",
    "longbench_count",
    "longbench_numbers",
    "longbench_qa_f1",
    "longbench_qa_f1_zh",
    "longbench_retrieval",
    "longbench_retrieval_zh",
    "longbench_v2_accuracy",
    "longbench_v2_choice",
    "longbench_words_zh",
]

CodeBackend = Literal["difflib", "levenshtein"]
"""What computes a string ratio: fuzzywuzzy takes python-Levenshtein where it is installed, else difflib.

LongBench's requirements do not install it, so official scores are difflib's; OpenCompass requires it.
"""

# metrics.py, normalize_zh_answer. Gaps are upstream's: 《, 〈, 〉, ． and ‚ stay and so count as words.
_CHINESE_PUNCTUATION = (
    "！＂＃＄％＆＇（）＊＋，－／：；＜＝＞？＠［＼］＾＿｀｛｜｝～"  # full width
    "｟｠｡｢｣､"  # half width
    "、。〃》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿"  # CJK
    "–—‘’‛“”„‟…‧﹏"  # general
)
_DROPPED_FROM_CHINESE = str.maketrans("", "", string.punctuation + _CHINESE_PUNCTUATION)
_COMPENSATION = 25.0  # LongBench v2, result.py: chance level for an answer that names no option


def first_line(text: str) -> str:
    """The text up to a line feed, after leading line feeds: how trec, triviaqa, samsum and lsht are read."""
    return text.lstrip("\n").split("\n", 1)[0]


def longbench_qa_f1(prediction: str, targets: Sequence[str]) -> float:
    """Bag F1 (0–100) of normalised English words."""
    return _best(lambda target: bag_f1(normalized_words(prediction), normalized_words(target)), targets)


def longbench_qa_f1_zh(prediction: str, targets: Sequence[str]) -> float:
    """Bag F1 (0–100) of jieba's words, lower-cased and without punctuation."""
    return _best(lambda target: bag_f1(longbench_words_zh(prediction), longbench_words_zh(target)), targets)


def longbench_count(prediction: str, targets: Sequence[str], *, summed: bool = False) -> float:
    """Share (0–100) of the numbers in the prediction that are the target, digit for digit."""
    return _best(lambda target: _share_of_numbers(prediction, target), targets, summed=summed)


def longbench_retrieval(prediction: str, targets: Sequence[str], *, summed: bool = False) -> float:
    """Share (0–100) of the numbers in the prediction that are the N of the target `Paragraph N`."""
    return longbench_count(prediction, [_number_after("Paragraph ", each) for each in targets], summed=summed)


def longbench_retrieval_zh(prediction: str, targets: Sequence[str], *, summed: bool = False) -> float:
    """Share (0–100) of the numbers in the prediction that are the N of the target `段落N`."""
    return longbench_count(prediction, [_number_after("段落", each) for each in targets], summed=summed)


def longbench_classification(
    prediction: str, targets: Sequence[str], all_classes: Sequence[str], *, summed: bool = False
) -> float:
    """100 over the number of class names in the prediction, where the right one is among them."""
    named = longbench_classes_named(prediction, all_classes)
    return _best(lambda target: _class_share(list(named), target), targets, summed=summed)


def longbench_classes_named(prediction: str, all_classes: Sequence[str]) -> list[str]:
    """The class names that stand anywhere in the prediction, in the order of the classes."""
    return [name for name in all_classes if name in prediction]


def longbench_code_sim(prediction: str, targets: Sequence[str], backend: CodeBackend) -> float:
    """Similarity (0–100, whole numbers) of the prediction's first line of code and the target."""
    line = longbench_code_line(prediction)
    return float(max((_ratio(line, target, backend) for target in targets), default=0))


def longbench_code_line(text: str) -> str:
    """The first line that holds no mark of a comment or of a fence; empty where there is none."""
    lines = text.lstrip("\n").split("\n")
    return next((line for line in lines if not any(mark in line for mark in ("`", "#", "//"))), "")


def longbench_v2_choice(text: str) -> str | None:
    """The option A–D that LongBench v2 reads from an answer; None, which is wrong, where it finds none."""
    plain = text.replace("*", "")
    for pattern in (r"The correct answer is \(([A-D])\)", r"The correct answer is ([A-D])"):
        if stated := re.search(pattern, plain):
            return stated.group(1)
    return None


def longbench_v2_accuracy(prediction: str, target: str, *, compensated: bool = False) -> float:
    """100 where the option read is the target; `compensated` gives 25 where none can be read."""
    choice = longbench_v2_choice(prediction)
    if choice is None and compensated:
        return _COMPENSATION
    return 100.0 * (choice == target)


def _best(score: Callable[[str], float], targets: Sequence[str], *, summed: bool = False) -> float:
    scores = [score(target) for target in targets]
    return 100.0 * (sum(scores) if summed else max(scores, default=0.0))


@lru_cache(maxsize=1024)
def longbench_words_zh(text: str) -> tuple[str, ...]:
    """jieba's words, lower-cased and without punctuation."""
    bare = ("".join(word.lower().translate(_DROPPED_FROM_CHINESE).split()) for word in words(text))
    return tuple(filter(None, bare))


def longbench_numbers(text: str) -> list[str]:
    """The runs of digits in a text."""
    return re.findall(r"\d+", text)


def _share_of_numbers(text: str, number: str) -> float:
    numbers = longbench_numbers(text)
    return numbers.count(number) / len(numbers) if numbers else 0.0


def _number_after(mark: str, target: str) -> str:
    stated = re.search(mark + r"(\d+)", target)
    if stated is None:
        raise UnscorableError(f"the target {target!r} has no {mark!r} with a number: LongBench raises IndexError")
    return stated.group(1)


def _class_share(named: list[str], target: str) -> float:
    for name in named:
        # Removing from the list that is walked skips the next name; published scores were made with this.
        if name in target and name != target:
            named.remove(name)
    return 1.0 / len(named) if target in named else 0.0


def _ratio(first: str, second: str, backend: CodeBackend) -> int:
    """`fuzz.ratio` of fuzzywuzzy 0.18.0: whole percent, rounded half to even."""
    if first == second:
        return 100
    if not first or not second:
        return 0
    return round(100 * (_levenshtein_ratio if backend == "levenshtein" else _difflib_ratio)(first, second))


def _levenshtein_ratio(first: str, second: str) -> float:
    from rapidfuzz.distance import Indel

    return Indel.normalized_similarity(first, second)


def _difflib_ratio(first: str, second: str) -> float:
    from difflib import SequenceMatcher

    return SequenceMatcher(None, first, second).ratio()
