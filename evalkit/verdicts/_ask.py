"""From paths to a run and the published numbers that it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from evalkit.published import read_published_file

from ._published import PublishedComparison, compare_published
from ._rows import Target, choose_rows, rows_of_benchmark
from ._sides import Side, read_side

__all__ = ["PUBLISHED", "Question", "against_published", "ask", "hold_published", "names_numbers"]

PUBLISHED = "published"
"""What stands for the published numbers that ship with evalkit."""


def names_numbers(right: str) -> bool:
    """Whether the right side of a comparison is published numbers, and no run: a folder may be called x.csv."""
    return right == PUBLISHED or (right.lower().endswith(".csv") and not Path(right).is_dir())


class Question(NamedTuple):
    """A run and the numbers that it is held against."""

    side: Side
    """The run, scored again."""
    target: Target
    """The numbers."""


def ask(
    left: Path,
    right: str = PUBLISHED,
    *,
    model: str | None = None,
    output_format: str | None = None,
    protocol: str | None = None,
    benchmark: str | None = None,
) -> Question:
    """A run, scores or outputs, and the numbers of `published` or of a CSV file. Raises `UserError` for wrong input."""
    own = None if right == PUBLISHED else read_published_file(Path(right))  # a file that is wrong is said at once
    side = read_side(left, output_format, protocol, benchmark)
    rows = rows_of_benchmark(side.measured.scores.benchmark) if own is None else own
    return Question(side, choose_rows(side, rows, model))


def against_published(
    left: Path,
    right: str = PUBLISHED,
    *,
    reruns: Sequence[Path] = (),
    model: str | None = None,
    output_format: str | None = None,
    protocol: str | None = None,
    benchmark: str | None = None,
) -> PublishedComparison:
    """A verdict on every published number of the run's model; `reruns` are further runs of it."""
    side, target = ask(left, right, model=model, output_format=output_format, protocol=protocol, benchmark=benchmark)
    return compare_published(side, target, [read_side(each, output_format, protocol) for each in reruns])


def hold_published(side: Side) -> PublishedComparison:
    """The same of a side that is read already, with the numbers that ship with evalkit."""
    return compare_published(side, choose_rows(side, rows_of_benchmark(side.measured.scores.benchmark)))
