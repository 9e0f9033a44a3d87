"""LongBench's prediction files, those of LongBench-E included: one `<task>.jsonl` per task, as pred.py appends them.

pred/llama3-8b-instruct/trec.jsonl
    {"pred": "Food", "answers": ["Food"], "all_classes": ["Food", …], "length": 3806}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalkit.data import Record, require, require_strings
from evalkit.errors import DataError
from evalkit.tasks import Benchmark

from ._files import records_with, task_files
from ._rows import Found, Row, content_of, gold_texts, readable

__all__ = ["longbench_files", "longbench_rows"]

E_FOLDER = "pred_e"
"""Where pred.py writes LongBench-E outputs, below the working folder; LongBench's go to `pred`."""


def longbench_files(folder: Path, benchmark: Benchmark, ignore_unknown: bool) -> Found:
    """The task files of a folder, which must not be one of LongBench-E where LongBench is scored."""
    if benchmark.spec.name == "longbench" and E_FOLDER in folder.resolve().parts:
        raise DataError(f"{folder}: pred.py writes LongBench-E outputs to {E_FOLDER}: add --e, or move the folder")
    return task_files(folder, benchmark, ignore_unknown)


def longbench_rows(benchmark: Benchmark, task: str, paths: Sequence[Path]) -> list[Row]:
    """The rows of a task's file."""
    has_classes = benchmark.spec.tasks[task].settings.get("metric") == "classification"
    records = records_with(paths[0], "pred", "answers")
    return [_row(index, record, has_classes) for index, record in enumerate(records)]


def _row(index: int, record: Record, has_classes: bool) -> Row:
    metadata: dict[str, Any] = {}
    prediction = readable(record.fields.get("pred"))
    targets = gold_texts(record.fields.get("answers"), record.place, "answers")
    if has_classes and prediction is not None:
        metadata["all_classes"] = require_strings(record, "all_classes")
        strange = next((target for target in targets if target not in metadata["all_classes"]), None)
        if strange is not None:
            raise DataError(f"{record.place}: gold answer {strange!r} is none of its 'all_classes': it was edited")
    if record.fields.get("length") is not None:  # only LongBench-E needs it; older prediction files lack it
        metadata["length"] = require(record, "length", int)
    return Row(record.place, index, prediction, targets, metadata, content=content_of(record.fields))
