"""Several answers to each sample: their mean is the sample's value, and how far whole draws lie apart is the spread."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalkit.tasks import Answer, BenchmarkSpec, Scorer

from ._groups import group_scores, overall_score
from ._records import DrawSpread, GroupScore, OverallScore, ScoreRow, TaskDraws, TaskScore

__all__ = ["column_means", "draws_of_task", "point", "rows_of_samples", "values_of_samples", "with_draws"]

Row = tuple[float, ...]


def column_means(columns: NDArray[np.float64]) -> list[float]:
    """Mean of each column over the samples that enter it; NaN for a column without any."""
    with np.errstate(invalid="ignore"):
        is_there = ~np.isnan(columns)
        means: list[float] = (np.where(is_there, columns, 0.0).sum(axis=0) / is_there.sum(axis=0)).tolist()
    return means


def point(scorer: Scorer, columns: NDArray[np.float64]) -> float | None:
    """The score of rows of columns; None where it cannot be told."""
    value = scorer.point(columns) if scorer.point is not None else scorer.combine(column_means(columns))
    return None if np.isnan(value) else float(value)


def values_of_samples(answers: Sequence[Answer], rows: Sequence[Row]) -> tuple[list[Answer], list[Row]]:
    """The first answer of each sample, and the mean of each column over the sample's draws, in the order given."""
    if not any(answer.draw for answer in answers):
        return list(answers), list(rows)
    members: dict[str, list[int]] = {}
    for index, answer in enumerate(answers):
        members.setdefault(answer.id, []).append(index)
    values = [tuple(column_means(np.array([rows[index] for index in group]))) for group in members.values()]
    return [answers[group[0]] for group in members.values()], values


def draws_of_task(
    scorer: Scorer, answers: Sequence[Answer], rows: Sequence[Row], per_sample: int, failed: int
) -> TaskDraws | None:
    """The scores of whole draws, None for a draw that lacks samples; None where there is one answer a sample."""
    if per_sample == 1:
        return None
    members: list[list[Row]] = [[] for _ in range(per_sample)]
    for answer, row in zip(answers, rows, strict=True):
        members[answer.draw].append(row)
    samples = len({answer.id for answer in answers})
    is_whole = [len(each) == samples > 0 for each in members]  # scores over other samples would differ by these
    scores = [
        point(scorer, np.array(each, dtype=np.float64)) if whole else None
        for each, whole in zip(members, is_whole, strict=True)
    ]
    return TaskDraws(**_spread(scores), per_sample=per_sample, answers=len(rows), failed=failed)


def _spread(scores: Sequence[float | None]) -> dict[str, Any]:
    known = [score for score in scores if score is not None]
    return {
        "scores": list(scores),
        "spread": statistics.stdev(known) if len(known) > 1 else None,
        "range": (min(known), max(known)) if known else None,
    }


def with_draws(
    spec: BenchmarkSpec,
    protocol: str,
    tasks: Mapping[str, TaskScore],
    groups: Mapping[str, GroupScore],
    overall: OverallScore,
) -> tuple[dict[str, GroupScore], OverallScore]:
    """Groups and overall score with those of whole draws, where tasks have several."""
    counts = {0 if task.draws is None else task.draws.per_sample for task in tasks.values()}
    if len(counts) != 1 or not (count := counts.pop()):
        return dict(groups), overall
    found = [_of_draw(spec, protocol, tasks, draw) for draw in range(count)]
    spread = {name: DrawSpread(**_spread([each[name].score for each, _ in found])) for name in groups}
    return (
        {name: group.model_copy(update={"draws": spread[name]}) for name, group in groups.items()},
        overall.model_copy(update={"draws": DrawSpread(**_spread([each.score for _, each in found]))}),
    )


def _of_draw(
    spec: BenchmarkSpec, protocol: str, tasks: Mapping[str, TaskScore], draw: int
) -> tuple[dict[str, GroupScore], OverallScore]:
    scores = {
        name: task.model_copy(update={"score": task.draws.scores[draw], "buckets": None, "effective_length": None})
        for name, task in tasks.items()
        if task.draws is not None
    }
    groups = group_scores(spec, protocol, scores, {})
    return groups, overall_score(spec, protocol, groups, scores, {})


def rows_of_samples(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    """One row for each sample, metric and place, with the mean over its draws; as they are where there is one draw."""
    if not any(row.draw for row in rows):
        return list(rows)
    seen: Counter[tuple[str, str, str, int]] = Counter()
    members: dict[tuple[str, str, str, int], list[ScoreRow]] = {}
    for row in rows:
        of_draw = (row.task, row.id, row.metric, row.draw)
        members.setdefault((*of_draw[:3], seen[of_draw]), []).append(row)  # a metric has a row for each place
        seen[of_draw] += 1
    return [_mean_row(each) for each in members.values()]


def _mean_row(rows: Sequence[ScoreRow]) -> ScoreRow:
    scores = [row.score for row in rows if row.score is not None]
    return replace(rows[0], score=statistics.fmean(scores) if scores else None, draw=0)
