"""Scores by prompt length, or by whatever parts a benchmark reports besides the whole: a table and a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evalkit.files import write_text
from evalkit.scores import BenchmarkScores, BucketScore, GroupScore, TaskScore
from evalkit.tables import plain_table

from ._markup import csv_text

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

__all__ = [
    "MOST_ACROSS",
    "PartRow",
    "PartTable",
    "bucket_rows",
    "buckets_table",
    "part_cell",
    "part_frame",
    "part_rows",
    "write_parts",
]

MOST_ACROSS = 12  # parts side by side; more of them go down the page


class PartRow(NamedTuple):
    """One task or group by its parts."""

    name: str
    """Task or group."""
    label: str
    """The same, with what it lacks."""
    is_group: bool
    """Whether it is a group."""
    parts: list[BucketScore | None]
    """Score of each part of the table; None where the row has no such part."""
    effective: list[str]
    """Longest length that holds, for each threshold of the table."""


class PartTable(NamedTuple):
    """Scores by parts, however they are shown."""

    parts: list[str]
    """Names of the parts: lengths, or ranges of them."""
    thresholds: list[float]
    """Means that a length must reach to count as held."""
    rows: list[PartRow]
    """Tasks, then groups."""

    @property
    def is_by_length(self) -> bool:
        """Whether parts are numbers: lengths, or counts of what a story tells."""
        return all(map(str.isdigit, self.parts))

    @property
    def headings(self) -> list[str]:
        """What stands above the columns."""
        effective = (f"effective (≥ {value:g})" for value in self.thresholds)
        return ["task", *(f"{name} (n)" for name in self.parts), *effective]


def part_rows(scores: BenchmarkScores) -> PartTable | None:
    """Tasks and complete groups by their parts; None where no task is reported by parts."""
    rows = bucket_rows(scores)
    if not rows:
        return None
    names = list(dict.fromkeys(name for row in rows.values() for name in row.buckets or {}))
    thresholds = sorted({row.effective_length.threshold for row in rows.values() if row.effective_length is not None})
    lines = [
        PartRow(
            name,
            name + _mark(scores, row, name),
            isinstance(row, GroupScore),
            [(row.buckets or {}).get(part) for part in names],
            [_effective(row, value) for value in thresholds],
        )
        for name, row in rows.items()
    ]
    return PartTable(names, thresholds, lines)


def buckets_table(scores: BenchmarkScores, lengths: str = "") -> Table | None:
    """One row per task and complete group: score and samples of each part, and the effective length where parts are
    lengths; None where no task is reported by parts. `lengths` says whose tokens such lengths count.
    """
    found = part_rows(scores)
    if found is None:
        return None
    headings = found.headings
    lines = [[row.label, *map(part_cell, row.parts), *row.effective] for row in found.rows]
    if len(found.parts) > MOST_ACROSS:
        headings, *lines = [list(column) for column in zip(headings, *lines, strict=True)]
    table = plain_table(lengths if lengths and found.is_by_length else None)
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left")
    groups = {row.label for row in found.rows if row.is_group}
    for line in lines:
        table.add_row(*line, style="bold" if line[0] in groups else "")
    return table


def _mark(scores: BenchmarkScores, row: TaskScore | GroupScore, name: str) -> str:
    """What stands behind the name of a row that lacks samples."""
    tasks = row.tasks if isinstance(row, GroupScore) else [name]
    is_partial = any(scores.tasks[task].is_partial for task in tasks if task in scores.tasks)
    return " (PARTIAL)" if is_partial else ""


def bucket_rows(scores: BenchmarkScores) -> dict[str, TaskScore | GroupScore]:
    """Name → tasks with parts, then groups of several such tasks of which none is missing."""
    tasks: dict[str, TaskScore | GroupScore] = {
        name: task for name, task in scores.tasks.items() if task.buckets is not None
    }
    groups = {name: group for name, group in scores.groups.items() if group.buckets and len(group.tasks) > 1}
    return tasks | groups


def _effective(row: TaskScore | GroupScore, threshold: float) -> str:
    if row.effective_length is None or row.effective_length.threshold != threshold:
        return "–"
    return "none" if row.effective_length.length is None else f"{row.effective_length.length:,}"


def part_cell(bucket: BucketScore | None) -> str:
    """Score and samples of a part; a dash where there is none."""
    if bucket is None or bucket.score is None:
        return "–"
    return f"{bucket.score:.2f} ({bucket.n})"


def part_frame(scores: BenchmarkScores) -> pd.DataFrame:
    """One row per task or complete group and part; columns kind, name, part, score, n, effective_length, threshold.

    The last two say of the whole row's name how long its prompts may be, where parts are lengths.
    """
    import pandas as pd

    rows = []
    for name, row in bucket_rows(scores).items():
        kind, effective = "group" if isinstance(row, GroupScore) else "task", row.effective_length
        held = (None, None) if effective is None else (effective.length, effective.threshold)
        rows += [(kind, name, part, bucket.score, bucket.n, *held) for part, bucket in (row.buckets or {}).items()]
    columns = ["kind", "name", "part", "score", "n", "effective_length", "threshold"]
    return pd.DataFrame(rows, columns=columns).astype({"effective_length": "Int64"})


def write_parts(folder: Path, scores: BenchmarkScores) -> list[Path]:
    """`tables/parts.csv` below `folder`, where tasks are reported by parts; its path."""
    frame = part_frame(scores)
    if frame.empty:
        return []
    path = folder / "tables" / "parts.csv"
    write_text(path, csv_text(frame))
    return [path]
