"""Answers kept beside scores: what `evalkit score --out` writes, so that they can be scored again without the original.

outputs.json    where the answers came from, how they were scored, and for each task what its lines do not say
answers.jsonl   one answer a line, with its gold answers and its place in the benchmark:
    {"task": "trec", "id": "longbench/trec/0", "document": "longbench/trec/0", "text": "Food", "targets": ["Food"],
     "metadata": {"index": 0, "all_classes": ["Food", …], "length": 3806}, "crc32": "5e0cf4a1"}

Scores of a run keep no answers: they name the run, whose records say more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from evalkit.errors import DataError, UserError, one_line
from evalkit.files import json_text, replace_bytes, sha256_of, write_text
from evalkit.lines import CHECKSUM, checked_line, checksum_of, is_intact
from evalkit.records import StoredRecord
from evalkit.runs import MANIFEST
from evalkit.tasks import Answer, Benchmark, load_benchmark

from ._runs import measure_run
from ._score import TaskAnswers, measure_benchmark
from ._values import Measured

__all__ = [
    "ANSWERS",
    "OUTPUTS",
    "KeptAnswers",
    "KeptOutputs",
    "KeptTask",
    "holds_answers",
    "keep_answers",
    "keep_run",
    "measure_kept",
    "read_answers",
    "read_outputs_file",
]

OUTPUTS = "outputs.json"
ANSWERS = "answers.jsonl"
REMEDY = "score the outputs again"


class KeptTask(StoredRecord):
    """What is known of a task's answers beside the answers."""

    failed: int = 0
    """Samples without an answer of which no line tells."""
    draws: int = 1
    """Answers that each sample should have."""
    is_altered: bool = False
    """Whether the data is not the pinned one."""
    cluster_unit: str = "document"
    """What `document` names in the lines: `document`, or `sample` where documents are not known."""
    notes: list[str] = []
    """What a reader of the task's score should know."""


class KeptOutputs(StoredRecord):
    """Where scores came from: `outputs.json`."""

    schema_version: int = Field(default=1, alias="schema", serialization_alias="schema")
    """Version of this shape."""
    format: str
    """Format of the outputs; `evalkit` for a run folder."""
    place: str
    """The folder of the outputs, as it was named."""
    benchmark: str
    """Benchmark as it was named: a shipped one, or a YAML file."""
    protocol: str
    """Protocol that scored, without overrides."""
    options: dict[str, str] = {}
    """Options of the benchmark."""
    model: str = ""
    """Who answered."""
    notes: list[str] = []
    """What a reader of all scores should know."""
    tasks: dict[str, KeptTask] = {}
    """Task → what its lines do not say."""
    answers_sha256: str | None = None
    """Digest of `answers.jsonl`; null where the scores are of a run, which holds its answers itself."""
    run: str | None = None
    """Absolute path of the run folder; null for outputs made elsewhere."""


@dataclass(frozen=True)
class KeptAnswers:
    """The answers of a folder of scores."""

    kept: KeptOutputs
    """Where they came from."""
    benchmark: Benchmark
    """Their benchmark, with the options of the folder or those asked for."""
    tasks: Mapping[str, TaskAnswers]
    """Task → answers."""


def holds_answers(folder: Path) -> bool:
    """Whether a folder is one of `evalkit score --out` that says what it scored, and no run."""
    return (folder / OUTPUTS).is_file() and not (folder / MANIFEST).exists()


def keep_answers(folder: Path, origin: KeptOutputs, tasks: Mapping[str, TaskAnswers]) -> None:
    """Write the answers of outputs made elsewhere, and where they came from."""
    lines = b"".join(_lines(tasks))
    try:
        replace_bytes(folder / ANSWERS, lines)
    except OSError as error:
        raise UserError(f"{folder / ANSWERS}: cannot be written ({error.strerror}); choose another folder") from error
    known = {task: _known(given) for task, given in tasks.items()}
    _write(folder, origin.model_copy(update={"tasks": known, "answers_sha256": sha256_of(folder / ANSWERS)}))


def keep_run(folder: Path, origin: KeptOutputs, run: Path) -> None:
    """Write which run the scores of a folder are of."""
    (folder / ANSWERS).unlink(missing_ok=True)  # of outputs that were scored there before
    _write(folder, origin.model_copy(update={"run": str(run.resolve())}))


def _write(folder: Path, kept: KeptOutputs) -> None:
    said = kept.model_dump(mode="json", by_alias=True)
    write_text(folder / OUTPUTS, json_text({**said, CHECKSUM: checksum_of(said)}))


def _known(given: TaskAnswers) -> KeptTask:
    return KeptTask(
        failed=given.failed,
        draws=given.draws,
        is_altered=given.is_altered,
        cluster_unit=given.cluster_unit,
        notes=list(given.notes),
    )


def _lines(tasks: Mapping[str, TaskAnswers]) -> Iterator[bytes]:
    for task, given in tasks.items():
        yield from (_line(task, answer, answer.prediction) for answer in given.answers)
        yield from (_line(task, answer, None) for answer in given.unanswered)


def _line(task: str, answer: Answer, text: str | None) -> bytes:
    entry: dict[str, Any] = {"task": task, "id": answer.id, "document": answer.document, "text": text}
    entry |= {"targets": list(answer.targets), "metadata": dict(answer.metadata)}
    entry |= {"draw": answer.draw} if answer.draw else {}
    return checked_line(_storable(entry))


def _storable(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry as it comes back from a file: half a surrogate pair, which no file can hold, as its escape."""
    try:
        json.dumps(entry, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        text = json.dumps(entry, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")
        return dict(json.loads(text))
    return entry


def read_outputs_file(folder: Path) -> KeptOutputs:
    """What `outputs.json` says; `DataError` for one that cannot be read or was changed."""
    path = folder / OUTPUTS
    try:
        said = json.loads(path.read_bytes())
        kept = KeptOutputs.model_validate(said)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
    except (ValidationError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: damaged ({one_line(error, 80)}); {REMEDY}") from error
    if said.get(CHECKSUM) != checksum_of(said):
        raise DataError(f"{path}: changed since evalkit wrote it; {REMEDY}")
    return kept


def read_answers(folder: Path, options: Mapping[str, str] | None = None) -> KeptAnswers:
    """The answers of a folder of scores; `DataError` where they are not those that were scored."""
    kept = read_outputs_file(folder)
    benchmark = load_benchmark(kept.benchmark, {**kept.options, **(options or {})})
    answers: dict[str, list[Answer]] = {task: [] for task in kept.tasks}
    unanswered: dict[str, list[Answer]] = {task: [] for task in kept.tasks}
    for task, answer, is_answered in _read_lines(folder / ANSWERS):
        (answers if is_answered else unanswered).setdefault(task, []).append(answer)
    if sha256_of(folder / ANSWERS) != kept.answers_sha256:
        raise DataError(f"{folder / ANSWERS}: not the answers that were scored: lines are missing; {REMEDY}")
    tasks = {
        task: TaskAnswers(
            answers[task],
            known.failed,
            draws=known.draws,
            unanswered=unanswered[task],
            notes=known.notes,
            is_altered=known.is_altered,
            cluster_unit=known.cluster_unit,
        )
        for task, known in kept.tasks.items()
    }
    return KeptAnswers(kept, benchmark, tasks)


def _read_lines(path: Path) -> Iterator[tuple[str, Answer, bool]]:
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield _read_line(line, f"{path}, line {number}")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error


def _read_line(line: bytes, place: str) -> tuple[str, Answer, bool]:
    if not is_intact(line):
        raise DataError(f"{place}: changed since evalkit wrote it; {REMEDY}")
    try:
        said = json.loads(line)
        text = said["text"]
        answer = Answer(
            said["id"], said["document"], text or "", tuple(said["targets"]), said["metadata"], draw=said.get("draw", 0)
        )
        return said["task"], answer, text is not None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{place}: no answer of evalkit ({one_line(error, 80)}); {REMEDY}") from error


def measure_kept(folder: Path, protocol: str | None = None, options: Mapping[str, str] | None = None) -> Measured:
    """The scores of a folder of scores, made again from its answers or from the run that it names.

    Under its own protocol and options, or others. `DataError` where the run is gone.
    """
    kept = read_outputs_file(folder)
    if kept.run is not None:
        if not (Path(kept.run) / MANIFEST).exists():
            raise DataError(f"{folder}: scores of the run {kept.run}, which is not there any more: name the run itself")
        return measure_run(Path(kept.run), protocol or kept.protocol, {**kept.options, **(options or {})})
    read = read_answers(folder, options)
    name = protocol or kept.protocol
    read.benchmark.spec.protocol(name)
    used = {**kept.options, **(options or {})}
    label = "+".join([name, *(f"{option}-{value}" for option, value in used.items())])
    return measure_benchmark(read.benchmark, name, read.tasks, model=kept.model, label=label, notes=kept.notes)
