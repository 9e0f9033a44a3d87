"""Scores as a folder's files say them, held against those that its answers give."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.errors import DataError

from ._records import BenchmarkScores, ScoreRow
from ._runs import read_scores

__all__ = ["StoredRow", "read_rows", "rows_by_answer", "strange_rows", "strange_scores"]

CLOSE = 5e-9
"""Points within which a stored score is the one computed again."""


class StoredRow(NamedTuple):
    """What a line of `scores.jsonl` says, as far as readers of samples need it."""

    id: str
    """Sample id."""
    draw: int
    """Which of its draws."""
    metric: str
    """Metric."""
    score: float | None
    """0–100; None where the answer does not enter the mean."""


def read_rows(folder: Path) -> Iterator[StoredRow]:
    """The lines of `scores.jsonl`; none where nothing was scored yet. `DataError` for a line that is none."""
    path = folder / "scores.jsonl"
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield StoredRow(str(row["id"]), int(row.get("draw", 0)), str(row["metric"]), _number(row["score"]))
    except FileNotFoundError:
        return
    except (OSError, ArithmeticError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read; run: evalkit score {folder}") from error


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def rows_by_answer(folder: Path) -> dict[tuple[str, int], list[tuple[str, float | None]]]:
    """Sample id and draw → metrics and scores of `scores.jsonl`."""
    found: dict[tuple[str, int], list[tuple[str, float | None]]] = {}
    for row in read_rows(folder):
        found.setdefault((row.id, row.draw), []).append((row.metric, row.score))
    return found


def strange_scores(folder: Path, found: BenchmarkScores) -> Iterator[str]:
    """A note where `scores.json` says other numbers under this protocol than the answers give."""
    path = folder / "scores.json"
    if not path.is_file():
        return
    try:
        stored = read_scores(folder)
    except DataError as error:
        yield f"{error}; the scores here are made from the answers"
        return
    if stored.protocol != found.protocol:
        return
    differing = [line for line in _differences(stored, found) if line]
    if differing:
        more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
        yield f"{path}: says {differing[0]}{more}; the answers count, the file was edited or is of another release"


def _differences(stored: BenchmarkScores, found: BenchmarkScores) -> Iterator[str]:
    """`hotpotqa 99.00, its answers give 44.86`, for every score that is not the one computed again."""
    for kind in ("tasks", "groups"):
        then, now = getattr(stored, kind), getattr(found, kind)
        for name in then.keys() | now.keys():
            yield _difference(name, *(each[name].score if name in each else None for each in (then, now)))
    yield _difference("overall", stored.overall.score, found.overall.score)


def _difference(name: str, then: float | None, now: float | None) -> str:
    if then == now or (then is not None and now is not None and abs(then - now) < CLOSE):
        return ""
    said, given = ("none" if each is None else f"{each:.2f}" for each in (then, now))
    return f"{name} {said}, its answers give {given}"


def strange_rows(folder: Path, rows: Sequence[ScoreRow]) -> Iterator[str]:
    """A note where `scores.jsonl` cannot be read or says other numbers than `rows`; extra metrics are passed over."""
    path = folder / "scores.jsonl"
    if not path.is_file():
        return
    found = [StoredRow(row.id, row.draw, row.metric, row.score) for row in rows]
    own = {(row.id, row.metric) for row in found}
    try:
        stored = [row for row in read_rows(folder) if (row.id, row.metric) in own]
    except DataError as error:
        yield f"{error}; the scores here are made from the answers"
        return
    differing = abs(len(stored) - len(found)) + sum(map(_differs, _ordered(stored), _ordered(found)))
    if differing:
        yield f"{path}: {differing} of {len(found)} lines differ from what the answers give; the answers count"


def _ordered(rows: Sequence[StoredRow]) -> list[StoredRow]:
    """By answer and metric, several places of one metric as they came."""
    return sorted(rows, key=lambda row: row[:3])


def _differs(stored: StoredRow, found: StoredRow) -> bool:
    return stored[:3] != found[:3] or bool(_difference(found.id, stored.score, found.score))
