"""LongBench v2's result files: one file per model and variant, as its pred.py writes them.

results/my-model_cot.jsonl
    {"_id": "66f2…", "difficulty": "hard", "length": "short", "answer": "C", "response": "…", "pred": "C"}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalkit.data import Record, require
from evalkit.errors import DataError
from evalkit.tasks import Benchmark

from ._files import records_with
from ._rows import LINES, Found, Row, content_of, gold_texts, readable

__all__ = ["longbench_v2_files", "longbench_v2_rows"]

ASKED = ("question", "choice_A", "choice_B", "choice_C", "choice_D")
"""What pred.py leaves in its records of the question."""


def longbench_v2_files(folder: Path, benchmark: Benchmark, _: bool) -> Found:
    """The only file of a folder: a file is a model or a variant, and only one can be scored at a time."""
    paths = sorted(path for suffix in LINES for path in folder.glob(f"*{suffix}"))
    if len(paths) != 1:
        names = ", ".join(path.name for path in paths[:3]) or "none"
        raise DataError(
            f"{folder}: {len(paths)} *.jsonl files ({names}); give each model's outputs a folder of its own"
        )
    (task,) = benchmark.spec.tasks
    return Found({task: paths}, [])


def longbench_v2_rows(benchmark: Benchmark, task: str, paths: Sequence[Path]) -> list[Row]:  # noqa: ARG001
    """The rows of the file: the raw response counts, not the option that its own code read from it."""
    return [_row(index, record) for index, record in enumerate(records_with(paths[0], "response", "answer"))]


def _row(index: int, record: Record) -> Row:
    told = {name: record.fields[name] for name in ("difficulty", "length") if name in record.fields}
    return Row(
        record.place,
        index,
        readable(record.fields.get("response")),
        gold_texts(record.fields.get("answer"), record.place, "answer"),
        {name: require(record, name, str) for name, value in told.items() if value is not None},
        question=_asked(record),
        key=require(record, "_id", str),
        content=content_of(record.fields),
    )


def _asked(record: Record) -> str:
    """The question with its options; empty where the question is missing."""
    return "\n".join(str(record.fields.get(name)) for name in ASKED) if record.fields.get("question") else ""
