"""Extra metrics: scores of the user's choice beside the protocol's own, which they never change.

An extra metric is a function of one answer, or a `Judge`. It scores what the protocol has of a task, sample by sample;
where it raises, the sample has failed for this metric alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evalkit.errors import PluginError, UnknownNameError, UserError, one_line
from evalkit.plugins import load_plugin, plugin_names
from evalkit.tasks import Answer, Benchmark, Scorer

from ._draws import rows_of_samples, values_of_samples
from ._judgements import Judge, Judgements, check_score
from ._records import BenchmarkScores, ExtraScore, ScoreRow, TaskScore
from ._score import TaskAnswers, sample_axes
from .intervals import cluster_interval

__all__ = ["ExtraMetric", "ExtraMetrics", "Replay", "own_rows", "read_metrics", "with_extra"]

GROUP = "evalkit.metrics"
SHOWN_ERRORS = 3

ExtraMetric = Callable[[Answer], float | None]
"""From one answer to its score, 0–100; None where the metric does not apply. May raise for what it cannot score."""

ExtraMetrics = Sequence[str] | Mapping[str, ExtraMetric]
"""Names that installed packages offer, or name → metric."""

Replay = Callable[[str], Iterable[Answer]]
"""Task → its answers again, one at a time, with the fields that their prompts were made of."""


def own_rows(scores: BenchmarkScores, rows: Iterable[ScoreRow]) -> list[ScoreRow]:
    """The rows of the protocol's own scores, without those of extra metrics; of several draws their mean."""
    return rows_of_samples([row for row in rows if row.metric not in scores.tasks[row.task].extra])


def read_metrics(metrics: ExtraMetrics) -> dict[str, ExtraMetric]:
    """Name → metric; raises `UnknownNameError` or `PluginError` for a name that no package offers, or badly."""
    if isinstance(metrics, str):
        raise UserError(f"metrics={metrics!r}: give a list of names, or a mapping from name to metric")
    if not isinstance(metrics, Mapping):
        return {name: _metric(name) for name in metrics}
    for name, metric in metrics.items():
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"metrics={{{name!r}: …}}: the name of a metric is a text; give it one")
        if not callable(metric):
            raise UserError(f"metrics={{{name!r}: {metric!r}}}: neither a function of an answer nor a Judge")
    return dict(metrics)


def _metric(name: str) -> ExtraMetric:
    metric: ExtraMetric | None = load_plugin(GROUP, name)
    if metric is None:
        raise UnknownNameError("metric", name, plugin_names(GROUP), hint="docs/extending.md shows how to add one")
    if not callable(metric):
        raise PluginError(f"{GROUP} {name!r}: neither a function of an answer nor a Judge; correct its entry point")
    return metric


@dataclass
class _Tally:
    """What one metric gave for one task."""

    scores: list[float] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    failed: set[str] = field(default_factory=set)
    rows: list[ScoreRow] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def with_extra(
    scores: BenchmarkScores,
    benchmark: Benchmark,
    protocol: str,
    tasks: Mapping[str, TaskAnswers],
    metrics: Mapping[str, ExtraMetric],
    replay: Replay,
    kept: Judgements,
) -> tuple[BenchmarkScores, list[ScoreRow]]:
    """The scores with those of the metrics under each task's `extra`, and the rows behind these."""
    found: dict[str, TaskScore] = {}
    rows: list[ScoreRow] = []
    for task, score in scores.tasks.items():
        scorer = benchmark.scorer(task, protocol, tasks[task].answers)
        for name in metrics:
            if name == scorer.metric or name in scorer.columns:
                raise UserError(f"metric {name}: {task} has one of this name under {protocol}; offer yours by another")
        tallies = _tallies(task, protocol, scorer, metrics, replay(task), kept)
        extra = {name: _extra_score(tally, tasks[task].failed) for name, tally in tallies.items()}
        found[task] = score.model_copy(update={"extra": extra})
        rows += [row for tally in tallies.values() for row in tally.rows]
    return scores.model_copy(update={"tasks": found}), rows


def _tallies(
    task: str,
    protocol: str,
    scorer: Scorer,
    metrics: Mapping[str, ExtraMetric],
    answers: Iterable[Answer],
    kept: Judgements,
) -> dict[str, _Tally]:
    """Name → what the metric gave, over one pass of the answers."""
    tallies = {name: _Tally() for name in metrics}
    for answer in answers:
        if scorer.includes is not None and not scorer.includes(answer):
            continue
        for name, metric in metrics.items():
            _count(tallies[name], task, protocol, name, metric, answer, kept)
    return tallies


def _count(
    tally: _Tally, task: str, protocol: str, name: str, metric: ExtraMetric, answer: Answer, kept: Judgements
) -> None:
    try:
        score = _score(name, metric, answer, kept)
    except UserError:  # a key that is not set, a file that cannot be written: wrong for every sample
        raise
    except Exception as error:  # the code of another package, and whatever its judge's server does
        tally.failed.add(answer.id)
        tally.errors.append(f"{answer.name}: " + one_line(f"{type(error).__name__}: {error}", 200))
        return
    if score is not None:
        tally.scores.append(score)
        tally.answers.append(answer)
        tally.rows.append(ScoreRow(answer.id, task, protocol, name, score, sample_axes(answer), draw=answer.draw))


def _score(name: str, metric: ExtraMetric, answer: Answer, kept: Judgements) -> float | None:
    if isinstance(metric, Judge):
        return kept.verdict(name, metric, answer).score
    return check_score(metric(answer))


def _extra_score(tally: _Tally, failed: int) -> ExtraScore:
    answers, values = values_of_samples(tally.answers, [(score,) for score in tally.scores])
    columns, clusters = np.array(values, dtype=np.float64).reshape(-1, 1), [answer.document for answer in answers]
    score = float(columns.mean()) if values else None
    interval = cluster_interval(columns, clusters, lambda means: means[0], score=score) if values else None
    return ExtraScore(
        score=score,
        n=len(values),
        failed=failed + len(tally.failed),
        ci95=interval and (interval.low, interval.high),
        ci95_kind=interval and interval.kind,
        clusters=len(set(clusters)),
        errors=tally.errors[:SHOWN_ERRORS],
    )
