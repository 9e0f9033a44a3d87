"""Answers kept beside scores: what `evalkit score --out` writes, so that they can be scored again without the original.

outputs.json    where the answers came from, how they were scored, and for each task what its lines do not say
answers.jsonl   one answer a line, with its gold answers and its place in the benchmark:
    {"task": "trec", "id": "longbench/trec/0", "document": "longbench/trec/0", "text": "Food", "targets": ["Food"],
     "metadata": {"index": 0, "all_classes": ["Food", …], "length": 3806}, "crc32": "5e0cf4a1"}

Scores of a run keep no answers: they name the run, whose records say more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, ValidationError

from evalkit.errors import DataError, one_line, shown
from evalkit.files import cannot_write, json_text, replace_bytes, sha256_of, write_text
from evalkit.lines import CHECKSUM, checked_line, checksum_of, is_intact
from evalkit.reading import load_json
from evalkit.records import LARGEST_COUNT, StoredRecord, explain
from evalkit.runs import MANIFEST
from evalkit.settings import MOST_DRAWS
from evalkit.tasks import Answer, Benchmark, load_benchmark

from ._runs import measure_run, read_run_answers
from ._score import TaskAnswers, measure_benchmark
from ._values import Measured
from .outputs import default_protocol, find_outputs, output_benchmark, read_outputs

__all__ = [
    "KeptAnswers",
    "KeptOutputs",
    "answers_of_outputs",
    "answers_of_run",
    "holds_answers",
    "keep_answers",
    "keep_run",
    "measure_folder",
    "read_answers",
    "read_outputs_file",
    "run_of_scores",
]

OUTPUTS = "outputs.json"
ANSWERS = "answers.jsonl"
REMEDY = "score the outputs again"
SCHEMA = 1
"""Shape of `outputs.json`; a higher number is a later release's."""

Scalar = StrictBool | StrictInt | StrictFloat | StrictStr | None


class KeptTask(StoredRecord):
    """What is known of a task's answers beside the answers."""

    failed: int = Field(default=0, ge=0, le=LARGEST_COUNT)
    """Samples without an answer of which no line tells."""
    draws: int = Field(default=1, ge=1, le=MOST_DRAWS)
    """Answers that each sample should have."""
    is_altered: bool = False
    """Whether the data is not the pinned one."""
    cluster_unit: str = "document"
    """What `document` names in the lines: `document`, or `sample` where documents are not known."""
    notes: list[str] = []
    """What a reader of the task's score should know."""


class KeptAnswer(StoredRecord):
    """One line of `answers.jsonl`."""

    task: str
    """Task it answers."""
    id: str
    """Sample id."""
    document: str
    """Cluster of the sample."""
    text: str | None
    """The answer, raw; null where there is none."""
    targets: tuple[str, ...]
    """Gold answers, raw."""
    metadata: dict[str, Scalar | list[StrictStr]]
    """As in `Sample.metadata`."""
    draw: int = Field(default=0, ge=0, lt=MOST_DRAWS)
    """Which of the sample's draws it is."""


class KeptOutputs(StoredRecord):
    """Where scores came from: `outputs.json`."""

    schema_version: int = Field(default=SCHEMA, alias="schema", serialization_alias="schema")
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
    """Answers made elsewhere, read from their files or from a folder of scores, and how they are scored."""

    origin: KeptOutputs
    """Where they came from, under the protocol and the options that score them now."""
    benchmark: Benchmark
    """Their benchmark."""
    tasks: Mapping[str, TaskAnswers]
    """Task → answers."""
    folder: Path | None = None
    """The folder of scores that they were read from, whose lines anybody may have written."""

    def measure(self) -> Measured:
        """Their scores, with the samples behind them."""
        with self.blamed():
            return self._measured()

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """While they are scored: what their lines make fail is a `DataError` that names their file."""
        try:
            yield
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            if self.folder is None:
                raise
            raise DataError(f"{self.folder / ANSWERS}: cannot be scored ({one_line(error, 80)}); {REMEDY}") from error

    def _measured(self) -> Measured:
        origin = self.origin
        label = "+".join([origin.protocol, *(f"{name}-{value}" for name, value in origin.options.items())])
        return measure_benchmark(
            self.benchmark, origin.protocol, self.tasks, model=origin.model, label=label, notes=origin.notes
        )


def answers_of_outputs(
    path: str | Path,
    output_format: str,
    protocol: str | None = None,
    *,
    benchmark: str | None = None,
    ignore_unknown: bool = False,
    options: Mapping[str, str] | None = None,
) -> KeptAnswers:
    """The answers in a folder of outputs made elsewhere, which may be below `EVALKIT_DATA` or the cache."""
    folder = find_outputs(Path(path), output_format)
    named = benchmark or output_benchmark(folder, output_format)
    scored = load_benchmark(named, options)
    protocol = protocol or default_protocol(scored.spec, output_format)
    scored.spec.protocol(protocol)
    read = read_outputs(folder, scored, output_format, ignore_unknown=ignore_unknown)
    origin = KeptOutputs(
        schema=SCHEMA,
        format=output_format,
        place=str(path),
        benchmark=str(Path(named).resolve()) if Path(named).is_file() else named,
        protocol=protocol,
        options=dict(options or {}),
        model=folder.resolve().name,
        notes=read.notes,
    )
    return KeptAnswers(origin, scored, read.tasks)


def holds_answers(folder: Path) -> bool:
    """Whether a folder is one of `evalkit score --out` that says what it scored, and no run."""
    return (folder / OUTPUTS).is_file() and not (folder / MANIFEST).exists()


def keep_answers(folder: Path, scored: KeptAnswers) -> None:
    """Write the answers of outputs made elsewhere, and where they came from."""
    lines = b"".join(_lines(scored.tasks))
    try:
        replace_bytes(folder / ANSWERS, lines)
    except OSError as error:
        raise cannot_write(folder / ANSWERS, error) from error
    known = {task: _known(given) for task, given in scored.tasks.items()}
    digest = hashlib.sha256(lines).hexdigest()
    _write(folder, scored.origin.model_copy(update={"tasks": known, "answers_sha256": digest}))


def answers_of_run(run: Path) -> KeptAnswers:
    """The answers of a run folder without how they were made, to be kept where no run folder shall be."""
    read = read_run_answers(run, None, None)
    options = {name: str(value) for name, value in (read.manifest.settings.get("options") or {}).items()}
    origin = KeptOutputs(
        schema=SCHEMA,
        format="evalkit",
        place=run.name,
        benchmark=read.benchmark.spec.name,
        protocol=read.protocol,
        options=options,
        model=str(read.manifest.identity["model"]),
    )
    return KeptAnswers(origin, read.benchmark, read.tasks)


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
        said = load_json(path.read_bytes())
        kept = KeptOutputs.model_validate(said)
        is_changed = said.get(CHECKSUM) != checksum_of(said)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
    except (ValidationError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: damaged ({_problem(error)}); {REMEDY}") from error
    if kept.schema_version > SCHEMA:
        raise DataError(
            f"{path}: written by a later evalkit (schema {shown(kept.schema_version)}, this one knows {SCHEMA}); "
            "upgrade evalkit"
        )
    if is_changed:
        raise DataError(f"{path}: changed since evalkit wrote it; {REMEDY}")
    return kept


def read_answers(folder: Path, protocol: str | None = None, options: Mapping[str, str] | None = None) -> KeptAnswers:
    """The answers of a folder of scores; `DataError` where they are not those that were scored.

    To be scored as they were, or under another protocol or with other options.
    """
    kept = read_outputs_file(folder)
    used = {**kept.options, **(options or {})}
    benchmark = load_benchmark(kept.benchmark, used)
    benchmark.spec.protocol(protocol or kept.protocol)
    answers: dict[str, list[Answer]] = {task: [] for task in kept.tasks}
    unanswered: dict[str, list[Answer]] = {task: [] for task in kept.tasks}
    for place, said in _read_lines(folder / ANSWERS):
        if said.task not in kept.tasks or said.draw >= kept.tasks[said.task].draws:
            raise DataError(f"{place}: no answer that {OUTPUTS} beside it tells of; {REMEDY}")
        answer = Answer(said.id, said.document, said.text or "", said.targets, said.metadata, draw=said.draw)
        (unanswered if said.text is None else answers)[said.task].append(answer)
    if sha256_of(folder / ANSWERS) != kept.answers_sha256:
        raise DataError(
            f"{folder / ANSWERS}: not the lines that were scored: some are missing or were laid out anew; {REMEDY}"
        )
    tasks = {task: _given(known, answers[task], unanswered[task]) for task, known in kept.tasks.items()}
    origin = kept.model_copy(update={"protocol": protocol or kept.protocol, "options": used})
    return KeptAnswers(origin, benchmark, tasks, folder)


def _given(known: KeptTask, answers: Sequence[Answer], unanswered: Sequence[Answer]) -> TaskAnswers:
    return TaskAnswers(
        answers,
        known.failed,
        draws=known.draws,
        unanswered=unanswered,
        notes=known.notes,
        is_altered=known.is_altered,
        cluster_unit=known.cluster_unit,
    )


def _read_lines(path: Path) -> Iterator[tuple[str, KeptAnswer]]:
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield (place := f"{path}, line {number}"), _read_line(line, place)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error


def _read_line(line: bytes, place: str) -> KeptAnswer:
    if not is_intact(line):
        raise DataError(f"{place}: changed since evalkit wrote it; {REMEDY}")
    try:
        return KeptAnswer.model_validate(load_json(line))
    except (ValidationError, ValueError, RecursionError) as error:
        raise DataError(f"{place}: no answer of evalkit ({_problem(error)}); {REMEDY}") from error


def _problem(error: Exception) -> str:
    """The first fault in a few words."""
    return explain(error) if isinstance(error, ValidationError) else one_line(error, 80)


def run_of_scores(folder: Path) -> Path | None:
    """The run that a folder of scores is of; None where it holds its answers itself. `DataError` where it is gone."""
    kept = read_outputs_file(folder)
    if kept.run is None:
        return None
    if not (Path(kept.run) / MANIFEST).exists():
        raise DataError(f"{folder}: scores of the run {kept.run}, which is not there any more: name the run itself")
    return Path(kept.run)


def measure_folder(folder: Path) -> Measured:
    """The scores of a run folder, or of a folder of scores, made again, with the samples behind them.

    `DataError` where scores stand without the answers that they are of.
    """
    if (folder / MANIFEST).exists():
        return measure_run(folder)
    if not holds_answers(folder):
        raise DataError(
            f"{folder}: holds scores without the answers that they are of; score the outputs again with --out"
        )
    if (run := run_of_scores(folder)) is None:
        return read_answers(folder).measure()
    kept = read_outputs_file(folder)
    return measure_run(run, kept.protocol, kept.options)
