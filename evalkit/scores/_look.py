"""Single samples of a run folder: what was asked, what was expected, what came, and what it scored."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.errors import DataError, UnknownNameError, UserError
from evalkit.runs import SampleRecord, read_manifest, read_records_of_run
from evalkit.tasks import CONTEXT_MARK, Answer, Benchmark, Sample, load_benchmark

from ._kept import holds_answers, read_answers, run_of_scores
from ._runs import answered_tasks, recorded_samples, task_of

__all__ = ["LookedAt", "look_at"]

HAYSTACK = "[haystack]"
"""Stands for the part of a prompt that only the model's tokenizer can make."""


@dataclass(frozen=True)
class LookedAt:
    """One draw of one sample with all that a run folder tells of it."""

    sample: Sample
    """The sample: its fields and its targets."""
    records: tuple[SampleRecord, ...]
    """The latest record of each step."""
    questions: tuple[str, ...]
    """What each step asked, before truncation and without the chat format; empty where its prompts are not at hand."""
    scores: tuple[tuple[str, float | None], ...]
    """Metric and score, 0–100, as last scored; empty where the sample has no score."""
    made_elsewhere: Answer | None = None
    """The answer of outputs made elsewhere, of which there are no records."""
    has_answer: bool = True
    """Whether `made_elsewhere` has a text."""

    @property
    def draw(self) -> int:
        """Which of the sample's draws it is, from 0."""
        if self.made_elsewhere is not None:
            return self.made_elsewhere.draw
        return self.records[0].draw if self.records else 0

    @property
    def answers(self) -> list[str | None]:
        """The answer of each step; None where there is none."""
        if self.made_elsewhere is not None:
            return [self.made_elsewhere.prediction if self.has_answer else None]
        return [record.text for record in self.records]

    @property
    def error(self) -> str | None:
        """Why there is no answer; None where there is one."""
        if not self.has_answer:
            return "no answer in the outputs"
        return next((record.error for record in self.records if record.error is not None), None)

    def to_json(self) -> dict[str, Any]:
        """The same as JSON: question and answer of each step, targets, scores and records."""
        return {
            "id": self.sample.id,
            **({"draw": self.draw} if self.draw else {}),
            "questions": list(self.questions),
            "targets": list(self.sample.targets),
            "answers": self.answers,
            "error": self.error,
            "scores": dict(self.scores),
            "metadata": dict(self.sample.metadata),
            "records": [record.model_dump(mode="json") for record in self.records],
        }


def look_at(folder: Path, ids: Collection[str] = (), tasks: Collection[str] = ()) -> Iterator[LookedAt]:
    """The samples that a run folder has records of, streaming, in the benchmark's order; of these ids and tasks only.

    Of a folder of scores, the samples of its run, or the answers made elsewhere that it keeps.
    Raises `UserError` for an id or a task that the run has no record of.
    """
    if holds_answers(folder):
        run = run_of_scores(folder)
        yield from _kept(folder, ids, tasks) if run is None else look_at(run, ids, tasks)
        return
    manifest = read_manifest(folder)
    latest = {record.key: record for record in read_records_of_run(folder)}
    _check_ids(folder, ids, {name for name, *_ in latest})
    benchmark = load_benchmark(str(manifest.settings["benchmark"]), manifest.settings.get("options") or {})
    answered = answered_tasks(folder, benchmark, manifest, latest)
    answered &= {task_of(name) for name in ids} or answered
    wanted = _wanted(benchmark, tasks)
    scores = _scores(folder)
    for task in (name for name in benchmark.spec.tasks if name in answered & wanted):
        for sample, records in recorded_samples(benchmark, task, manifest, latest):
            if not ids or sample.id in ids:
                asked = _questions(benchmark, str(manifest.identity["protocol"]), sample, records)
                yield LookedAt(sample, tuple(records), asked, tuple(scores.get((sample.id, records[0].draw), ())))


def _kept(folder: Path, ids: Collection[str], tasks: Collection[str]) -> Iterator[LookedAt]:
    """The answers made elsewhere that a folder of scores keeps, in the benchmark's order."""
    kept = read_answers(folder)
    given = {name: kept.tasks[name] for name in kept.benchmark.spec.tasks if name in kept.tasks}
    answers = {name: [*((each, True) for each in task.answers), *((each, False) for each in task.unanswered)]
               for name, task in given.items()}  # fmt: skip
    _check_ids(folder, ids, {each.id for task in answers.values() for each, _ in task})
    wanted = _wanted(kept.benchmark, tasks)
    scores = _scores(folder)
    for task in (name for name in answers if name in wanted):
        for answer, is_answered in answers[task]:
            if not ids or answer.id in ids:
                sample = Sample(answer.id, task, answer.document, {}, answer.targets, answer.metadata)
                found = tuple(scores.get((answer.id, answer.draw), ()))
                yield LookedAt(sample, (), (), found, answer, has_answer=is_answered)


def _check_ids(folder: Path, ids: Collection[str], known: Collection[str]) -> None:
    for name in ids:
        if name not in known:
            raise UnknownNameError(f"sample of {folder}", name, known)


def _wanted(benchmark: Benchmark, tasks: Collection[str]) -> set[str]:
    """The tasks that names stand for; all where none is named."""
    return {task for name in tasks for task in benchmark.spec.task_names(name)} or set(benchmark.spec.tasks)


def _questions(
    benchmark: Benchmark, protocol: str, sample: Sample, records: Collection[SampleRecord]
) -> tuple[str, ...]:
    """The prompts of the steps, made again from the benchmark; a tokenizer is not at hand and not needed."""
    said: list[str] = []
    asked: list[str] = []
    for record in records:
        try:
            request = benchmark.request(sample, protocol, said)
        except UserError:  # upstream's prompts, which are read from a download that may be gone
            return ()
        if request is not None:
            asked.append(request.text.replace(CONTEXT_MARK, HAYSTACK))
        said.append(record.text or "")
    return tuple(asked)


def _scores(folder: Path) -> dict[tuple[str, int], list[tuple[str, float | None]]]:
    """Sample id and draw → metrics and scores of `scores.jsonl`; empty where nothing was scored yet."""
    found: dict[tuple[str, int], list[tuple[str, float | None]]] = {}
    path = folder / "scores.jsonl"
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                found.setdefault((row["id"], row.get("draw", 0)), []).append((row["metric"], row["score"]))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read; run: evalkit score {folder}") from error
    return found
