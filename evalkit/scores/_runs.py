"""Scores of evalkit's own run folders: derived from records, written again whenever asked."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evalkit.data import locate, source
from evalkit.errors import DataError, one_line
from evalkit.files import write_text
from evalkit.prompts import drops_tokens
from evalkit.runs import LedgerRecord, Manifest, SampleRecord, read_manifest, read_records_of_run
from evalkit.tasks import Answer, Benchmark, Sample, load_benchmark

from ._extra import ExtraMetric, with_extra
from ._failures import Failure
from ._flags import ceilings_of, decoding_label, flags_of
from ._judgements import JUDGEMENTS, Judgements
from ._records import BenchmarkScores, ScoreRow
from ._score import TaskAnswers, score_benchmark

__all__ = ["read_scores", "recorded_samples", "score_run", "task_of", "write_scores"]

LOG = "samples.jsonl"
"""Where a run folder has its answers."""

Latest = dict[tuple[str, int], SampleRecord]


def score_run(
    folder: Path,
    protocol: str | None = None,
    options: Mapping[str, str] | None = None,
    metrics: Mapping[str, ExtraMetric] | None = None,
) -> tuple[BenchmarkScores, list[ScoreRow]]:
    """Score the records of a run folder, under its own protocol or another one, or with other scoring options.

    Rows of extra metrics stand behind the protocol's own.
    """
    manifest = read_manifest(folder)
    if not (folder / LOG).is_file():  # every run makes it before its first answer: scores of nothing would replace
        raise DataError(f"{folder / LOG}: missing, though run.json is there: restore it, or run the evaluation again")
    used = {**(manifest.settings.get("options") or {}), **(options or {})}
    benchmark = load_benchmark(str(manifest.settings["benchmark"]), used)
    ran_under = str(manifest.identity["protocol"])
    benchmark.spec.protocol(protocol or ran_under)
    latest: Latest = {(record.id, record.step): record for record in read_records_of_run(folder)}
    answered = {task_of(folder, record_id) for record_id, _ in latest}
    tasks = {
        task: _task_answers(benchmark, task, manifest, latest) for task in benchmark.spec.tasks if task in answered
    }
    label = str(manifest.settings["label"])
    if protocol is not None and protocol != ran_under:
        label = f"{protocol} (run under {label})"
    named_options = [f"{name}-{value}" for name, value in (options or {}).items()]
    label = "+".join([label, *named_options, *decoding_label(manifest)])
    model = str(manifest.identity["model"])
    notes = _selection_notes(manifest)
    scores, rows = score_benchmark(benchmark, protocol or ran_under, tasks, model=model, label=label, notes=notes)
    scores = scores.model_copy(update={"model_title": str(manifest.settings.get("title", ""))})
    if not metrics:
        return scores, rows

    def replay(task: str) -> Iterator[Answer]:
        return (answer for answer, _ in _answers(benchmark, task, manifest, latest) if answer is not None)

    kept = Judgements(folder / JUDGEMENTS)
    scores, extra = with_extra(scores, benchmark, protocol or ran_under, tasks, metrics, replay, kept)
    return scores, rows + extra


def _selection_notes(manifest: Manifest) -> list[str]:
    """Which samples the last call asked for, where it chose them."""
    chosen = manifest.settings.get("samples")
    return [f"samples as last asked for: --samples {one_line(str(chosen), 80)}"] if chosen else []


def task_of(folder: Path, record_id: str) -> str:
    """The task in the id of a record; `DataError` for an id that has none."""
    parts = record_id.split("/")
    if len(parts) < 3:
        raise DataError(f"{folder / LOG}: id {record_id!r} is not benchmark/task/index; repair or remove it")
    return parts[1]


def read_scores(folder: Path) -> BenchmarkScores:
    """The scores in a folder's `scores.json`, as they were written; `DataError` where there are none."""
    path = folder / "scores.json"
    try:
        return BenchmarkScores.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"])) or "the file"
        raise DataError(f"{path}: {where}: {one_line(problem['msg'])}; score the outputs again") from error


def write_scores(folder: Path, scores: BenchmarkScores, rows: Sequence[ScoreRow]) -> None:
    """`scores.jsonl` and `scores.json` of a run folder, replaced in one step each."""
    lines = "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows)
    write_text(folder / "scores.jsonl", lines)
    write_text(folder / "scores.json", json.dumps(scores.to_json(), ensure_ascii=False, indent=2) + "\n")


def _task_answers(benchmark: Benchmark, task: str, manifest: Manifest, latest: Latest) -> TaskAnswers:
    answers: list[Answer] = []
    truncated, lost = set(), set()
    failures: list[Failure] = []
    last_ledgers: dict[str, LedgerRecord] = {}
    last_records: dict[str, SampleRecord] = {}
    for answer, records in _answers(benchmark, task, manifest, latest):
        if answer is None:
            failures.append(next(Failure(record.id, record.error) for record in records if record.error is not None))
            continue
        answers.append(replace(answer, fields={}))  # all answers are held at once, their documents cannot be
        last_records[answer.id] = records[-1]
        ledgers = [record.ledger for record in records if record.ledger is not None]
        if any(drops_tokens(ledger.before, ledger.kept) for ledger in ledgers):
            truncated.add(answer.id)
        if any(ledger.evidence_kept is False for ledger in ledgers):
            lost.add(answer.id)
        if ledgers:
            last_ledgers[answer.id] = ledgers[-1]
    return TaskAnswers(
        answers,
        len(failures),
        failures,
        is_altered=bool(set(benchmark.files(task)) & set(manifest.settings.get("altered") or ())),
        truncated=frozenset(truncated),
        evidence_lost=frozenset(lost),
        ledgers=last_ledgers,
        has_ledger=True,
        flags=flags_of(last_records, ceilings_of(latest.values())),
    )


def _answers(
    benchmark: Benchmark, task: str, manifest: Manifest, latest: Latest
) -> Iterator[tuple[Answer | None, list[SampleRecord]]]:
    """The answers of a task in sample order, with their records; None for a sample that failed."""
    protocol = str(manifest.identity["protocol"])
    for sample, records in recorded_samples(benchmark, task, manifest, latest):
        if any(record.error is not None for record in records):
            yield None, records
            continue
        texts = [record.text or "" for record in records]
        if len(texts) < benchmark.spec.protocol(protocol).steps and benchmark.request(sample, protocol, texts):
            continue  # a later step has not been asked yet
        yield Answer(sample.id, sample.document, texts[-1], sample.targets, sample.metadata, sample.fields), records


def recorded_samples(
    benchmark: Benchmark, task: str, manifest: Manifest, latest: Latest
) -> Iterator[tuple[Sample, list[SampleRecord]]]:
    """The samples of a task that the run has records of, with those records in step order."""
    files = _files(benchmark, task, manifest)
    for sample in benchmark.samples(task, str(manifest.identity["protocol"]), files):
        steps = itertools.takewhile(lambda key: key in latest, ((sample.id, step) for step in itertools.count()))
        records = [latest[key] for key in steps]
        if records:
            yield sample, records


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
