"""How NeedleBench's tasks are scored: the rules of both versions per sample, means by length or needle count."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from evalkit import metrics

from .._opencompass import first_option
from .._records import Answer, Scorer, mean_of_columns
from ._sets import AtcTask, GridTask

__all__ = ["CIRCULAR_COLUMNS", "task_scorer"]

CIRCULAR_COLUMNS = (
    "acc_4", "acc_1", "perf_4", "vote_4", "more_4_1", "more_4_2", "more_4_3",
    "prior_A", "prior_B", "prior_C", "prior_D", "prior_-",
)  # fmt: skip
"""What CircularEvaluator reports, without the constants (`more_4_0`) and the repetitions (`more_4_4`, `perf_1`…)."""

Rule = Callable[[str, str], float]

PLAIN: Mapping[str, tuple[str, Rule]] = {
    "single_v1": ("keyword_or_similarity", metrics.needlebench_single_v1),
    "single_v2": ("keyword", metrics.needlebench_single_v2),
    "multi_reasoning_v1": ("keyword_share", metrics.needlebench_multi_reasoning_v1),
    "atc_v2": ("boxed_name", metrics.needlebench_atc_v2),
}
"""Metric of the table → printed name and rule of prediction and target."""

READS: Mapping[str, Callable[[Answer], str]] = {
    "multi_reasoning_v1": lambda answer: answer.prediction.lower(),
    "atc_v2": lambda answer: metrics.needlebench_atc_answer(answer.prediction).strip(),
}
"""Metric of the table → what it compares; the others look for a keyword in the answer as it is."""


def task_scorer(task: GridTask | AtcTask, answers: Sequence[Answer], effective_at: float) -> Scorer:
    """The scorer of a task; `effective_at` is the mean that a length must reach to count as effective."""
    if isinstance(task, GridTask):
        return _grid_scorer(task, answers, effective_at)
    if task.metric == "circular":
        return _circular_scorer(task, answers)
    name, rule = PLAIN[task.metric]
    notes = _maximum_needles(rule) if task.form == "atc_free" else None
    counts, reads = _texts(task.counts), READS.get(task.metric)
    return Scorer(name, _plain(rule), (name,), bucket=_count, bucket_names=counts, notes=notes, reads=reads)


def _grid_scorer(task: GridTask, answers: Sequence[Answer], effective_at: float) -> Scorer:
    lengths = _texts(task.lengths)
    if task.metric != "multi_retrieval":
        name, rule = PLAIN[task.metric]
        scorer = Scorer(name, _plain(rule), (name,), bucket=_length, bucket_names=lengths, effective_at=effective_at)
        return replace(scorer, reads=READS.get(task.metric))
    named = _named_depths(answers) if answers else task.depths
    depths = named or task.depths
    distinct = tuple(dict.fromkeys(depths))

    def score(answer: Answer) -> tuple[float, ...]:
        if named is None:
            raise metrics.UnscorableError("the first target names no depths: the evaluator fails on the whole data set")
        found = metrics.needlebench_retrieved_by_depth(answer.prediction, metrics.first_target(answer.targets), depths)
        return tuple(found[depth] for depth in distinct)

    return Scorer(
        "keyword_by_depth",
        score,
        tuple(f"depth_{depth}" for depth in distinct),
        combine=mean_of_columns,
        column_metadata=tuple({"depth": depth} for depth in distinct),
        column_evidence=tuple(depths.index(depth) for depth in distinct),
        bucket=_length,
        bucket_names=lengths,
        effective_at=effective_at,
    )


def _named_depths(answers: Sequence[Answer]) -> tuple[int, ...] | None:
    """The depths that the first target names: upstream takes them for all samples. None where it names none."""
    try:
        return metrics.needlebench_depths(metrics.first_target(answers[0].targets))
    except metrics.UnscorableError:
        return None


def _circular_scorer(task: AtcTask, answers: Sequence[Answer]) -> Scorer:
    chosen = {answer.id: _choice(answer.prediction) for answer in answers}
    questions: dict[str, dict[str, Answer]] = {}
    for answer in answers:
        questions.setdefault(answer.metadata["question"], {})[answer.metadata["rotation"]] = answer

    def score(answer: Answer) -> tuple[float, ...]:
        """A rotation's own columns; those of the whole question stand with its original order, if none is missing."""
        rotations = questions[answer.metadata["question"]]
        is_whole = len(rotations) == len(metrics.NEEDLEBENCH_ROTATIONS)
        is_original = answer.metadata["rotation"] == metrics.NEEDLEBENCH_ROTATIONS[0]
        found: dict[str, float] = {}
        if is_original and is_whole:
            found = metrics.needlebench_circular({each: chosen[other.id] for each, other in rotations.items()}, "A")
        letter = chosen[answer.id]
        # The letter of this rotation; an answer without an option is wrong and counts under "-".
        right = 100.0 * (letter == _circular_gold(answer))
        found |= {"acc_4": right} | ({"acc_1": right} if is_original else {})
        found |= {f"prior_{option}": 100.0 * ((letter or "-") == option) for option in "ABCD-"}
        return tuple(found.get(column, math.nan) for column in CIRCULAR_COLUMNS)

    return Scorer(
        "circular_accuracy",
        score,
        CIRCULAR_COLUMNS,
        bucket=_count,
        bucket_names=_texts(task.counts),
        reads=lambda answer: _choice(answer.prediction),
    )


def _choice(prediction: str) -> str:
    """The letter of an answer; empty where it names none."""
    return first_option(prediction, "ABCD")


def _circular_gold(answer: Answer) -> str:
    """The right letter of a target such as `7--D--BCDA`."""
    target = metrics.first_target(answer.targets)
    parts = target.split("--")
    if len(parts) != 3:
        raise metrics.UnscorableError(f"the target {target!r} is not INDEX--LETTER--ORDER: the evaluator fails here")
    return parts[1]


def _maximum_needles(rule: Rule) -> Callable[[Sequence[Answer]], list[str]]:
    def notes(answers: Sequence[Answer]) -> list[str]:
        scores: dict[int, list[float]] = {}
        for answer in answers:
            scores.setdefault(answer.metadata["needles"], []).append(rule(answer.prediction, answer.targets[0]))
        if not scores:
            return []
        count = metrics.needlebench_maximum_needles(
            {needles: sum(found) / len(found) for needles, found in scores.items()}
        )
        return [f"maximum needles: {count} (the count before the last fall below {metrics.NEEDLEBENCH_PASSING_SCORE})"]

    return notes


def _plain(rule: Rule) -> Callable[[Answer], tuple[float, ...]]:
    return lambda answer: (rule(answer.prediction, metrics.first_target(answer.targets)),)


def _length(answer: Answer) -> str:
    return str(answer.metadata["length"])


def _count(answer: Answer) -> str:
    return str(answer.metadata["needles"])


def _texts(numbers: Sequence[int]) -> tuple[str, ...]:
    return tuple(map(str, numbers))
