"""The formats of outputs made elsewhere, and how a folder in one of them becomes answers that can be scored.

Three steps, each with one owner: a reader makes rows of a task's file, `_doubles` sees that they are as many samples,
`_match` holds them against the benchmark's data where that is at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from evalkit.errors import DataError, UnknownNameError
from evalkit.files import user_path
from evalkit.paths import cache_root, data_root
from evalkit.tasks import Answer, Benchmark, BenchmarkSpec

from .._score import TaskAnswers
from ._advice import likely_command
from ._doubles import check_count, check_doubled, one_row_per_key
from ._files import task_files
from ._leval import leval_rows
from ._longbench import longbench_files, longbench_rows
from ._longbench_v2 import longbench_v2_files, longbench_v2_rows
from ._match import Known, Matched, load_data, match_rows
from ._odd import odd_rows
from ._repeats import check_numbered
from ._rows import Found, Row
from .opencompass import (
    abbreviations,
    as_stored,
    model_folder,
    needlebench_files,
    needlebench_rows,
    needlebench_sets,
    opencompass_files,
    opencompass_rows,
    parts_by_name,
)

__all__ = [
    "FORMATS",
    "OutputFormat",
    "ReadOutputs",
    "default_protocol",
    "find_outputs",
    "output_benchmark",
    "read_outputs",
]

NEEDLEBENCH = "needlebench"


class OutputFormat(NamedTuple):
    """How a folder of outputs is read."""

    find: Callable[[Path, Benchmark, bool], Found]
    """The files of every task in a folder; the flag leaves out files of no known task."""
    parse: Callable[[Benchmark, str, Sequence[Path]], list[Row]]
    """The rows of one task's files."""
    protocol: str
    """The protocol whose scores are printed for outputs in this format, where the benchmark has it."""
    is_ordered: bool = False
    """Whether the format keeps the order of the data."""


class ReadOutputs(NamedTuple):
    """The answers of a folder."""

    tasks: dict[str, TaskAnswers]
    """Task → answers."""
    notes: list[str]
    """What a reader of all scores should know."""


def _opencompass_found(folder: Path, benchmark: Benchmark, ignore_unknown: bool) -> Found:
    find = needlebench_files if benchmark.spec.kind == NEEDLEBENCH else opencompass_files
    return find(folder, benchmark, ignore_unknown)


def _opencompass_parsed(benchmark: Benchmark, task: str, paths: Sequence[Path]) -> list[Row]:
    parse = needlebench_rows if benchmark.spec.kind == NEEDLEBENCH else opencompass_rows
    return parse(benchmark, task, paths)


FORMATS: dict[str, OutputFormat] = {
    "leval": OutputFormat(task_files, leval_rows, "official"),
    "longbench": OutputFormat(longbench_files, longbench_rows, "official"),
    "longbench-v2": OutputFormat(longbench_v2_files, longbench_v2_rows, "official"),
    "opencompass": OutputFormat(_opencompass_found, _opencompass_parsed, "opencompass", is_ordered=True),
}
"""Format name → how it is read."""


def find_outputs(path: Path, output_format: str) -> Path:
    """The folder of outputs: as given, else below `EVALKIT_DATA` or the cache; in OpenCompass's, the model's."""
    _check_format(path, output_format)
    folder = _folder(path)
    return model_folder(folder) if output_format == "opencompass" else folder


def default_protocol(spec: BenchmarkSpec, output_format: str) -> str:
    """The protocol of outputs for which none is named: the format's own, where the benchmark has it."""
    protocol = FORMATS[output_format].protocol
    return protocol if protocol in spec.protocols else spec.default_protocol


def output_benchmark(folder: Path, output_format: str) -> str:
    """The benchmark whose outputs a folder holds, where the user names none; `DataError` for none or several."""
    if output_format != "opencompass":
        return output_format
    found = sorted(name for name, known in abbreviations().items() if parts_by_name(folder, known.__contains__)[0])
    found += needlebench_sets(folder)
    if len(found) == 1:
        return found[0]
    if not found:
        raise DataError(f"{folder}: no file is named like an OpenCompass task that evalkit knows; use --benchmark")
    raise DataError(f"{folder}: holds outputs of {', '.join(found)}: choose one with --benchmark")


def read_outputs(
    folder: Path, benchmark: Benchmark, output_format: str, *, ignore_unknown: bool = False
) -> ReadOutputs:
    """Task → answers of every task file in the folder, and what to know of them.

    A file that is no task of the benchmark is a `DataError`, or left out with `ignore_unknown`.
    """
    _check_format(folder, output_format)
    reader = FORMATS[output_format]
    found = reader.find(folder, benchmark, ignore_unknown)
    tasks, notes = {}, list(found.notes)
    unchecked: dict[str, list[str]] = {}
    for task, paths in found.files.items():
        rows, row_notes = _distinct_rows(reader.parse(benchmark, task, paths))
        check_count(benchmark, task, paths, rows)
        matched = _matched(reader, benchmark, task, paths, rows)
        known = Matched() if isinstance(matched, str) else matched
        tasks[task] = _answers(benchmark, task, rows, known, [*row_notes, *odd_rows(rows)])
        if isinstance(matched, str):
            unchecked.setdefault(matched, []).append(task)
    notes += [_unchecked(benchmark.spec, names, looked_at) for looked_at, names in unchecked.items()]
    return ReadOutputs(tasks, notes)


def _check_format(path: Path, output_format: str) -> None:
    if output_format not in FORMATS:
        raise UnknownNameError("format", output_format, [*FORMATS, "evalkit"], likely_command(path))


def _folder(path: Path) -> Path:
    """The folder of outputs: as given, else below `EVALKIT_DATA`, else below the cache; `DataError` otherwise."""
    path = user_path(path)
    places = [path, *(root / path for root in (data_root(), cache_root()) if root is not None)]
    for place in places:
        if place.is_dir():
            return place
    if any(place.exists() for place in places):
        raise DataError(f"{path}: a file, but outputs are a folder with one file per task")
    looked = ", ".join(str(place) for place in places)
    first = path.parts[0] if path.parts else ""
    raise DataError(f"{path}: no such folder (looked at {looked}); to download: evalkit data fetch {first or 'NAME'}")


def _distinct_rows(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """The rows, of one sample each where they name it; and what was left out."""
    return one_row_per_key(rows) if rows and all(row.key for row in rows) else (rows, [])


def _matched(
    reader: OutputFormat, benchmark: Benchmark, task: str, paths: Sequence[Path], rows: Sequence[Row]
) -> Matched | str:
    """The samples behind the rows; where the data is not at hand, what was looked at without it."""
    if benchmark.spec.kind == NEEDLEBENCH:  # needles are drawn anew; cells and row numbers tell all that is needed
        return Matched()
    data = load_data(benchmark, task, as_stored(benchmark, task) if reader.is_ordered else str)
    looked_at = ""
    if data is None or not data.is_whole:
        looked_at = (
            check_numbered(benchmark, task, rows) if reader.is_ordered else check_doubled(benchmark, task, paths, rows)
        )
    return looked_at if data is None else match_rows(benchmark, task, rows, data, is_ordered=reader.is_ordered)


def _answers(
    benchmark: Benchmark, task: str, rows: Sequence[Row], matched: Matched, notes: Sequence[str]
) -> TaskAnswers:
    """Answers with documents and metadata of their samples, and the samples that failed."""
    made = [_answer(f"{benchmark.spec.name}/{task}", row) for row in rows]
    answered = [
        _placed(answer, matched.samples, row) for answer, row in zip(made, rows, strict=True) if row.is_answered
    ]
    has_documents = bool(matched.samples) or any(row.document for row in rows)
    return TaskAnswers(
        answered,
        unanswered=[answer for answer, row in zip(made, rows, strict=True) if not row.is_answered],
        cluster_unit="document" if has_documents else "sample",
        notes=[*notes, *matched.notes, *_overruled(rows, matched.samples), *_failures(rows)],
    )


def _answer(prefix: str, row: Row) -> Answer:
    name = f"{prefix}/{row.key or row.index}"
    metadata = {"index": row.index, **row.metadata}
    return Answer(name, row.document or name, row.prediction or "", row.targets, metadata)


def _placed(answer: Answer, samples: Mapping[int, Known], row: Row) -> Answer:
    """The answer with its sample's cluster and facts; where the file tells less than the data, the data's count."""
    sample = samples.get(row.index)
    if sample is None:
        return answer
    metadata = {**answer.metadata, **sample.metadata}
    return replace(answer, document=sample.document, metadata=metadata)


def _overruled(rows: Sequence[Row], samples: Mapping[int, Known]) -> list[str]:
    """How many rows say another `evaluation`, by which L-Eval's official rules choose the metric, than the data."""
    said = {row.index: row.metadata["evaluation"] for row in rows if row.is_answered and "evaluation" in row.metadata}
    others = [
        value
        for index, value in said.items()
        if index in samples and samples[index].metadata.get("evaluation", value) != value
    ]
    return (
        [f"{len(others)} rows have another 'evaluation' than the data ({others[0]!r}): the data's counts"]
        if others
        else []
    )


def _failures(rows: Sequence[Row]) -> list[str]:
    """How many rows cannot be scored for what they lack."""
    silent = [row.place for row in rows if row.prediction is None]
    without = [row.place for row in rows if row.prediction is not None and not row.targets]
    reasons = ((silent, "no text as prediction"), (without, "no gold answer"))
    return [f"{len(places)} rows have {reason} (first: {places[0]}): failed" for places, reason in reasons if places]


def _unchecked(spec: BenchmarkSpec, tasks: Sequence[str], looked_at: str) -> str:
    named = ", ".join(tasks[:3]) + (f" and {len(tasks) - 3} more" if len(tasks) > 3 else "")
    return (
        f"{named}: without the data at hand only {looked_at} checked, not gold answers and documents; "
        f"to get it: evalkit data fetch {spec.source}"
    )
