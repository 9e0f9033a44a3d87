"""Rows held against the benchmark's data, where that is on this machine: which sample is behind each answer.

An answer belongs to a sample that has its gold answer and, as far as the file tells them, its length and question.
Files may have gaps and, where several processes wrote them, another order; they may not have what the data lacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.data import locate, source
from evalkit.errors import DataError
from evalkit.tasks import Benchmark

from ._doubles import REMEDY, full_count, other_set, remedy_of
from ._rows import Row

__all__ = ["Data", "Known", "Matched", "load_data", "match_rows"]

NOT_PLACEHOLDER = 20
"""Characters from which a question that the data lacks is another task's, not a stand-in."""


class Known(NamedTuple):
    """What the data says of a sample, without its text."""

    id: str
    document: str
    targets: tuple[str, ...]
    question: str
    metadata: Mapping[str, Any]


class Data(NamedTuple):
    """The samples of a task, from its data on this machine."""

    path: Path
    """The data file."""
    samples: list[Known]
    """In order."""
    is_whole: bool
    """Whether it holds all samples of the task."""


@dataclass(frozen=True)
class Matched:
    """The samples behind the answers of a task."""

    samples: Mapping[int, Known] = field(default_factory=dict)
    """Row index → its sample; empty where not every answer's is certain."""
    notes: Sequence[str] = ()
    """What does not agree and is no reason to refuse."""


def match_rows(benchmark: Benchmark, task: str, rows: Sequence[Row], data: Data, *, is_ordered: bool) -> Matched:
    """The samples behind the rows that can be scored; `DataError` for an answer that belongs to no sample.

    `is_ordered`: the format keeps the data's order, so that another order is a fault.
    """
    answered = [row for row in rows if row.is_answered]
    if any(row.key for row in answered):
        return _by_key(task, answered, data)
    return _by_facts(benchmark, task, answered, data, is_ordered=is_ordered)


def load_data(benchmark: Benchmark, task: str, as_stored: Callable[[str], str]) -> Data | None:
    """The task's samples, where its files are on this machine and can be relied on.

    `as_stored`: what the format's rows have in the place of a gold answer of the data.
    """
    origin, protocol = source(benchmark.spec.source), benchmark.spec.default_protocol
    try:
        located = {name: locate(origin, name, partial=True, download=False) for name in benchmark.files(task)}
    except DataError:
        return None
    files = {name: place.path for name, place in located.items()}
    samples = [
        Known(
            sample.id,
            sample.document,
            tuple(map(as_stored, sample.targets)),
            sample.fields.get("question", ""),
            sample.metadata,
        )
        for sample in benchmark.samples(task, protocol, files)
    ]
    is_whole = all(place.is_known for place in located.values()) or len(samples) == full_count(benchmark, task)
    return Data(next(iter(files.values())), samples, is_whole)


def _by_key(task: str, rows: Sequence[Row], data: Data) -> Matched:
    """By the sample's own id."""
    known = {str(sample.metadata.get("_id")): sample for sample in data.samples}
    found = {row.index: known[row.key] for row in rows if row.key in known}
    for row in rows:
        sample = known.get(row.key)
        if sample is None and data.is_whole:
            raise DataError(f"{row.place}: {task} has no sample {row.key!r} ({data.path}): {REMEDY}")
        if sample is not None and sample.targets != row.targets:
            raise DataError(f"{row.place}: gold answer {_short(row.targets)} is not that of {data.path}: it was edited")
    return _part(rows, data, found)


def _by_facts(benchmark: Benchmark, task: str, rows: Sequence[Row], data: Data, *, is_ordered: bool) -> Matched:
    questions = _questions(rows, data)
    facts = _Facts(has_length=all(isinstance(row.metadata.get("length"), int) for row in rows), questions=questions)
    in_order = _in_order(rows, data.samples, facts)
    if in_order is not None:
        return Matched(in_order)
    if not data.is_whole:
        return _part(rows, data, _one_each(rows, data.samples, facts))
    if is_ordered:
        raise _out_of_order(task, rows, data, facts)
    counts, seen = Counter(map(facts.of_sample, data.samples)), Counter[object]()
    for row in rows:
        key = facts.of_row(row)
        seen[key] += 1
        if not counts[key]:
            raise _stranger(task, row, data, facts, other_set(benchmark))
        if seen[key] > counts[key]:
            raise DataError(f"{row.place}: its sample was answered before in this file; {remedy_of(benchmark)}")
    return _shuffled(rows, data, facts)


def _stranger(task: str, row: Row, data: Data, facts: _Facts, hint: str) -> DataError:
    about = f"gold answer {_short(row.targets)}{facts}"
    return DataError(f"{row.place}: {about} is not in {task}'s data ({data.path}): another task's, or edited{hint}")


def _out_of_order(task: str, rows: Sequence[Row], data: Data, facts: _Facts) -> DataError:
    """The first row that is not of the sample of its number."""
    for row in rows:
        sample = data.samples[row.index] if row.index < len(data.samples) else None
        if sample is None or facts.of_sample(sample) != facts.of_row(row):
            return _stranger(
                task, row, data, facts, f" (sample {row.index} has {_short(sample.targets)})" if sample else ""
            )
    raise AssertionError("rows that all are of the sample of their number are in order")


def _shuffled(rows: Sequence[Row], data: Data, facts: _Facts) -> Matched:
    """The samples of rows in another order, which several processes that write one file leave."""
    note = "the predictions are not in the order of the data"
    documents: dict[object, set[str]] = {}
    for sample in data.samples:
        documents.setdefault(facts.of_sample(sample), set()).add(sample.document)
    if any(len(documents[facts.of_row(row)]) > 1 for row in rows):
        return Matched(notes=[f"{note}, and which document some are about cannot be told: samples are the clusters"])
    return Matched(_one_each(rows, data.samples, facts), [note])


@dataclass(frozen=True)
class _Facts:
    """What rows and samples are compared by."""

    has_length: bool
    questions: Mapping[int, str]
    """Row index → the data's question; empty where the file has none that the data knows."""

    def of_row(self, row: Row) -> object:
        """The key of a row."""
        return row.targets, row.metadata["length"] if self.has_length else None, self.questions.get(row.index)

    def of_sample(self, sample: Known) -> object:
        """The key of a sample."""
        length = sample.metadata.get("length") if self.has_length else None
        return sample.targets, length, sample.question if self.questions else None

    def __str__(self) -> str:
        parts = ["its length"] * self.has_length + ["its question"] * bool(self.questions)
        return f" with {' and '.join(parts)}" if parts else ""


def _questions(rows: Sequence[Row], data: Data) -> dict[int, str]:
    """Row index → the question of the data that the row's own is or contains; `DataError` for another task's."""
    known = {sample.question.strip(): sample.question for sample in data.samples if sample.question.strip()}
    found = {}
    for row in rows:
        text = row.question.strip()
        inside = text if text in known else max((each for each in known if each in text), key=len, default="")
        if inside:
            found[row.index] = known[inside]
    if len(found) == len(rows) or not known:
        return found
    for row in rows:
        if row.index not in found and len(row.question) >= NOT_PLACEHOLDER and data.is_whole:
            raise DataError(f"{row.place}: its question is not in {data.path}: another task's outputs, or edited ones")
    return {}


def _in_order(rows: Sequence[Row], samples: Sequence[Known], facts: _Facts) -> dict[int, Known] | None:
    """Row index → sample, where the rows follow the samples, perhaps with gaps."""
    rest: Iterator[Known] = iter(samples)
    found = {}
    for row in rows:
        match = next((sample for sample in rest if facts.of_sample(sample) == facts.of_row(row)), None)
        if match is None:
            return None
        found[row.index] = match
    return found


def _one_each(rows: Sequence[Row], samples: Sequence[Known], facts: _Facts) -> dict[int, Known]:
    """Row index → a sample of the same facts, none taken twice."""
    waiting: dict[object, list[Known]] = {}
    for sample in reversed(samples):
        waiting.setdefault(facts.of_sample(sample), []).append(sample)
    return {row.index: stack.pop() for row in rows if (stack := waiting.get(facts.of_row(row)))}


def _part(rows: Sequence[Row], data: Data, found: Mapping[int, Known]) -> Matched:
    """Where the data is a part of the task's, the rows outside it could not be checked."""
    if len(found) == len(rows):
        return Matched(samples=found)
    outside = f"{len(rows) - len(found)} of {len(rows)} predictions are not in the data at hand ({data.path})"
    return Matched(notes=[f"{outside}, which is not the whole: they were not checked against it"])


def _short(targets: Sequence[str]) -> str:
    return repr(" / ".join(targets)[:40])
