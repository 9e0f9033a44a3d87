"""Whether the rows of a task are as many samples: checked without the benchmark's data, by what the rows tell.

LongBench's pred.py appends to a file that is there, so a second run leaves samples twice. Some samples of a benchmark
do share question, gold answer and length; how many is a fact of the data (`repeated` in the benchmark's YAML).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalkit.errors import DataError
from evalkit.tasks import Benchmark

from ._rows import Row

__all__ = [
    "FEWEST_ROWS",
    "REMEDY",
    "check_count",
    "check_doubled",
    "full_count",
    "length_of",
    "one_row_per_key",
    "other_set",
    "refuse_doubled",
    "remedy_of",
]

TELLING_CHARACTERS = 20
"""A question with its gold answer that is shorter may well come twice in a file."""
COINCIDENCE_BITS = 24
"""Gold answers that agree with the beginning of the file for longer than chance would let them once in 2^24."""
FEWEST_ROWS = 20
"""Rows below which shares of lengths and of gold answers say nothing."""
MOST_ALIKE = 4
"""Rows that tell nothing but prediction and gold answer, and may all be the same."""
RANGE_ENDS = (4000, 8000)
"""Where the length ranges of LongBench-E end: LongBench/eval.py at 2e00731f, scorer_e."""
_APPENDED = "keep the lines of one run (pred.py appends to a file that is there)"
REMEDY = "keep the rows of one run"
_REMEDIES = {"longbench": _APPENDED, "longbench-e": _APPENDED}
_OTHER_SET = {"longbench": "; LongBench-E outputs need --e", "longbench-e": "; LongBench outputs go without --e"}

Key = tuple[object, ...]


def check_count(benchmark: Benchmark, task: str, paths: Sequence[Path], rows: Sequence[Row]) -> None:
    """Raise `DataError` for more rows than the task has samples, or for two runs one after the other."""
    is_numbered = not any(row.content for row in rows)
    remedy, expected = REMEDY if is_numbered else remedy_of(benchmark), full_count(benchmark, task)
    if expected and len(rows) > expected:
        raise DataError(f"{paths[0]}: {len(rows)} predictions, but {task} has {expected} answers; {remedy}")
    keys = [_key(row) for row in rows if row.content]
    repeated = benchmark.spec.tasks[task].settings.get("repeated", 0) or 0
    restart = _restart(keys) if len(keys) - len(set(keys)) > repeated else None
    if restart is not None:
        place, first = rows[restart].place, rows[0].place
        raise DataError(f"{place}: the gold answers start over as from {first}: two runs in one file; {remedy}")


def check_doubled(benchmark: Benchmark, task: str, paths: Sequence[Path], rows: Sequence[Row]) -> str:
    """Raise `DataError` for rows that come twice, or are of other lengths than the task has; needs no data.

    What was looked at, for a note.
    """
    settings, remedy = benchmark.spec.tasks[task].settings, remedy_of(benchmark)
    _check_ranges(paths[0], task, rows, settings.get("ranges"), remedy)
    answered = [row for row in rows if row.is_answered and row.content]
    if answered and all(row.key for row in answered):
        return _check_keyed(answered, settings.get("same_questions"), remedy)
    repeated = settings.get("repeated", 0)
    if repeated is None or not answered:
        return "counts were"
    contents = [row.content for row in answered]
    is_told = all(row.question or length_of(row) is not None for row in answered)
    if is_told:
        refuse_doubled(answered, contents, repeated, "is the same", remedy)
    elif len(set(contents)) == 1 and len(contents) > MOST_ALIKE:
        refuse_doubled(answered, contents, 0, "is the same", remedy)
    most_alike = settings.get("same_answers")
    if most_alike is not None and len(answered) >= FEWEST_ROWS:
        refuse_doubled(answered, [row.targets for row in answered], most_alike, "has the same gold answer", remedy)
    if _is_telling(answered):
        refuse_doubled(answered, [_key(row) for row in answered], repeated, "is of the same sample", remedy)
    if is_told:
        return "counts and doubled rows were"
    return "counts were" if most_alike is None else "counts and how often a gold answer comes were"


def _check_keyed(rows: Sequence[Row], same_questions: int | None, remedy: str) -> str:
    """Rows that name their samples, each once: the questions under these names may still be the same ones."""
    if same_questions is None or not all(row.question for row in rows):
        return "counts and the ids of samples were"
    refuse_doubled(rows, [_key(row) for row in rows], same_questions, "asks the same", remedy)
    return "counts, ids of samples and doubled questions were"


def remedy_of(benchmark: Benchmark) -> str:
    """What to do about rows that are too many."""
    return _REMEDIES.get(benchmark.spec.name, REMEDY) + other_set(benchmark)


def other_set(benchmark: Benchmark) -> str:
    """The option with which rows may belong after all; begins with a semicolon, empty where there is none."""
    return _OTHER_SET.get(benchmark.spec.name, "")


def full_count(benchmark: Benchmark, task: str) -> int | None:
    """Samples of the full task; None where that is not published."""
    counts = benchmark.spec.tasks[task].expected.values()
    return None if None in counts else max((count or 0 for count in counts), default=0)


def one_row_per_key(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """The rows with each sample id once: an answer stands for the failures of its sample; two answers are refused."""
    kept: dict[str, Row] = {}
    for row in rows:
        earlier = kept.get(row.key)
        if earlier is not None and earlier.is_answered and row.is_answered:
            raise DataError(f"{row.place}: sample {row.key!r} was answered before ({earlier.place}): {REMEDY}")
        if earlier is None or not earlier.is_answered:
            kept[row.key] = row
    again = len(rows) - len(kept)
    return list(kept.values()), [
        f"{again} rows are failures of a sample that is there again: left out"
    ] if again else []


def length_of(row: Row) -> object:
    """The `length` that the file gives for the sample's text; None where it gives none."""
    return row.metadata.get("length")


def _key(row: Row) -> Key:
    return row.targets, length_of(row), row.question


def _check_ranges(path: Path, task: str, rows: Sequence[Row], ranges: Any, remedy: str) -> None:
    """Raise for more texts of a length range than the task has."""
    lengths = [length for row in rows if isinstance(length := length_of(row), int)]
    if not ranges or len(lengths) < FEWEST_ROWS or len(set(lengths)) == 1:
        return
    found = Counter(sum(length >= end for end in RANGE_ENDS) for length in lengths)
    for number, (name, most) in enumerate(
        zip(("below 4,000", "from 4,000 to 7,999", "from 8,000"), ranges, strict=True)
    ):
        if found[number] > most:
            raise DataError(
                f"{path}: {found[number]} predictions for texts of length {name}, but {task} has {most}; {remedy}"
            )


def refuse_doubled(rows: Sequence[Row], keys: Sequence[object], repeated: int, what: str, remedy: str) -> None:
    """Raise `DataError` where more rows than `repeated` have the key of an earlier one."""
    doubled = len(keys) - len(set(keys))
    if doubled <= repeated:
        return
    first: dict[object, int] = {}
    later = next(index for index, key in enumerate(keys) if first.setdefault(key, index) != index)
    others = f", and {doubled - 1} more rows are like that" if doubled > 1 else ""
    others += f", more than the {repeated} of the task" if repeated else ""
    place, earlier = rows[later].place, rows[first[keys[later]]].place
    raise DataError(f"{place}: {what} as {earlier}{others}; {remedy}")


def _is_telling(rows: Sequence[Row]) -> bool:
    """Whether question, gold answer and length tell samples apart, and are no placeholders."""
    is_varied = len({length_of(row) for row in rows}) > 1 and all(length_of(row) is not None for row in rows)
    return is_varied or all(
        len(row.question) + sum(map(len, row.targets)) >= TELLING_CHARACTERS
        and (row.question or length_of(row) is not None)
        for row in rows
    )


def _restart(keys: Sequence[Key]) -> int | None:
    """Where the keys begin to follow those from the first one on, for longer than by chance."""
    counts = Counter(keys)
    bits = [math.log2(len(keys) / counts[key]) for key in keys]
    for start in range(1, len(keys)):
        agreed, index = 0.0, 0
        while start + index < len(keys) and keys[start + index] == keys[index]:
            agreed += bits[index] if index < start else 0.0  # what agrees beyond that is the same again
            index += 1
        if agreed > COINCIDENCE_BITS:
            return start
        if start + index == len(keys) and index >= start:
            return None  # a few keys in turn: they would agree with themselves again and again
    return None
