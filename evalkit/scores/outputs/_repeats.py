"""Whether numbered rows, which say nothing of a sample's length or question, are as many samples; needs no data.

Prompts tell samples apart where the rows hold them. Else gold answers do: one that comes more often than in the task,
and a stretch of them that comes again, which in published data is never longer than chance allows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from evalkit.errors import DataError
from evalkit.tasks import Benchmark

from ._doubles import FEWEST_ROWS, REMEDY, refuse_doubled
from ._rows import Row

__all__ = ["check_numbered"]

STRETCH_BITS = 40
"""A stretch of gold answers that comes again by chance less often than once in 2^40.

Of the complete published outputs and data of LongBench, LongBench-E and L-Eval none repeats more than 21 bits, but for
the records that L-Eval asks twice (`asked_again`).
"""
ANOTHER = f"{REMEDY}; or these are another task's"


class _Stretch(NamedTuple):
    """Rows whose gold answers are those of earlier ones, one after the other."""

    first: int
    again: int
    rows: int


def check_numbered(benchmark: Benchmark, task: str, rows: Sequence[Row]) -> str:
    """Raise `DataError` for rows that are of one sample; what was looked at, for a note."""
    settings = benchmark.spec.tasks[task].settings
    asked_again = settings.get("asked_again", settings.get("repeated", 0)) or 0
    answered = [row for row in rows if row.is_answered]
    golds = [row.targets for row in answered]
    has_prompts = bool(answered) and all(row.prompt for row in answered)
    if has_prompts:
        prompts = [(row.prompt, row.targets) for row in answered]
        refuse_doubled(answered, prompts, asked_again, "has the same prompt and gold answer", REMEDY)
    _refuse_stretch(answered, asked_again)
    has_counts = settings.get("same_answers") is not None
    if len(answered) >= FEWEST_ROWS:
        if len({(row.targets, row.prediction) for row in answered}) == 1:
            refuse_doubled(answered, golds, 0, "is the same", REMEDY)
        if has_counts:
            refuse_doubled(
                answered, golds, settings["same_answers"] + _slack(golds), "has the same gold answer", ANOTHER
            )
    return _looked_at(has_prompts=has_prompts, has_counts=has_counts)


def _slack(golds: Sequence[Sequence[str]]) -> int:
    """More equal gold answers than the task has, in files that keep the first of several: qasper's are 13 of 200."""
    return 0 if any(len(targets) > 1 for targets in golds) else len(golds) // 10


def _looked_at(*, has_prompts: bool, has_counts: bool) -> str:
    """What the checks above can see."""
    if has_prompts:
        return "counts and doubled prompts were"
    often = ", how often a gold answer comes" if has_counts else ""
    return f"counts{often} and whether a stretch of gold answers comes again were"


def _refuse_stretch(rows: Sequence[Row], asked_again: int) -> None:
    for stretch in _stretches([row.targets for row in rows]):
        if stretch.rows > asked_again:
            place, earlier = rows[stretch.again].place, rows[stretch.first].place
            raise DataError(
                f"{place}: the gold answers of {stretch.rows} rows from here on are those from {earlier} on: "
                f"the same samples twice; {REMEDY}"
            )


def _stretches(keys: Sequence[Hashable]) -> Iterator[_Stretch]:
    """The stretches that come again by more than chance.

    Of equal neighbours only the first counts: sorted gold answers agree with themselves.
    """
    counts = Counter(keys)
    bits = [
        math.log2(len(keys) / counts[key]) if index == 0 or key != keys[index - 1] else 0.0
        for index, key in enumerate(keys)
    ]
    for lag in range(1, len(keys)):
        start, agreed = 0, 0.0
        for index in range(len(keys) - lag + 1):
            if index + lag < len(keys) and keys[index] == keys[index + lag]:
                agreed += bits[index]
                continue
            if agreed > STRETCH_BITS:
                yield _Stretch(start, start + lag, index - start)
            start, agreed = index + 1, 0.0
