"""Outputs made elsewhere: the folders that benchmark authors publish, read as answers.

gpt4-32k/coursera.pred.jsonl      {"query": "…", "gt": "B", "gpt4-x_pred": "B", "evaluation": "exam"}
llama3-8b-instruct/trec.jsonl     {"pred": "Food", "answers": ["Food"], "all_classes": ["Food", …], "length": 3806}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from evalkit.data import Record, locate, read_records, require, require_strings, source
from evalkit.errors import DataError, UnknownNameError
from evalkit.paths import cache_root, data_root
from evalkit.tasks import Answer, Benchmark, Sample

from .._score import TaskAnswers
from ._opencompass import guess_benchmark, model_folder, opencompass_answers, opencompass_files

__all__ = ["FORMATS", "find_outputs", "output_benchmark", "read_outputs"]

Finder = Callable[[Path, Benchmark, bool], Iterator[tuple[str, Path]]]
Parser = Callable[[Benchmark, str, Path], list[Answer]]


class OutputFormat(NamedTuple):
    """How a folder of outputs is read."""

    find: Finder
    """Task and file of every task in a folder; the flag leaves out files of no known task."""
    parse: Parser
    """The answers of one task file."""
    match: Literal["order", "row", "none"] = "order"
    """How answers are matched with the benchmark's data: in the samples' order, perhaps with gaps; row i with sample i;
    or not at all, where they carry all that is needed."""


def find_outputs(path: Path, output_format: str = "") -> Path:
    """The folder of outputs in that format: see `_folder`; within OpenCompass's output folder, the model's."""
    folder = _folder(path)
    return model_folder(folder) if output_format == "opencompass" else folder


def output_benchmark(folder: Path, output_format: str) -> str:
    """The benchmark whose outputs a folder holds, where the user names none."""
    return guess_benchmark(folder) if output_format == "opencompass" else output_format


def _folder(path: Path) -> Path:
    """The folder of outputs: as given, else below `EVALKIT_DATA`, else below the cache; `DataError` otherwise."""
    places = [path, *(root / path for root in (data_root(), cache_root()) if root is not None)]
    for place in places:
        if place.is_dir():
            return place
    if any(place.exists() for place in places):
        raise DataError(f"{path}: a file, but outputs are a folder with one file per task")
    looked = ", ".join(str(place) for place in places)
    first = path.parts[0] if path.parts else ""
    raise DataError(f"{path}: no such folder (looked at {looked}); to download: evalkit data fetch {first or 'NAME'}")


def read_outputs(
    folder: Path, benchmark: Benchmark, output_format: str, *, ignore_unknown: bool = False
) -> dict[str, TaskAnswers]:
    """Task → answers of every task file in the folder.

    A file that is no task of the benchmark is a `DataError`, or left out with `ignore_unknown`.
    """
    if output_format not in FORMATS:
        raise UnknownNameError("format", output_format, [*FORMATS, "evalkit"])
    find, parse, match = FORMATS[output_format]
    found = {}
    for task, path in find(folder, benchmark, ignore_unknown):
        found[task] = parse(benchmark, task, path)
        _check_count(benchmark, task, path, len(found[task]))
    if match == "none":
        return {task: TaskAnswers(answers, cluster_unit="sample") for task, answers in found.items()}
    return {task: _with_documents(benchmark, task, answers, by_row=match == "row") for task, answers in found.items()}


def _check_count(benchmark: Benchmark, task: str, path: Path, answers: int) -> None:
    """Raise `DataError` for more answers than the task has samples: the files of two runs, or of something else."""
    counts = benchmark.spec.tasks[task].expected.values()
    expected = max((count or 0 for count in counts), default=0)
    if expected and None not in counts and answers > expected:
        raise DataError(
            f"{path}: {answers} predictions, but {task} has {expected} answers; keep the lines of one run "
            "(LongBench's pred.py appends to a file that is there); LongBench-E outputs need --e"
        )


def _task_files(folder: Path, benchmark: Benchmark, ignore_unknown: bool) -> Iterator[tuple[str, Path]]:
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise DataError(f"{folder}: no *.jsonl file; outputs are one <task>.jsonl or <task>.pred.jsonl per task")
    for path in paths:
        name = path.name.removesuffix(".jsonl").removesuffix(".pred")
        try:
            yield benchmark.spec.task_name(name), path
        except UnknownNameError as error:
            if not ignore_unknown:
                raise DataError(f"{path}: {error}; --ignore-unknown leaves it out") from error


def _leval(benchmark: Benchmark, task: str, path: Path) -> list[Answer]:
    """L-Eval's prediction files: the first field whose name contains `_pred` holds the prediction."""
    records = list(read_records(path))
    names = [name for name in records[0].fields if "_pred" in name]
    if not names:
        raise DataError(f"{records[0].place}: no field with a name like 'MODEL_pred' holds a prediction")
    return [_leval_answer(benchmark, task, index, record, names[0]) for index, record in enumerate(records)]


def _leval_answer(benchmark: Benchmark, task: str, index: int, record: Record, field: str) -> Answer:
    name = f"{benchmark.spec.name}/{task}/{index}"
    gold = record.fields.get("gt")
    targets = tuple(gold) if isinstance(gold, list) and all(isinstance(text, str) for text in gold) else ()
    if not targets:
        targets = (require(record, "gt", str),)
    metadata = {"index": index, "evaluation": require(record, "evaluation", str)}
    return Answer(name, name, require(record, field, str), targets, metadata)


def _longbench(benchmark: Benchmark, task: str, path: Path) -> list[Answer]:
    """LongBench's prediction files."""
    return [_longbench_answer(benchmark, task, index, record) for index, record in enumerate(read_records(path))]


def _longbench_answer(benchmark: Benchmark, task: str, index: int, record: Record) -> Answer:
    name = f"{benchmark.spec.name}/{task}/{index}"
    metadata: dict[str, Any] = {"index": index}
    if benchmark.spec.tasks[task].settings.get("metric") == "classification":
        metadata["all_classes"] = require_strings(record, "all_classes")
    if record.fields.get("length") is not None:  # only LongBench-E needs it; older prediction files lack it
        metadata["length"] = require(record, "length", int)
    return Answer(name, name, require(record, "pred", str), tuple(require_strings(record, "answers")), metadata)


def _only_file(folder: Path, benchmark: Benchmark, _: bool) -> Iterator[tuple[str, Path]]:
    """LongBench v2 writes one file per model and variant; only one can be scored at a time."""
    paths = sorted(folder.glob("*.jsonl"))
    if len(paths) != 1:
        names = ", ".join(path.name for path in paths[:3]) or "none"
        raise DataError(
            f"{folder}: {len(paths)} *.jsonl files ({names}); give each model's outputs a folder of its own"
        )
    (task,) = benchmark.spec.tasks
    yield task, paths[0]


def _longbench_v2(benchmark: Benchmark, task: str, path: Path) -> list[Answer]:
    """LongBench v2's result files: the raw response counts, not the option that its own code read from it."""
    return [
        Answer(
            f"{benchmark.spec.name}/{task}/{require(record, '_id', str)}",
            require(record, "_id", str),
            require(record, "response", str),
            (require(record, "answer", str),),
            {name: require(record, name, str) for name in ("difficulty", "length")},
        )
        for record in read_records(path)
    ]


FORMATS: dict[str, OutputFormat] = {
    "leval": OutputFormat(_task_files, _leval),
    "longbench": OutputFormat(_task_files, _longbench),
    "longbench-v2": OutputFormat(_only_file, _longbench_v2, match="none"),
    "opencompass": OutputFormat(opencompass_files, opencompass_answers, match="row"),
}
"""Format name → how it is read."""


def _with_documents(benchmark: Benchmark, task: str, answers: list[Answer], *, by_row: bool) -> TaskAnswers:
    """The answers with documents and metadata of their samples, where the benchmark's data is at hand and agrees."""
    samples = _samples_behind(benchmark, task, answers, by_row=by_row)
    if samples is None:
        return TaskAnswers(answers, cluster_unit="sample")
    return TaskAnswers(
        [
            replace(answer, document=sample.document, metadata={**sample.metadata, **answer.metadata})
            for answer, sample in zip(answers, samples, strict=True)
        ]
    )


def _samples_behind(benchmark: Benchmark, task: str, answers: Sequence[Answer], *, by_row: bool) -> list[Sample] | None:
    """The sample of each answer, found by walking the data for the same gold answers in the same order."""
    origin, protocol = source(benchmark.spec.source), benchmark.spec.default_protocol
    try:
        files = {name: locate(origin, name, partial=True, download=False).path for name in benchmark.files(task)}
    except DataError:  # not at hand, or not to be relied on: each answer then stands for itself
        return None
    samples: Iterator[Sample] = benchmark.samples(task, protocol, files)
    found: list[Sample] = []
    for answer in answers:
        match = next((sample for sample in samples if _is_behind(sample, answer, by_row)), None)
        if match is None:
            return None
        found.append(match)
    return found


def _is_behind(sample: Sample, answer: Answer, by_row: bool) -> bool:
    if by_row and sample.metadata["index"] != answer.metadata["index"]:
        return False
    return sample.targets == answer.targets
