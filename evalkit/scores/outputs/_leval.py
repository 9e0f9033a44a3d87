"""L-Eval's prediction files: one `<task>.pred.jsonl` per task, as its baselines write them.

gpt4-32k/coursera.pred.jsonl
    {"query": "Which of …", "gt": "B", "gpt4-x_pred": "B", "evaluation": "exam"}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalkit.data import Record, read_records, require
from evalkit.errors import DataError
from evalkit.tasks import Benchmark

from ._rows import Row, content_of, gold_texts, readable

__all__ = ["leval_rows"]

MARK = "_pred"
"""What the name of the field with the prediction contains (`auto_eval.py`)."""


def leval_rows(benchmark: Benchmark, task: str, paths: Sequence[Path]) -> list[Row]:  # noqa: ARG001
    """The rows of a task's file."""
    records = list(read_records(paths[0], refuses_doubled_fields=True))
    name = _prediction_field(paths[0], records)
    return [_row(index, record, name) for index, record in enumerate(records)]


def _prediction_field(path: Path, records: Sequence[Record]) -> str:
    """The one field that holds predictions; official code takes the first and would mix the answers of two models."""
    names = list(dict.fromkeys(name for record in records for name in record.fields if MARK in name))
    if not names:
        raise DataError(f"{records[0].place}: no field with a name like 'MODEL_pred' holds a prediction")
    if len(names) > 1:
        shown = ", ".join(map(repr, names[:3]))
        raise DataError(f"{path}: predictions in {len(names)} fields ({shown}): keep those of one model")
    return names[0]


def _row(index: int, record: Record, name: str) -> Row:
    gold = record.fields.get("gt")
    if gold is not None and not isinstance(gold, list):
        gold = require(record, "gt", str)
    prediction, question = readable(record.fields.get(name)), record.fields.get("query")
    kind = record.fields.get("evaluation")
    if prediction is not None:
        kind = require(record, "evaluation", str)  # the official rules choose the metric by it
    return Row(
        record.place,
        index,
        prediction,
        gold_texts(gold, record.place, "gt"),
        {"evaluation": kind} if isinstance(kind, str) else {},
        question=question if isinstance(question, str) else "",
        content=content_of(record.fields),
    )
