"""Scores as a data frame: one row for each task, each extra metric of a task, each group, and the overall score."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from ._records import BenchmarkScores, ExtraScore, GroupScore, OverallScore, TaskScore

__all__ = ["score_rows", "scores_frame", "scores_html"]

COLUMNS = ("kind", "task", "score", "metric", "n", "failed", "expected", "ci95_low", "ci95_high", "ci95_kind")
COUNTS = ("n", "failed", "expected")
NUMBERS = ("score", "ci95_low", "ci95_high")


def scores_frame(scores: BenchmarkScores) -> pd.DataFrame:
    """`score_rows` as a frame, each row with benchmark, protocol and model; counts are whole numbers or missing."""
    import pandas as pd

    frame = pd.DataFrame(score_rows(scores), columns=list(COLUMNS)).astype(dict.fromkeys(COUNTS, "Int64"))
    for place, name in enumerate(("benchmark", "protocol", "model")):
        frame.insert(place, name, getattr(scores, name))
    return frame


def scores_html(scores: BenchmarkScores) -> str:
    """A heading, a table of name, score, interval and counts, and what a reader must know besides; for notebooks."""
    from ._remarks import remarks_on

    title = f"{scores.benchmark} · {scores.model_title or scores.model} · protocol {scores.protocol}"
    frame = scores_frame(scores).drop(columns=["benchmark", "protocol", "model", "ci95_kind"])
    # Columns without any number would hold None, which is printed as a word.
    frame = frame.astype(dict.fromkeys(NUMBERS, float)).fillna({"metric": ""})
    table: str = frame.to_html(index=False, escape=True, na_rep="", float_format="{:.2f}".format, border=0)
    remarks = "".join(f"<li>{html.escape(line)}</li>" for line in [*scores.notes, *remarks_on(scores)])
    return f"<p><b>{html.escape(title)}</b>{' · PARTIAL' if scores.partial else ''}</p>{table}<ul>{remarks}</ul>"


def score_rows(scores: BenchmarkScores) -> list[dict[str, Any]]:
    """One row per task, extra metric, group and the overall score, in this order; `kind` says which it is."""
    rows = [_row("task", name, task, task.metric, task.n, task.failed, task.expected) for name, task in _tasks(scores)]
    rows += [
        _row("extra", name, extra, metric, extra.n, extra.failed, task.expected)
        for name, task in _tasks(scores)
        for metric, extra in task.extra.items()
    ]
    rows += [_row("group", name, group, None, *_sums(scores, group.tasks)) for name, group in scores.groups.items()]
    counts = _sums(scores, [*scores.tasks, *scores.missing])
    return [*rows, _row("overall", "overall", scores.overall, None, *counts)]


def _tasks(scores: BenchmarkScores) -> Iterable[tuple[str, TaskScore]]:
    return scores.tasks.items()


def _row(
    kind: str,
    name: str,
    score: TaskScore | ExtraScore | GroupScore | OverallScore,
    metric: str | None,
    n: int,
    failed: int,
    expected: int | None,
) -> dict[str, Any]:
    low, high = score.ci95 or (None, None)
    values = (kind, name, score.score, metric, n, failed, expected, low, high, score.ci95_kind)
    return dict(zip(COLUMNS, values, strict=True))


def _sums(scores: BenchmarkScores, names: Iterable[str]) -> tuple[int, int, int | None]:
    """Counts over tasks; expected is None where a member is not known in full."""
    members = [scores.tasks.get(name) for name in names]
    there = [task for task in members if task is not None]
    counts = [None if task is None else task.expected for task in members]
    known = [count for count in counts if count is not None]
    expected = sum(known) if len(known) == len(counts) else None
    return sum(task.n for task in there), sum(task.failed for task in there), expected
