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

__all__ = ["check_rows", "length_of", "one_row_per_key"]

TELLING_CHARACTERS = 20
"""A question with its gold answer that is shorter may well come twice in a file."""
COINCIDENCE_BITS = 24
"""Gold answers that agree with the beginning of the file for longer than chance would let them once in 2^24."""
FEWEST_FOR_RANGES = 20
"""Rows below which the share of long and short texts says nothing."""
RANGE_ENDS = (4000, 8000)
"""Where the length ranges of LongBench-E end: LongBench/eval.py at 2e00731f, scorer_e."""
_APPENDED = "keep the lines of one run (pred.py appends to a file that is there)"
REMEDIES = {
    "longbench": f"{_APPENDED}; LongBench-E outputs need --e",
    "longbench-e": f"{_APPENDED}; LongBench outputs go without --e",
}
"""Benchmark → what to do about rows that do not belong."""
REMEDY = "keep the rows of one run"

Key = tuple[object, ...]


def check_rows(benchmark: Benchmark, task: str, paths: Sequence[Path], rows: Sequence[Row]) -> None:
    """Raise `DataError` where rows are more than the task has samples, come twice, or are of other lengths."""
    remedy = REMEDIES.get(benchmark.spec.name, REMEDY)
    expected = full_count(benchmark, task)
    if expected and len(rows) > expected:
        raise DataError(f"{paths[0]}: {len(rows)} predictions, but {task} has {expected} answers; {remedy}")
    settings = benchmark.spec.tasks[task].settings
    _check_ranges(paths[0], task, rows, settings.get("ranges"), remedy)
    if "repeated" not in settings or settings["repeated"] is not None:
        _check_doubled([row for row in rows if row.is_answered and row.content], settings.get("repeated", 0), remedy)


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
    if not ranges or len(lengths) < FEWEST_FOR_RANGES or len(set(lengths)) == 1:
        return
    found = Counter(sum(length >= end for end in RANGE_ENDS) for length in lengths)
    for number, (name, most) in enumerate(
        zip(("below 4,000", "from 4,000 to 7,999", "from 8,000"), ranges, strict=True)
    ):
        if found[number] > most:
            raise DataError(
                f"{path}: {found[number]} predictions for texts of length {name}, but {task} has {most}; {remedy}"
            )


def _check_doubled(rows: Sequence[Row], repeated: int, remedy: str) -> None:
    """Raise for more rows that repeat another than the benchmark's own samples do."""
    _refuse(rows, [row.content for row in rows], repeated, "is the same", remedy)
    keys = [_key(row) for row in rows]
    restart = _restart(keys)
    if restart is not None and len(keys) - len(set(keys)) > repeated:
        place, first = rows[restart].place, rows[0].place
        raise DataError(f"{place}: the gold answers start over as from {first}: two runs in one file; {remedy}")
    if rows and _is_telling(rows):
        _refuse(rows, keys, repeated, "is of the same sample", remedy)


def _refuse(rows: Sequence[Row], keys: Sequence[object], repeated: int, what: str, remedy: str) -> None:
    doubled = len(keys) - len(set(keys))
    if doubled <= repeated:
        return
    first: dict[object, int] = {}
    later = next(index for index, key in enumerate(keys) if first.setdefault(key, index) != index)
    others = f", and {doubled - 1} more rows are like that" if doubled > 1 else ""
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
            agreed += bits[index]
            index += 1
        if agreed > COINCIDENCE_BITS or (
            agreed > 0 and index > 1 and start + index == len(keys) and agreed > COINCIDENCE_BITS / 2
        ):
            return start
    return None
