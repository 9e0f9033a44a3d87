"""Scores of evalkit's own run folders: derived from records, written again whenever asked."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evalkit.data import locate, source
from evalkit.errors import DataError, UserError, one_line, shown
from evalkit.files import write_text
from evalkit.prompts import drops_tokens
from evalkit.runs import (
    LOG,
    MANIFEST,
    LedgerRecord,
    Manifest,
    SampleRecord,
    holds_files,
    listed,
    manifest_note,
    misfit,
    misfit_refusal,
    part_of,
    read_manifest,
    read_records_of_run,
    recorded_rotation,
    torn_line,
    unjoined_note,
)
from evalkit.tasks import Answer, Benchmark, Sample, load_benchmark

from ._extra import ExtraMetric, with_extra
from ._failures import Failure
from ._flags import ceilings_of, decoding_label, flags_of
from ._judgements import JUDGEMENTS, Judgements
from ._near_ties import NearTie, closest_call
from ._records import SCORES_SCHEMA, BenchmarkScores, ScoreRow
from ._score import RopeInForce, TaskAnswers, measure_benchmark
from ._values import Measured

__all__ = [
    "answered_tasks",
    "answers_of_task",
    "check_scores_place",
    "holds_scores_only",
    "is_evidence_lost",
    "is_truncated",
    "last_ledger",
    "measure_run",
    "misfit_of_run",
    "read_run_answers",
    "read_scores",
    "recorded_samples",
    "score_run",
    "task_of",
    "write_scores",
]

Latest = dict[tuple[str, int, int], SampleRecord]
"""Sample id, step and draw → last record."""

Meet = Callable[[Sample, Sequence[SampleRecord]], None]
"""Told of a sample and its records, in step order."""


def score_run(
    folder: Path,
    protocol: str | None = None,
    options: Mapping[str, str] | None = None,
    metrics: Mapping[str, ExtraMetric] | None = None,
) -> tuple[BenchmarkScores, list[ScoreRow]]:
    """Score the records of a run folder, under its own protocol or another one, or with other scoring options.

    Rows of extra metrics stand behind the protocol's own.
    """
    read = read_run_answers(folder, protocol, options)
    measured = read.measure()
    if not metrics:
        return measured.scores, list(measured.rows)

    def replay(task: str) -> Iterator[Answer]:
        return (
            answer for answer, _ in _answers(read.benchmark, task, read.manifest, read.latest) if answer is not None
        )

    kept = Judgements(folder / JUDGEMENTS)
    scores, extra = with_extra(measured.scores, read.benchmark, read.protocol, read.tasks, metrics, replay, kept)
    ropes = {name: rope for task in read.tasks.values() for name, rope in task.ropes.items()}
    return scores, [*measured.rows, *(ropes[row.id].on(row) for row in extra)]


def measure_run(folder: Path, protocol: str | None = None, options: Mapping[str, str] | None = None) -> Measured:
    """The same without extra metrics, and with the values of every sample that the scores are made of."""
    return read_run_answers(folder, protocol, options).measure()


@dataclass(frozen=True)
class _ReadRun:
    """The answers of a run folder and what scores of them are called."""

    manifest: Manifest
    benchmark: Benchmark
    protocol: str
    latest: Latest
    tasks: dict[str, TaskAnswers]
    label: str
    notes: list[str]

    def measure(self) -> Measured:
        measured = measure_benchmark(
            self.benchmark,
            self.protocol,
            self.tasks,
            model=str(self.manifest.identity["model"]),
            label=self.label,
            notes=self.notes,
        )
        title = {"model_title": str(self.manifest.settings.get("title", ""))}
        return replace(measured, scores=measured.scores.model_copy(update=title))


def read_run_answers(
    folder: Path,
    protocol: str | None,
    options: Mapping[str, str] | None,
    *,
    recorded: Callable[[SampleRecord], None] | None = None,
    met: Meet | None = None,
) -> _ReadRun:
    """The answers of a run folder, to be scored under its own protocol or another, in one pass of its records.

    `recorded` is told of every record as it was written, before its thoughts are let go: no score reads them, and they
    may be a hundred times as long as answers. `met` is told of every sample that the run has records of, with its
    latest ones.
    """
    manifest = read_manifest(folder)
    if not (folder / LOG).is_file():  # every run makes it before its first answer: scores of nothing would replace
        raise DataError(f"{folder / LOG}: missing, though run.json is there: restore it, or run the evaluation again")
    used = {**(manifest.settings.get("options") or {}), **(options or {})}
    benchmark = load_benchmark(str(manifest.settings["benchmark"]), used)
    ran_under = str(manifest.identity["protocol"])
    benchmark.spec.protocol(protocol or ran_under)
    notes = list(filter(None, [manifest_note(folder), torn_line(folder), unjoined_note(folder)]))
    latest: Latest = {record.key: record for record in _without_thoughts(read_records_of_run(folder), recorded)}
    _check_rotation(folder, manifest, latest)
    tasks = _answers_of_tasks(folder, benchmark, manifest, latest, met)
    label = str(manifest.settings["label"])
    if protocol is not None and protocol != ran_under:
        label = f"{protocol} (run under {label})"
    named_options = [f"{name}-{value}" for name, value in (options or {}).items()]
    label = "+".join([label, *named_options, *decoding_label(manifest)])
    return _ReadRun(
        manifest, benchmark, protocol or ran_under, latest, tasks, label, notes + _selection_notes(folder, manifest)
    )


def _without_thoughts(
    records: Iterator[SampleRecord], recorded: Callable[[SampleRecord], None] | None
) -> Iterator[SampleRecord]:
    for record in records:
        if recorded is not None:
            recorded(record)
        yield record.model_copy(update={"reasoning": None})


def _check_rotation(folder: Path, manifest: Manifest, latest: Latest) -> None:
    """Raise `DataError` where an answer was made under another RoPE condition than the run's."""
    expected = recorded_rotation(manifest.identity)
    other = next((each for each in latest.values() if each.error is None and each.rope != expected), None)
    if expected is not None and other is not None:
        raise DataError(
            f"{folder / LOG}: {other.id[:80]} was answered under RoPE {one_line(other.rope, 60)}, but {MANIFEST} is of "
            f"a run with {expected}: put back the {LOG} of this run"
        )


def _answers_of_tasks(
    folder: Path, benchmark: Benchmark, manifest: Manifest, latest: Latest, met: Meet | None = None
) -> dict[str, TaskAnswers]:
    """The answers of every task with records; `DataError` for a record of no sample, which nothing would score."""
    answered, seen = answered_tasks(folder, benchmark, manifest, latest), set[str]()
    named = [task for task in benchmark.spec.tasks if task in answered]
    tasks = {task: _task_answers(benchmark, task, manifest, latest, seen, met) for task in named}
    if any(record_id not in seen for record_id, *_ in latest):
        raise misfit_refusal(folder, lambda record: None if record.id in seen else _no_sample(record, benchmark))
    return tasks


def answered_tasks(folder: Path, benchmark: Benchmark, manifest: Manifest, latest: Latest) -> set[str]:
    """The tasks that a run has records of; `DataError` for a record of no task of the benchmark."""
    reason = _misfit_by_name(benchmark, manifest)
    if any(map(reason, latest.values())):
        raise misfit_refusal(folder, reason)
    return {task_of(record_id) for record_id, *_ in latest}


def task_of(record_id: str) -> str:
    """The task in the id of a record that is no misfit."""
    return record_id.split("/")[1]


def _no_sample(record: SampleRecord, benchmark: Benchmark) -> str:
    return f"id {record.id[:80]!r} is no sample of {benchmark.spec.name}"


def _misfit_by_name(benchmark: Benchmark, manifest: Manifest) -> Callable[[SampleRecord], str | None]:
    spec = benchmark.spec
    steps = spec.protocol(str(manifest.identity["protocol"])).steps
    return lambda record: misfit(record, spec.name, spec.tasks, steps, manifest.identity_digest, manifest.draws)


def misfit_of_run(folder: Path) -> Callable[[SampleRecord], str | None]:
    """What tells why a record is of no sample of the run; reads the samples of a task when it first meets it.

    Raises `UserError` where benchmark or data are not at hand.
    """
    manifest = read_manifest(folder)
    benchmark = load_benchmark(str(manifest.settings["benchmark"]), manifest.settings.get("options") or {})
    by_name, known = _misfit_by_name(benchmark, manifest), dict[str, set[str]]()

    def reason(record: SampleRecord) -> str | None:
        if wrong := by_name(record):
            return wrong
        task = task_of(record.id)
        if task not in known:
            files, protocol = _files(benchmark, task, manifest), str(manifest.identity["protocol"])
            known[task] = {sample.id for sample in benchmark.samples(task, protocol, files)}
        return None if record.id in known[task] else _no_sample(record, benchmark)

    return reason


def check_scores_place(folder: Path) -> None:
    """Raise `UserError` where scores must not be written: a run's folder, and one that holds other files than scores.

    Scores that evalkit wrote there before are replaced.
    """
    if (folder / MANIFEST).exists():
        raise UserError(f"{folder}: holds a run of evalkit, whose scores would be lost: name another folder")
    names = holds_files(folder) if folder.is_dir() else []
    if names and not _is_scores(folder / "scores.json"):
        raise UserError(
            f"{folder}: holds {listed(names)} and no scores of evalkit, so nothing is written there; "
            "give --out a new or empty folder"
        )


def holds_scores_only(folder: Path) -> bool:
    """Whether a folder is one of `evalkit score --out`: scores of outputs made elsewhere, without the run."""
    of_a_run = (MANIFEST, "run.copy.json", LOG)
    return (folder / "scores.json").is_file() and not any((folder / name).exists() for name in of_a_run)


def _is_scores(path: Path) -> bool:
    try:
        BenchmarkScores.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return False
    return True


def _selection_notes(folder: Path, manifest: Manifest) -> list[str]:
    """Which samples the last call asked for, where it chose them, and that a part is no whole run."""
    chosen, part = manifest.settings.get("samples"), part_of(folder, manifest)
    notes = [f"samples as last asked for: --samples {one_line(str(chosen), 80)}"] if chosen else []
    return notes if part is None else [*notes, f"{folder}: {part.named} of a run, scored alone"]


def read_scores(folder: Path) -> BenchmarkScores:
    """The scores in a folder's `scores.json`, as they were written; `DataError` where there are none."""
    path = folder / "scores.json"
    try:
        scores = BenchmarkScores.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the file"
        raise DataError(f"{path}: {where}: {one_line(problem['msg'])}; score the outputs again") from error
    if scores.schema_version > SCORES_SCHEMA:
        raise DataError(
            f"{path}: written by a later evalkit (schema {shown(scores.schema_version)}, this one knows "
            f"{SCORES_SCHEMA}); upgrade evalkit, or score the outputs again"
        )
    return scores


def write_scores(folder: Path, scores: BenchmarkScores, rows: Sequence[ScoreRow]) -> None:
    """`scores.json` and `scores.jsonl` of a run folder, replaced in one step each."""
    lines = "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
    # First the file by which `check_scores_place` knows a folder of scores, for whoever writes there at the same time.
    write_text(folder / "scores.json", json.dumps(scores.to_json(), ensure_ascii=False, indent=2) + "\n")
    write_text(folder / "scores.jsonl", lines)


def _task_answers(
    benchmark: Benchmark, task: str, manifest: Manifest, latest: Latest, seen: set[str], met: Meet | None
) -> TaskAnswers:
    """The answers of a task; the ids of all its samples are added to `seen`."""
    answers: list[Answer] = []
    truncated, lost = set(), set()
    failures: list[Failure] = []
    failed = set[str]()
    last_ledgers: dict[str, LedgerRecord] = {}
    last_records: dict[str, SampleRecord] = {}
    ropes: dict[str, RopeInForce] = {}
    ties: dict[str, NearTie] = {}
    for answer, records in _answers(benchmark, task, manifest, latest, seen, met):
        if answer is None:
            failures.append(next(_failure(record, record.error) for record in records if record.error is not None))
            failed.add(records[0].id)
            continue
        answers.append(replace(answer, fields={}))  # all answers are held at once, their documents cannot be
        last_records[answer.name] = last = records[-1]
        ropes[answer.id] = RopeInForce(last.rope, last.rope_spec, last.rope_multiplier, last.rope_base)
        if (tie := closest_call(records)) is not None:
            ties[answer.name] = tie
        if is_truncated(records):
            truncated.add(answer.id)
        if is_evidence_lost(records):
            lost.add(answer.id)
        if (ledger := last_ledger(records)) is not None:
            last_ledgers[answer.id] = ledger
    return TaskAnswers(
        answers,
        len(failed - {answer.id for answer in answers}),
        failures,
        manifest.draws,
        is_altered=any(name in (manifest.settings.get("altered") or ()) for name in benchmark.files(task)),
        truncated=frozenset(truncated),
        evidence_lost=frozenset(lost),
        ledgers=last_ledgers,
        ropes=ropes,
        has_ledger=True,
        flags=flags_of(last_records, ceilings_of(latest.values()), ties),
    )


def answers_of_task(benchmark: Benchmark, task: str, manifest: Manifest, latest: Latest) -> list[Answer]:
    """The answers of one task, without their documents."""
    found = (answer for answer, _ in _answers(benchmark, task, manifest, latest))
    return [replace(answer, fields={}) for answer in found if answer is not None]


def is_truncated(records: Sequence[SampleRecord]) -> bool:
    """Whether a prompt of a sample's steps was shortened."""
    return any(drops_tokens(each.ledger.before, each.ledger.kept) for each in records if each.ledger is not None)


def is_evidence_lost(records: Sequence[SampleRecord]) -> bool:
    """Whether a prompt of a sample's steps lost a needle or the gold answer."""
    return any(each.ledger.evidence_kept is False for each in records if each.ledger is not None)


def last_ledger(records: Sequence[SampleRecord]) -> LedgerRecord | None:
    """What truncation did to the last prompt of a sample's steps of which that is known."""
    return next((each.ledger for each in reversed(records) if each.ledger is not None), None)


def _answers(
    benchmark: Benchmark,
    task: str,
    manifest: Manifest,
    latest: Latest,
    seen: set[str] | None = None,
    met: Meet | None = None,
) -> Iterator[tuple[Answer | None, list[SampleRecord]]]:
    """The answers of a task in sample order, draw after draw, with their records; None for one that failed."""
    protocol = str(manifest.identity["protocol"])
    for sample, records in recorded_samples(benchmark, task, manifest, latest, seen):
        if met is not None:
            met(sample, records)
        if any(record.error is not None for record in records):
            yield None, records
            continue
        texts = [record.text or "" for record in records]
        if len(texts) < benchmark.spec.protocol(protocol).steps and benchmark.request(sample, protocol, texts):
            continue  # a later step has not been asked yet
        targets, metadata, draw = sample.targets, sample.metadata, records[0].draw
        yield Answer(sample.id, sample.document, texts[-1], targets, metadata, sample.fields, draw), records


def recorded_samples(
    benchmark: Benchmark, task: str, manifest: Manifest, latest: Latest, seen: set[str] | None = None
) -> Iterator[tuple[Sample, list[SampleRecord]]]:
    """The samples of a task that the run has records of, once for each draw, with its records in step order."""
    files = _files(benchmark, task, manifest)
    for sample in benchmark.samples(task, str(manifest.identity["protocol"]), files):
        if seen is not None:
            seen.add(sample.id)
        for draw in range(manifest.draws):
            if records := list(_steps(latest, sample.id, draw)):
                yield sample, records


def _steps(latest: Latest, name: str, draw: int) -> Iterator[SampleRecord]:
    """The records of one draw, up to the first step that has none."""
    keys = ((name, step, draw) for step in itertools.count())
    return (latest[key] for key in itertools.takewhile(latest.__contains__, keys))


def _failure(record: SampleRecord, reason: str) -> Failure:
    return Failure(f"{record.id} draw {record.draw}" if record.draw else record.id, reason)


def _files(benchmark: Benchmark, task: str, manifest: Manifest) -> dict[str, Path]:
    """The task's files, which must be those that the run used."""
    settings: dict[str, Any] = manifest.settings
    paths = {}
    for name in benchmark.files(task):
        folder = Path(settings["files"][name]).parent if name in (settings.get("files") or {}) else None
        folder = folder if folder is not None and folder.is_dir() else None  # moved since: look where data belongs
        located = locate(source(benchmark.spec.source), name, folder=folder, partial=bool(settings.get("partial")))
        used = manifest.identity["data"].get(name)
        if used != located.sha256:
            then = str(used)[:12] if used else "none"
            raise DataError(f"{located.path}: not the file this run used ({located.sha256[:12]}, then {then})")
        paths[name] = located.path
    return paths
