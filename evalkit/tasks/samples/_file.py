"""A file of samples: its rows, and the definition of the benchmark that it is."""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from evalkit.data import Record, read_records
from evalkit.errors import DataError
from evalkit.files import user_path
from evalkit.records import explain

from ._row import SavedSample, Turn
from ._scoring import UNSCORED, check_gold

__all__ = ["Row", "definition_of", "read_rows", "task_of"]

TASKS = {"exam": "exact", "human": UNSCORED, "LLM": UNSCORED}
"""Task of those values of `evaluation` that are not the name of one."""

_NO_NAME = re.compile(r"[^\w.=-]+")  # signs that folders of runs do not keep either: other names, other folders


class Row(NamedTuple):
    """One line of a file of samples."""

    line: int
    """Its number in the file, from 1."""
    saved: SavedSample
    """What it says."""


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file in order, streaming; `DataError` with file and line for one that is no sample."""
    for record in read_records(path, refuses_doubled_fields=True):
        saved = _parsed(record)
        for question in saved.questions:
            if problem := check_gold(task_of(saved, question), question.answer):
                raise DataError(f"{record.place}: {problem}")
        yield Row(record.line, saved)


def task_of(saved: SavedSample, question: Turn) -> str:
    """The task that one question of a row belongs to."""
    return TASKS.get(saved.evaluation, saved.evaluation) if question.answer.strip() else UNSCORED


def definition_of(raw: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The shipped definition for one file: named after it, with the tasks that its rows have, and their numbers."""
    found = user_path(path).absolute()
    counts = _counts(found, *_version(found))
    tasks = {name: dict(task) for name, task in raw["tasks"].items() if name in counts}
    for name, task in tasks.items():
        # What is asked without being scored is no part of a full task, which a score would be missing.
        task["expected"] = dict.fromkeys(task["expected"], None if name == UNSCORED else counts[name])
    return {
        **raw,
        "name": f"{raw['name']}-{_NO_NAME.sub('-', path.stem)}",
        "title": f"{raw['title']} · {path.name}",
        "tasks": tasks,
        "groups": {name: raw["groups"][name] for name in dict.fromkeys(task["group"] for task in tasks.values())},
        "options": {**raw["options"], "file": {**raw["options"]["file"], "default": str(found)}},
    }


def _parsed(record: Record) -> SavedSample:
    try:
        return SavedSample.model_validate(record.fields)
    except ValidationError as error:
        reason = explain(error, SavedSample.model_fields)
        raise DataError(f"{record.place}: {reason}; docs/benchmarks/samples.md shows a row") from None


def _version(path: Path) -> tuple[int, int]:
    """What changes when a file does; a missing one is told of by its reader, and of a pipe none could read twice."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{path}: is no file; name a file of samples")
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=64)
def _counts(path: Path, *version: int) -> Counter[str]:  # noqa: ARG001
    """Task → questions; kept, because a command asks for a definition several times."""
    return Counter(task_of(row.saved, question) for row in read_rows(path) for question in row.saved.questions)
