"""From answers to scores: pure functions of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.metrics import UnscorableError
from evalkit.runs import LedgerRecord
from evalkit.tasks import Answer, Benchmark, Scorer, expected_samples

from ._draws import column_means, draws_of_task, point, values_of_samples, with_draws
from ._failures import Failure, failure_notes
from ._flags import AnswerFlags, flag_counts, flag_notes
from ._groups import effective_length, group_scores, overall_score
from ._near_ties import margins_of
from ._records import ALTERED, BenchmarkScores, BucketScore, ScoreRow, TaskScore, TruncationScore
from ._values import Measured, TaskValues
from .intervals import Spread, cluster_interval, cluster_spread

__all__ = ["RopeInForce", "TaskAnswers", "measure_benchmark", "sample_axes", "score_benchmark", "score_task"]

"""Note on the score of a task whose data has another digest."""

AXES = ("length", "depth", "language", "needle", "needles", "repeat", "bucket")
"""Facts of a sample that tables and figures are drawn against."""


class RopeInForce(NamedTuple):
    """How a sample's prompt was turned, as the record of its answer says it."""

    rope: str | None = None
    """Setting, which names the group."""
    rope_spec: str | None = None
    """Condition that was asked for."""
    rope_multiplier: float | None = None
    """By how much the rule stretched."""
    rope_base: float | None = None
    """Effective base."""

    def on(self, row: ScoreRow) -> ScoreRow:
        """The row of a number, with how its prompt was turned."""
        return replace(row, **self._asdict())


UNKNOWN_ROPE = RopeInForce()


@dataclass(frozen=True)
class TaskAnswers:
    """All answers of one task, however they were made."""

    answers: Sequence[Answer]
    """Answers in sample order, those of one sample together."""
    failed: int = 0
    """Samples without an answer."""
    failures: Sequence[Failure] = ()
    """Why those of `failed` have none, as far as it is known; of several draws, why each one failed that did."""
    draws: int = 1
    """Answers that each sample should have."""
    unanswered: Sequence[Answer] = ()
    """Further samples without an answer, of which those count as failed that the protocol has; their text is empty."""
    notes: Sequence[str] = ()
    """What a reader of the task's score should know beforehand."""
    is_altered: bool = False
    """Whether the data is not the pinned one: a part of the benchmark, or something else."""
    cluster_unit: str = "document"
    """What `Answer.document` names: `document`, or `sample` where documents are not known."""
    truncated: frozenset[str] = frozenset()
    """Ids of samples whose prompt was shortened."""
    evidence_lost: frozenset[str] = frozenset()
    """Ids of samples that lost their needle or gold answer."""
    ledgers: Mapping[str, LedgerRecord] = field(default_factory=dict)
    """Sample id → what truncation did to its last prompt."""
    ropes: Mapping[str, RopeInForce] = field(default_factory=dict)
    """Sample id → RoPE in force for its last prompt; empty where nobody recorded it."""
    has_ledger: bool = False
    """Whether truncation is known at all."""
    flags: AnswerFlags | None = None
    """Which answers were cut at the limit or lost to thoughts; None where that is not known."""


@dataclass
class _Scored:
    """Columns of the answers that could be scored."""

    answers: list[Answer] = field(default_factory=list)
    """The first answer of each sample."""
    rows: list[tuple[float, ...]] = field(default_factory=list)
    """The columns of each sample, the means over its draws."""
    drawn: list[Answer] = field(default_factory=list)
    """All answers."""
    drawn_rows: list[tuple[float, ...]] = field(default_factory=list)
    """The columns of each."""
    refused: list[Failure] = field(default_factory=list)
    """Answers that the scorer refuses."""
    lost: int = 0
    """Samples of which it refuses all answers."""

    @property
    def columns(self) -> NDArray[np.float64]:
        return np.array(self.rows, dtype=np.float64)

    @property
    def clusters(self) -> list[str]:
        return [answer.document for answer in self.answers]

    def spread(self, combine: Callable[[Sequence[float]], float]) -> Spread | None:
        return cluster_spread(self.columns, self.clusters, combine) if self.rows else None


def score_benchmark(
    benchmark: Benchmark,
    protocol: str,
    tasks: Mapping[str, TaskAnswers],
    *,
    model: str,
    label: str = "",
    notes: Sequence[str] = (),
) -> tuple[BenchmarkScores, list[ScoreRow]]:
    """Scores of every task the protocol has, group means, the overall score, and the rows behind them."""
    measured = measure_benchmark(benchmark, protocol, tasks, model=model, label=label, notes=notes)
    return measured.scores, list(measured.rows)


def measure_benchmark(
    benchmark: Benchmark,
    protocol: str,
    tasks: Mapping[str, TaskAnswers],
    *,
    model: str,
    label: str = "",
    notes: Sequence[str] = (),
) -> Measured:
    """The same, with the values of every sample that the scores are made of."""
    spec = benchmark.spec
    scores: dict[str, TaskScore] = {}
    spreads: dict[str, Spread] = {}
    values: dict[str, TaskValues] = {}
    rows: list[ScoreRow] = []
    failures: list[Failure] = []
    for task in spec.tasks:
        if task in tasks and spec.has_task(task, protocol):
            scorer = benchmark.scorer(task, protocol, tasks[task].answers)
            scored = _scored(scorer, tasks[task].answers)
            scores[task] = _task_score(benchmark, task, protocol, scorer, scored, tasks[task])
            rows += _rows(task, protocol, scorer, scored, tasks[task])
            failures += [*tasks[task].failures, *scored.refused]
            values[task] = _values(task, scorer, scored, tasks[task], scores[task].score)
            spread = scored.spread(scorer.combine)
            if spread is not None:
                spreads[task] = spread
    groups = group_scores(spec, protocol, scores, spreads)
    overall = overall_score(spec, protocol, groups, scores, spreads)
    groups, overall = with_draws(spec, protocol, scores, groups, overall)
    missing = [task for task in spec.tasks if spec.has_task(task, protocol) and task not in scores]
    result = BenchmarkScores(
        schema=1,
        benchmark=spec.name,
        protocol=label or protocol,
        model=model,
        tasks=scores,
        groups=groups,
        overall=overall,
        partial=bool(missing)
        or any(score.is_partial for score in scores.values())
        or any(tasks[task].is_altered for task in scores),
        skipped=[task for task in spec.tasks if task in tasks and not spec.has_task(task, protocol)],
        missing=missing,
        notes=[*notes, *failure_notes(failures)],
    )
    return Measured(result, rows, values, spec, protocol)


def score_task(benchmark: Benchmark, task: str, protocol: str, given: TaskAnswers) -> tuple[TaskScore, list[ScoreRow]]:
    """The score of one task and its rows per sample."""
    scorer = benchmark.scorer(task, protocol, given.answers)
    scored = _scored(scorer, given.answers)
    score = _task_score(benchmark, task, protocol, scorer, scored, given)
    return score, _rows(task, protocol, scorer, scored, given)


def _task_score(
    benchmark: Benchmark, task: str, protocol: str, scorer: Scorer, scored: _Scored, given: TaskAnswers
) -> TaskScore:
    has_rows = bool(scored.rows)
    score = point(scorer, scored.columns) if has_rows else None
    interval = cluster_interval(scored.columns, scored.clusters, scorer.combine, score=score) if has_rows else None
    buckets = _buckets(scorer, scored) if scorer.bucket is not None else None
    return TaskScore(
        score=score,
        metric=scorer.metric,
        n=len(scored.rows),
        failed=given.failed + _missing(scorer, given) + scored.lost,
        expected=expected_samples(benchmark, task, protocol),
        ci95=interval and (interval.low, interval.high),
        ci95_kind=interval and interval.kind,
        clusters=len(set(scored.clusters)),
        cluster_unit=given.cluster_unit,
        empty=sum(not answer.prediction.strip() for answer in scored.drawn),
        **flag_counts(given.flags, scored.drawn),
        columns=_column_means(scorer, scored) if has_rows and len(scorer.columns) > 1 else None,
        buckets=buckets,
        effective_length=effective_length(buckets, scorer.effective_at),
        notes=_notes(scorer, scored, given) + flag_notes(given.flags, scored.drawn),
        truncation=_truncation(scorer, scored, given) if given.has_ledger else None,
        draws=draws_of_task(
            scorer, scored.drawn, scored.drawn_rows, given.draws, len(given.failures) + len(scored.refused)
        ),
    )


def _values(task: str, scorer: Scorer, scored: _Scored, given: TaskAnswers, score: float | None) -> TaskValues:
    return TaskValues(
        task=task,
        metric=scorer.metric,
        ids=tuple(answer.id for answer in scored.answers),
        clusters=tuple(scored.clusters),
        columns=scored.columns.reshape(len(scored.rows), len(scorer.columns)),
        combine=scorer.combine,
        score=score,
        texts=tuple(answer.prediction for answer in scored.answers),
        targets=tuple(answer.targets for answer in scored.answers),
        axes=tuple(sample_axes(answer) for answer in scored.answers),
        truncated=given.truncated if given.has_ledger else None,
        cluster_unit=given.cluster_unit,
        evidence_lost=given.evidence_lost if given.has_ledger else None,
        margins=() if given.flags is None else margins_of(given.flags.ties, scored.drawn, scored.answers),
    )


def _scored(scorer: Scorer, answers: Sequence[Answer]) -> _Scored:
    scored, refused = _Scored(), list[Answer]()
    for answer in answers:
        if scorer.includes is not None and not scorer.includes(answer):
            continue
        try:
            row = scorer.score(answer)
        except UnscorableError as error:
            scored.refused.append(Failure(answer.name, str(error)))
            refused.append(answer)
            continue
        scored.drawn.append(answer)
        scored.drawn_rows.append(row)
    has_draws = any(answer.draw for answer in answers)
    scored.answers, scored.rows = values_of_samples(scored.drawn, scored.drawn_rows)
    found = {answer.id for answer in scored.answers}
    scored.lost = len({answer.id for answer in refused} - found) if has_draws else len(refused)
    return scored


def _missing(scorer: Scorer, given: TaskAnswers) -> int:
    """Unanswered samples that the protocol has."""
    return sum(scorer.includes is None or scorer.includes(answer) for answer in given.unanswered)


def _column_means(scorer: Scorer, scored: _Scored) -> dict[str, float]:
    means = dict(zip(scorer.columns, column_means(scored.columns), strict=True))
    return {name: mean for name, mean in means.items() if not np.isnan(mean)}


def _buckets(scorer: Scorer, scored: _Scored) -> dict[str, BucketScore]:
    """Scores by length range, the ranges in the scorer's order, empty ones included."""
    found = [scorer.bucket(answer) for answer in scored.answers] if scorer.bucket is not None else []
    names = [(name,) if isinstance(name, str) else name for name in found]
    buckets = {}
    for bucket in scorer.bucket_names:
        is_in = np.array([bucket in belongs for belongs in names], dtype=bool)
        score = point(scorer, scored.columns[is_in]) if is_in.any() else None
        buckets[bucket] = BucketScore(score=score, n=int(is_in.sum()))
    return buckets


def _truncation(scorer: Scorer, scored: _Scored, given: TaskAnswers) -> TruncationScore:
    is_cut = np.array([answer.id in given.truncated for answer in scored.answers], dtype=bool)
    columns = scored.columns
    return TruncationScore(
        truncated=int(is_cut.sum()),
        evidence_lost=sum(answer.id in given.evidence_lost for answer in scored.answers),
        score_truncated=point(scorer, columns[is_cut]) if is_cut.any() else None,
        score_whole=point(scorer, columns[~is_cut]) if len(is_cut) and not is_cut.all() else None,
    )


def _rows(task: str, protocol: str, scorer: Scorer, scored: _Scored, given: TaskAnswers) -> list[ScoreRow]:
    places: Sequence[Mapping[str, Any]] = scorer.column_metadata or [{}] * len(scorer.columns)
    evidence: Sequence[int | None] = scorer.column_evidence or [None] * len(scorer.columns)
    rows = []
    for answer, values in zip(scored.drawn, scored.drawn_rows, strict=True):
        ledger, axes = given.ledgers.get(answer.id), sample_axes(answer)
        rope = given.ropes.get(answer.id, UNKNOWN_ROPE)
        for name, value, place, needle in zip(scorer.columns, values, places, evidence, strict=True):
            score = None if np.isnan(value) else float(value)
            metric = scorer.metric if place else name  # columns of one metric at several places
            seen = _seen(ledger, needle)
            metadata = {**axes, **place, **_real_place(ledger, needle)}
            row = ScoreRow(answer.id, task, protocol, metric, score, metadata, *seen, answer.draw)
            rows.append(rope.on(row))
    return rows


def _seen(ledger: LedgerRecord | None, needle: int | None) -> tuple[int | None, int | None, bool | None]:
    """Tokens before and after truncation, and whether the column's needle (None = every needle) is still inside."""
    if ledger is None:
        return None, None, None
    is_kept = ledger.evidence_kept
    if is_kept is False and needle is not None:
        is_kept = needle not in ledger.evidence_lost
    return ledger.before, ledger.after, is_kept


def _real_place(ledger: LedgerRecord | None, needle: int | None) -> dict[str, Any]:
    """Where the column's needle (None = the only one) really stands: percent of the haystack, index in tokens."""
    if ledger is None:
        return {}
    told: dict[str, list[Any]] = {"real_depth": ledger.evidence_depths, "needle_token": ledger.evidence_tokens}
    if needle is None and max(map(len, told.values())) > 1:  # no column of its own for each: none is meant
        return {}
    index = needle or 0
    return {name: places[index] for name, places in told.items() if index < len(places)}


def _notes(scorer: Scorer, scored: _Scored, given: TaskAnswers) -> list[str]:
    notes = [ALTERED] if given.is_altered else []
    notes += given.notes
    return notes + (scorer.notes(scored.drawn) if scorer.notes is not None else [])


def sample_axes(answer: Answer) -> dict[str, Any]:
    """What of a sample's metadata tables and figures are drawn against."""
    return {name: answer.metadata[name] for name in AXES if name in answer.metadata}
