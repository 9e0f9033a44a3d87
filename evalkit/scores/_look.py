"""Single samples of a run folder: what was asked, what was expected, what came, and what it scored."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from evalkit.errors import UnknownNameError, UserError
from evalkit.metrics import UnscorableError
from evalkit.runs import SampleRecord, read_manifest, read_records_of_run
from evalkit.tasks import CONTEXT_MARK, Answer, Benchmark, Sample, Scorer, load_benchmark

from ._flags import AnswerFlags
from ._kept import KeptAnswers, holds_answers, read_answers, run_of_scores
from ._runs import (
    answered_tasks,
    answers_of_task,
    is_evidence_lost,
    is_truncated,
    read_run_answers,
    recorded_samples,
    task_of,
)
from ._score import TaskAnswers
from ._stored import rows_by_answer
from ._values import Measured

__all__ = ["Flag", "LookedAt", "Overview", "look_at", "look_over"]

Flag = Literal["cut", "lost", "failed", "starved", "limit", "fragile", "refused", "doubtful"]
"""`cut`: its prompt was shortened, `lost`: and lost evidence; `failed`: no answer, or one that the scorer refuses;
`starved`: thoughts took all its tokens; `limit`: it ended at the generation limit; `fragile`: a near tie; `refused`:
the model refused; `doubtful`: the server may have read a part of the prompt only."""

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
    seen: str | None = None
    """The text that the metric compared; None where it is the answer as it is, or there is none to compare."""
    metrics: tuple[tuple[str, float | None], ...] = ()
    """Column of the protocol's metric and score, 0–100, scored now; None where it does not enter the column's mean.
    Empty for an answer that is not scored."""
    refusal: str | None = None
    """Why the protocol's scorer refuses the answer; None where it does not."""
    is_pending: bool = False
    """Whether a later step has not been asked yet, so that its last answer is not the sample's; as far as `look_over`
    tells it."""
    flags: frozenset[Flag] = frozenset()
    """What is known of the answer beside its text, as far as `look_over` tells it."""
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
    def name(self) -> str:
        """The sample's id, and the draw where it is not the first, as `Answer.name`."""
        return Answer(self.sample.id, "", "", (), draw=self.draw).name

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
            "seen": self.seen,
            "error": self.error,
            "scores": dict(self.scores),
            "metadata": dict(self.sample.metadata),
            "records": [record.model_dump(mode="json") for record in self.records],
        }


@dataclass(frozen=True)
class Overview:
    """A whole folder: its scores, and every sample behind them."""

    measured: Measured
    """The scores, made from the answers."""
    samples: tuple[LookedAt, ...]
    """All samples, in the benchmark's order, draw after draw; without their fields, because documents are long."""


class _Outcome(NamedTuple):
    """What the protocol's scorer makes of an answer: fields of `LookedAt`."""

    seen: str | None = None
    metrics: tuple[tuple[str, float | None], ...] = ()
    refusal: str | None = None


def look_over(
    folder: Path,
    protocol: str | None = None,
    options: Mapping[str, str] | None = None,
    recorded: Callable[[SampleRecord], None] | None = None,
) -> Overview:
    """Scores and samples of a run folder, or of one that keeps answers made elsewhere, in one pass of its records.

    Prompts are not made again. `recorded` is told of every record as it was written, whose thoughts are let go then.
    """
    if holds_answers(folder):
        kept = read_answers(folder, protocol, options)
        measured = kept.measure()
        return Overview(measured, tuple(_over_kept(kept, measured)))
    found: list[tuple[Sample, tuple[SampleRecord, ...]]] = []

    def met(sample: Sample, records: Sequence[SampleRecord]) -> None:
        found.append((replace(sample, fields={}), tuple(records)))

    read = read_run_answers(folder, protocol, options, recorded=recorded, met=met)
    measured = read.measure()
    outcomes = _outcomes(_scorers(read.benchmark, measured, read.tasks), measured, read.tasks)
    return Overview(measured, tuple(_over_run(found, read.tasks, outcomes)))


def _over_run(
    found: Iterable[tuple[Sample, tuple[SampleRecord, ...]]],
    tasks: Mapping[str, TaskAnswers],
    outcomes: Mapping[str, _Outcome],
) -> Iterator[LookedAt]:
    answered = {answer.name for task in tasks.values() for answer in task.answers}
    for sample, records in found:
        looked = LookedAt(sample, records, (), ())
        outcome = outcomes.get(looked.name, _Outcome())
        flags = _flags(looked, outcome, tasks[sample.task].flags or AnswerFlags())
        is_pending = looked.error is None and looked.name not in answered
        yield replace(looked, **outcome._asdict(), flags=flags, is_pending=is_pending)


def _over_kept(kept: KeptAnswers, measured: Measured) -> Iterator[LookedAt]:
    scorers = _scorers(kept.benchmark, measured, kept.tasks)
    outcomes = _outcomes(scorers, measured, kept.tasks)
    for looked in _kept_answers(kept, set(kept.tasks)):
        outcome = outcomes.get(looked.name, _Outcome())
        flags = _flags(looked, outcome, AnswerFlags())
        if not _has(scorers.get(looked.sample.task), looked.made_elsewhere):
            flags -= {"failed"}
        yield replace(looked, **outcome._asdict(), flags=flags)


def _scorers(benchmark: Benchmark, measured: Measured, tasks: Mapping[str, TaskAnswers]) -> dict[str, Scorer]:
    """Task → what scored it, of those that the protocol has."""
    return {task: benchmark.scorer(task, measured.protocol, tasks[task].answers) for task in measured.values}


def _has(scorer: Scorer | None, answer: Answer | None) -> bool:
    """Whether the protocol has a sample."""
    return scorer is not None and (scorer.includes is None or answer is None or scorer.includes(answer))


def _outcomes(
    scorers: Mapping[str, Scorer], measured: Measured, tasks: Mapping[str, TaskAnswers]
) -> dict[str, _Outcome]:
    """Name of an answer → what its scorer made of it."""
    values: dict[tuple[str, int], list[float | None]] = {}
    for row in measured.rows:
        values.setdefault((row.id, row.draw), []).append(row.score)
    return {
        answer.name: _outcome(scorer, answer, values.get((answer.id, answer.draw)))
        for task, scorer in scorers.items()
        for answer in tasks[task].answers
    }


def _outcome(scorer: Scorer, answer: Answer, values: Sequence[float | None] | None = None) -> _Outcome:
    """`values` are those of its columns, where they are known; None = not yet, or the scorer refuses the answer."""
    if not _has(scorer, answer):
        return _Outcome()
    try:
        if values is None:
            values = [None if math.isnan(value) else value for value in scorer.score(answer)]
        text = answer.prediction if scorer.reads is None else scorer.reads(answer)
    except UnscorableError as error:
        return _Outcome(refusal=str(error))
    seen = None if text == answer.prediction else text
    return _Outcome(seen, tuple(zip(scorer.columns, values, strict=True)))


def _flags(looked: LookedAt, outcome: _Outcome, known: AnswerFlags) -> frozenset[Flag]:
    tie = known.ties.get(looked.name)
    said: dict[Flag, bool] = {
        "cut": is_truncated(looked.records),
        "lost": is_evidence_lost(looked.records),
        "failed": looked.error is not None or outcome.refusal is not None,
        "starved": looked.name in known.reasoned_away,
        "limit": looked.name in known.cut,
        "fragile": tie is not None and tie.is_fragile,
        "refused": looked.name in known.refused,
        "doubtful": looked.name in known.doubtful,
    }
    return frozenset(flag for flag, is_so in said.items() if is_so)


def look_at(
    folder: Path, ids: Collection[str] = (), tasks: Collection[str] = (), *, questions: bool = True
) -> Iterator[LookedAt]:
    """The samples that a run folder has records of, streaming, in the benchmark's order; of these ids and tasks only.

    Of a folder of scores, the samples of its run, or the answers made elsewhere that it keeps. Without `questions` no
    prompts are made again, which takes long.
    Raises `UserError` for an id or a task that the run has no record of.
    """
    if holds_answers(folder):
        run = run_of_scores(folder)
        yield from _kept(folder, ids, tasks) if run is None else look_at(run, ids, tasks, questions=questions)
        return
    manifest = read_manifest(folder)
    latest = {record.key: record for record in read_records_of_run(folder)}
    _check_ids(folder, ids, {name for name, *_ in latest})
    benchmark = load_benchmark(str(manifest.settings["benchmark"]), manifest.settings.get("options") or {})
    answered = answered_tasks(folder, benchmark, manifest, latest)
    answered &= {task_of(name) for name in ids} or answered
    wanted = _wanted(benchmark, tasks)
    scores, protocol = rows_by_answer(folder), str(manifest.identity["protocol"])
    for task in (name for name in benchmark.spec.tasks if name in answered & wanted):
        outcome = _teller(benchmark, task, protocol, answers_of_task(benchmark, task, manifest, latest))
        for sample, records in recorded_samples(benchmark, task, manifest, latest):
            if not ids or sample.id in ids:
                asked = _questions(benchmark, protocol, sample, records) if questions else ()
                looked = LookedAt(sample, tuple(records), asked, tuple(scores.get((sample.id, records[0].draw), ())))
                yield replace(looked, **outcome(looked.name)._asdict())


def _kept(folder: Path, ids: Collection[str], tasks: Collection[str]) -> Iterator[LookedAt]:
    """The answers made elsewhere that a folder of scores keeps, in the benchmark's order."""
    kept = read_answers(folder)
    given = [answer for task in kept.tasks.values() for answer in (*task.answers, *task.unanswered)]
    _check_ids(folder, ids, {answer.id for answer in given})
    scores = rows_by_answer(folder)
    tell = dict[str, Callable[[str], _Outcome]]()
    for looked in _kept_answers(kept, _wanted(kept.benchmark, tasks)):
        if not ids or looked.sample.id in ids:
            task = looked.sample.task
            if task not in tell:
                tell[task] = _teller(kept.benchmark, task, kept.origin.protocol, kept.tasks[task].answers, kept.blamed)
            found = tuple(scores.get((looked.sample.id, looked.draw), ()))
            yield replace(looked, scores=found, **tell[task](looked.name)._asdict())


def _kept_answers(kept: KeptAnswers, wanted: Collection[str]) -> Iterator[LookedAt]:
    """The answers of the tasks that are wanted, those that have no text last."""
    for task in (name for name in kept.benchmark.spec.tasks if name in kept.tasks and name in wanted):
        given = kept.tasks[task]
        answers = [*((each, True) for each in given.answers), *((each, False) for each in given.unanswered)]
        for answer, is_answered in answers:
            sample = Sample(answer.id, task, answer.document, {}, answer.targets, answer.metadata)
            yield LookedAt(sample, (), (), (), made_elsewhere=answer, has_answer=is_answered)


def _teller(
    benchmark: Benchmark,
    task: str,
    protocol: str,
    answers: Sequence[Answer],
    blamed: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Callable[[str], _Outcome]:
    """What tells by an answer's name what the scorer of its task makes of it.

    That is nothing where the task cannot be scored, or not yet: its answers are still there to be read.
    """
    by_name = {answer.name: answer for answer in answers}
    scorer = functools.cache(lambda: benchmark.scorer(task, protocol, answers))

    def tell(name: str) -> _Outcome:
        if name not in by_name or not benchmark.spec.has_task(task, protocol):
            return _Outcome()
        try:
            with blamed():
                return _outcome(scorer(), by_name[name])
        except UserError:  # what scoring needs is missing in the data or not at hand; `evalkit score` says which
            return _Outcome()

    return tell


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
