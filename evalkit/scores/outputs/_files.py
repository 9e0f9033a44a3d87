"""Task files of the formats that write one JSON lines file per task, and their records."""

from __future__ import annotations

from pathlib import Path

from evalkit.data import Record, read_records
from evalkit.errors import DataError, UnknownNameError
from evalkit.tasks import Benchmark, benchmarks_with_task

from ._advice import format_of_lines, packed
from ._rows import LINES, Found

__all__ = ["records_with", "task_files"]


def task_files(folder: Path, benchmark: Benchmark, ignore_unknown: bool) -> Found:
    """The file of each task: `<task>.jsonl` or `<task>.pred.jsonl`, perhaps compressed; two of one task are refused."""
    paths = sorted(path for suffix in LINES for path in folder.glob(f"*{suffix}"))
    if not paths:
        expected = "outputs are one <task>.jsonl or <task>.pred.jsonl per task, or the same with .gz"
        raise DataError(f"{folder}: no *.jsonl file; {packed(folder) or expected}")
    found: dict[str, list[Path]] = {}
    left_out = []
    for path in paths:
        try:
            task = benchmark.spec.task_name(path.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix(".pred"))
        except UnknownNameError as error:
            if not ignore_unknown:
                raise DataError(f"{path}: {_reason(path, benchmark, error)}; --ignore-unknown leaves it out") from error
            left_out.append(path.name)
            continue
        if task in found:
            names = f"{found[task][0].name} and {path.name}"
            raise DataError(f"{folder}: {names} are both outputs of {task}: keep the one to be scored")
        found[task] = [path]
    notes = [f"left out, of no task of {benchmark.spec.name}: {', '.join(left_out)}"] if left_out else []
    return Found(found, notes)


def _reason(path: Path, benchmark: Benchmark, error: UnknownNameError) -> str:
    """Why a file is no task's: its name is none, and perhaps its records are of another format."""
    looks = format_of_lines(path)
    if not looks or benchmark.spec.name.startswith(looks):
        others = benchmarks_with_task(path.name.partition(".")[0])
        return f"no task of {benchmark.spec.name}, but one of {', '.join(others)}" if others else str(error)
    return f"no task of {benchmark.spec.name}, and its records look like --format {looks}"


def records_with(path: Path, *fields: str) -> list[Record]:
    """All records of a file, a doubled field refused; `DataError` for a field that none of them has."""
    records = list(read_records(path, refuses_doubled_fields=True))
    for field in fields:
        if not any(field in record.fields for record in records):
            there = ", ".join(sorted(records[0].fields)) or "none"
            raise DataError(f"{records[0].place}: field {field!r} is missing, here and in all lines (fields: {there})")
    return records
