"""How answers to own samples are scored: by metrics of published benchmarks, in the language of the gold answer.

The sources of each metric: `docs/benchmarks/samples.md`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from evalkit import metrics

from .._records import Answer, Scorer, single

__all__ = ["UNSCORED", "check_gold", "scorer_of"]

UNSCORED = "unscored"
"""Task of questions without a gold answer, and of those that L-Eval leaves to a judge."""

_HAN = re.compile(r"[\u4e00-\u9fff]")


def is_chinese(text: str) -> bool:
    """Whether at least half of the letters are Chinese characters."""
    letters = sum(map(str.isalpha, text))
    return letters > 0 and 2 * len(_HAN.findall(text)) >= letters


class _Rule(NamedTuple):
    """A metric in one language."""

    score: Callable[[str, Sequence[str]], float]
    words: Callable[[str], Sequence[str]]
    """The words that count."""


F1 = (_Rule(metrics.word_f1, metrics.normalized_words), _Rule(metrics.longbench_qa_f1_zh, metrics.longbench_words_zh))
ROUGE = (
    _Rule(metrics.rouge_l, metrics.rouge_tokens),
    _Rule(metrics.longbench_rouge_l_zh, lambda text: metrics.longbench_segmented_zh(text).split()),
)
"""Other languages, then Chinese."""

BY_WORDS = {"f1": F1, "rouge": ROUGE}


def check_gold(task: str, gold: str) -> str | None:
    """Why no answer could ever score with that gold answer; None where one can."""
    if task not in BY_WORDS or BY_WORDS[task][is_chinese(gold)].words(gold):
        return None
    return f"{task} finds no word that it counts in the gold answer; write another one, or take evaluation 'keyword'"


def scorer_of(task: str, answers: Sequence[Answer]) -> Scorer:
    """The scorer of a task, whose answers are given for what is said of them."""
    if task == UNSCORED:
        return Scorer(
            "none", lambda _: (0.0,), ("none",), includes=lambda _: False,
            notes=lambda _: [f"{len(answers)} without a gold answer to score by: asked and shown, not scored"],
        )  # fmt: skip
    if task == "keyword":
        return single("keyword", metrics.needle_keyword)
    if task == "exact":
        return Scorer(
            "exact_match", lambda answer: (metrics.leval_exact_match(answer.prediction, answer.targets),),
            ("exact_match",), reads=lambda answer: metrics.leval_compared(answer.prediction, answer.targets[0]),
        )  # fmt: skip
    rules, name = BY_WORDS[task], {"rouge": "rouge_l"}.get(task, task)

    def rule(answer: Answer) -> _Rule:
        return rules[is_chinese(answer.targets[0])]

    return Scorer(
        name, lambda answer: (rule(answer).score(answer.prediction, answer.targets),), (name,),
        reads=lambda answer: " ".join(rule(answer).words(answer.prediction)),
    )  # fmt: skip
