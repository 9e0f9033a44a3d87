"""How LongBench's tasks are scored: the metric of each task, under the rules of each protocol.

The metric of a task is named in `benchmarks/longbench.yaml`; the strings are compared in `evalkit.metrics`.
Worked example: of the prediction "\\n Food\\nQuestion: …" of trec the first line counts, " Food"; it names one of the
classes of the record, and where that is the right one it scores 100.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from evalkit import metrics
from evalkit.errors import DataError

from .._records import Answer, Scorer

__all__ = ["BUCKETS", "Rules", "bucket_of", "make_scorer", "range_of"]

BUCKETS = ("0-4k", "4-8k", "8k+")
"""Length ranges of LongBench-E."""
BUCKET_ENDS = (4000, 8000)
"""Words (Chinese: characters) where a range ends; `LongBench/eval.py` at 2e00731f, scorer_e."""


@dataclass(frozen=True)
class Rules:
    """What protocols do differently."""

    dialect: Literal["official", "opencompass"]
    """Whose code is followed where the two differ in more than a number."""
    code_backend: metrics.CodeBackend
    """String similarity behind code completion."""
    sums_references: bool
    """Whether count, retrieval and classification add up over gold answers instead of taking the best."""
    zeroes_deep_recursion: bool
    """Whether ROUGE-L is 0 where the official scorer runs into Python's recursion limit."""
    by_length: bool = False
    """Whether scores are also given by length range."""

    def recursion_calls(self, *, chinese: bool) -> int | None:
        """Most calls that ROUGE-L's official walk may take; None = any number."""
        if not self.zeroes_deep_recursion:
            return None
        # OpenCompass's evaluator has no function between itself and `rouge` in either language.
        is_one_deeper = chinese and self.dialect == "official"
        return metrics.OFFICIAL_RECURSION_CALLS_ZH if is_one_deeper else metrics.OFFICIAL_RECURSION_CALLS


Metric = Callable[[str, Answer], float]
"""Score (0–100) of the text that counts as the prediction."""


def make_scorer(metric: str, rules: Rules, answers: Sequence[Answer], *, first_line: bool) -> Scorer:
    """The scorer of a task with that metric; `first_line`: only the first line of a prediction counts."""
    measure = METRICS[metric](rules, answers)
    read = metrics.first_line if first_line else str
    compared = _compared(metric, rules, answers)
    chinese = ROUGE.get(metric)
    return Scorer(
        metric,
        lambda answer: (measure(read(answer.prediction), answer),),
        (metric,),
        bucket=bucket_of if rules.by_length else None,
        bucket_names=BUCKETS if rules.by_length else (),
        notes=None if chinese is None else lambda scored: _recursion_notes(scored, rules, read, chinese),
        reads=lambda answer: compared(read(answer.prediction), answer),
    )


def bucket_of(answer: Answer) -> str:
    """The length range of an answer's record."""
    length = answer.metadata.get("length")
    if not isinstance(length, int):
        raise DataError(f"{answer.id}: no 'length' with the answer; scores by length need it in every record")
    return range_of(length)


def range_of(length: int) -> str:
    """The length range of a document of so many words (Chinese: characters)."""
    return BUCKETS[sum(length >= end for end in BUCKET_ENDS)]  # 4,000 words belong to 4-8k, as in scorer_e


def _plain(score: Callable[[str, Sequence[str]], float]) -> Callable[[Rules, Sequence[Answer]], Metric]:
    return lambda _rules, _answers: lambda text, answer: score(text, answer.targets)


def _summed(score: Callable[..., float]) -> Callable[[Rules, Sequence[Answer]], Metric]:
    return lambda rules, _: lambda text, answer: score(text, answer.targets, summed=rules.sums_references)


def _code(rules: Rules, _: Sequence[Answer]) -> Metric:
    return lambda text, answer: metrics.longbench_code_sim(text, answer.targets, rules.code_backend)


def _classification(rules: Rules, answers: Sequence[Answer]) -> Metric:
    choices = _choices(rules, answers)
    return lambda text, answer: metrics.longbench_classification(
        text, answer.targets, choices(answer), summed=rules.sums_references
    )


def _choices(rules: Rules, answers: Sequence[Answer]) -> Callable[[Answer], Sequence[str]]:
    """eval.py takes the classes of a file's last record for the whole file, OpenCompass each record's own."""
    last = answers[-1] if rules.dialect == "official" and answers else None
    return lambda answer: _classes(last or answer)


def _classes(answer: Answer) -> Sequence[str]:
    classes = answer.metadata.get("all_classes")
    if not classes:
        raise DataError(f"{answer.id}: no 'all_classes' with the answer; this task cannot be scored without them")
    return tuple(classes)


def _rouge(rules: Rules, _: Sequence[Answer]) -> Metric:
    calls = rules.recursion_calls(chinese=False)
    return lambda text, answer: _report(text, answer.targets, calls, False).score


def _rouge_zh(rules: Rules, _: Sequence[Answer]) -> Metric:
    if rules.dialect == "opencompass":
        return lambda text, answer: metrics.opencompass_longbench_rouge_l_zh(text, answer.targets)
    calls = rules.recursion_calls(chinese=True)
    return lambda text, answer: _report(text, answer.targets, calls, True).score


METRICS: dict[str, Callable[[Rules, Sequence[Answer]], Metric]] = {
    "qa_f1": _plain(metrics.longbench_qa_f1),
    "qa_f1_zh": _plain(metrics.longbench_qa_f1_zh),
    "rouge_l": _rouge,
    "rouge_l_zh": _rouge_zh,
    "classification": _classification,
    "count": _summed(metrics.longbench_count),
    "retrieval": _summed(metrics.longbench_retrieval),
    "retrieval_zh": _summed(metrics.longbench_retrieval_zh),
    "code_sim": _code,
}
"""Metric name → its maker."""

COMPARED: dict[str, Callable[[str], str]] = {
    "qa_f1": lambda text: " ".join(metrics.normalized_words(text)),
    "qa_f1_zh": lambda text: " ".join(metrics.longbench_words_zh(text)),
    "rouge_l_zh": metrics.longbench_segmented_zh,
    "count": lambda text: " ".join(metrics.longbench_numbers(text)),
    "retrieval": lambda text: " ".join(metrics.longbench_numbers(text)),
    "retrieval_zh": lambda text: " ".join(metrics.longbench_numbers(text)),
    "code_sim": metrics.longbench_code_line,
}
"""Metric name → what it makes of the text that counts before it compares; others compare the text."""


def _compared(metric: str, rules: Rules, answers: Sequence[Answer]) -> Callable[[str, Answer], str]:
    """What is compared of the text that counts; of a classification the names of the classes in it."""
    if metric == "classification":
        choices = _choices(rules, answers)
        return lambda text, answer: ", ".join(metrics.longbench_classes_named(text, choices(answer)))
    prepare = COMPARED.get(metric, str)
    return lambda text, _: prepare(text)


ROUGE = {"rouge_l": False, "rouge_l_zh": True}
"""ROUGE metrics, and whether they segment Chinese."""


@lru_cache(maxsize=2048)  # the notes of a task ask for the reports of its scores again
def _report(text: str, targets: tuple[str, ...], calls: int | None, chinese: bool) -> metrics.RougeReport:
    report = metrics.longbench_rouge_l_zh_report if chinese else metrics.longbench_rouge_l_report
    return report(text, targets, calls)


def _recursion_notes(answers: Sequence[Answer], rules: Rules, read: Callable[[str], str], chinese: bool) -> list[str]:
    calls = rules.recursion_calls(chinese=chinese)
    if calls is None:
        return []
    hits = sum(_is_hit(read(answer.prediction), answer.targets, calls, chinese) for answer in answers)
    reason = f"more than {calls} recursive calls, where the package `rouge` fails and the published scorer gives 0"
    return [f"{hits} of {len(answers)} samples need {reason}"] if hits else []


def _is_hit(text: str, targets: tuple[str, ...], calls: int, chinese: bool) -> bool:
    """Whether a gold answer counts as 0 for its length; a walk has no more steps than both texts have characters."""
    longest = max((len(target) for target in targets), default=0)
    return len(text) + longest > calls and _report(text, targets, calls, chinese).is_recursion_hit
