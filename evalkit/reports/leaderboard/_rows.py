"""The rows of a leaderboard: published models and runs, each with the scores of its tasks and their means.

A published model has one row for each RoPE setting, protocol and setup. A printed mean stands as printed; where none is
printed, the benchmark's own rule makes it of the printed task scores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from evalkit.errors import DataError, UserError
from evalkit.published import PublishedScore, published, published_groups
from evalkit.scores import BenchmarkScores, overall_weights, task_weights
from evalkit.tasks import BenchmarkSpec

from .._model_table import ModelColumn
from .._names import base_protocol, shown_model
from .._tables import missing_samples

__all__ = ["OVERALL", "BoardRow", "Mean", "Parts", "own_rows", "published_rows"]

OVERALL = "overall"

Parts = Literal["task", "length", "range"]
"""What the scores of a published table are of: tasks, lengths of a needle grid, or tasks in ranges of lengths."""
Origin = Literal["printed", "computed", "run", ""]


class Mean(NamedTuple):
    """A mean over tasks."""

    score: float | None
    """0–100; None where it is not printed and a task is missing."""
    origin: Origin
    """`printed`; `computed` of the printed task scores by the benchmark's rule; `run`; empty without a score."""
    recomputed: float | None = None
    """What the benchmark's rule makes of the row's task scores; None where one is missing."""
    printed: str = ""
    """The digits as printed."""


@dataclass(frozen=True)
class BoardRow:
    """One published model, or one run."""

    key: str
    """What tells it from the others: the model's name, with what else is needed."""
    name: str
    """The same for people."""
    model: str
    """Model, named as its card is or would be."""
    rope: str | None
    """`native` = as released, else the RoPE spec; None for outputs made elsewhere."""
    protocol: str
    """Protocol; a run's with overrides."""
    scoring: str
    """Scoring rules of the protocol: scores under different ones are not on one scale."""
    sources: tuple[str, ...]
    """Ids of the publications that print its scores, that of its tasks first; empty for runs."""
    printed_in: frozenset[str]
    """The same, and those that print one of its scores again."""
    folder: Path | None
    """Folder of a run, or of scores of outputs made elsewhere."""
    tasks: Mapping[str, float]
    """Task, or context length, → score, 0–100. A printed dash is no score."""
    counts: Mapping[str, int | None]
    """Task → samples behind the score; None where it is not known."""
    groups: Mapping[str, Mean]
    """Group → its mean."""
    overall: Mean
    """The benchmark's one number."""
    flaws: Mapping[str, str]
    """Task → what is missing of it, such as `50/202, 2 failed`; whole ones are left out."""
    decimals: int | None = None
    """Digits behind the point that its task scores are printed with; None of runs."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Group, or `overall`, → what is odd about its printed mean."""

    @property
    def is_published(self) -> bool:
        """Whether a publication prints it."""
        return self.folder is None

    @property
    def base(self) -> str:
        """Protocol without overrides."""
        return base_protocol(self.protocol)

    def missing(self, tasks: Sequence[str]) -> str:
        """What of these samples is not there: `50/202`; empty where all are."""
        return "; ".join(dict.fromkeys(self.flaws[task] for task in tasks if task in self.flaws))


def published_rows(spec: BenchmarkSpec) -> list[BoardRow]:
    """The published models of a benchmark, as they first come in its table; `UnknownNameError` where there are none."""
    scores = [*published(spec.name), *published_groups(spec.name)]
    members: dict[_Identity, list[PublishedScore]] = {}
    for score in scores:
        members.setdefault(_Identity(score.model, score.rope, score.protocol, score.setup), []).append(score)
    names = _names(list(members))
    return [_published_row(names[identity], scores, spec) for identity, scores in members.items()]


class _Identity(NamedTuple):
    """What published scores of one row have in common."""

    model: str
    rope: str
    protocol: str
    setup: str


class _Names(NamedTuple):
    """How a row is called."""

    key: str
    """By programs."""
    name: str
    """By people."""


def _names(identities: Sequence[_Identity]) -> dict[_Identity, _Names]:
    """The model's name for the first row of its native setting, and else what differs from it, too."""
    names: dict[_Identity, _Names] = {}
    for identity in identities:
        rope = [] if identity.rope == "native" else [f"rope-{identity.rope}"]
        taken = {each.key for each in names.values()}
        forms: tuple[list[str], ...] = ([], [identity.protocol], [identity.protocol, identity.setup])
        keys = ["+".join([identity.model, *rope, *form]) for form in forms]
        chosen = next((index for index, key in enumerate(keys) if key not in taken), len(keys) - 1)
        spoken = [identity.model, *(each.removeprefix("rope-") for each in rope), *forms[chosen]]
        names[identity] = _Names(keys[chosen], " ".join(spoken))
    return names


def _published_row(names: _Names, members: Sequence[PublishedScore], spec: BenchmarkSpec) -> BoardRow:
    first = members[0]
    there = [score for score in members if score.kind in ("task", "length", "range")]
    tasks = {_part_name(score): score.score for score in there}
    if len(tasks) < len(there):
        raise DataError(f"published scores of {first.benchmark}: {names.key}: a task has two scores; reinstall evalkit")
    printed = {score.task: score for score in members if score.kind in ("group", "overall")}
    sources = tuple(dict.fromkeys(score.source for score in [*there, *members]))
    weights = _weights(spec, first.protocol, there)
    whole = weights.pop(OVERALL, {})
    groups = [*weights, *(name for name in printed if name not in weights and name != OVERALL)]
    return BoardRow(
        key=names.key,
        name=names.name,
        model=first.model,
        rope=first.rope,
        protocol=first.protocol,
        scoring=scoring_of(spec, first.protocol),
        sources=sources,
        printed_in=frozenset(sources) | {score.also_in for score in members if score.also_in},
        folder=None,
        tasks=tasks,
        counts={_part_name(score): score.n for score in there},
        groups={name: _mean(printed.get(name), tasks, weights.get(name, {})) for name in groups},
        overall=_mean(printed.get(OVERALL), tasks, whole),
        flaws={},
        decimals=max((score.decimals for score in there), default=None),
        notes={score.task: score.note for score in printed.values() if score.note},
    )


def _part_name(score: PublishedScore) -> str:
    return f"{score.task} {score.bucket}" if score.bucket else score.task


def _weights(spec: BenchmarkSpec, protocol: str, scores: Sequence[PublishedScore]) -> dict[str, dict[str, float]]:
    """Group, and `overall`, → what its mean is made of. Lengths make the first group of a grid, equally."""
    if not any(score.kind == "length" for score in scores):
        groups = {name: task_weights(spec, protocol, name) for name in spec.groups}
        return {**groups, OVERALL: overall_weights(spec, protocol)}
    lengths = {score.task: 1.0 for score in scores if score.kind == "length"}
    return {next(iter(spec.groups)): lengths, OVERALL: lengths if len(spec.groups) == 1 else {}}


def scoring_of(spec: BenchmarkSpec, protocol: str) -> str:
    """The scoring rules of a protocol; its own name where the benchmark does not know it."""
    return spec.protocols[protocol].scoring if protocol in spec.protocols else protocol


def _mean(printed: PublishedScore | None, tasks: Mapping[str, float], weights: Mapping[str, float]) -> Mean:
    is_whole = bool(weights) and weights.keys() <= tasks.keys()
    recomputed = _weighted(tasks, weights) if is_whole else None
    if printed is not None:
        return Mean(printed.score, "printed", recomputed, printed.printed)
    return Mean(recomputed, "" if recomputed is None else "computed", recomputed)


def _weighted(tasks: Mapping[str, float], weights: Mapping[str, float]) -> float:
    return math.fsum(tasks[task] * weight for task, weight in weights.items()) / math.fsum(weights.values())


def own_rows(benchmark: str, columns: Sequence[ModelColumn], parts: Parts) -> list[BoardRow]:
    """Runs as rows, their scores split as those of the published table.

    Raises `UserError` for a run of another benchmark.
    """
    for column in columns:
        if column.scores.benchmark != benchmark:
            raise UserError(
                f"{column.folder}: a run of {column.scores.benchmark}, not of {benchmark}; leave it out, or name the "
                "benchmark that it is of"
            )
    names = _own_names(columns)
    return [_own_row(name, column, parts) for name, column in zip(names, columns, strict=True)]


def _own_names(columns: Sequence[ModelColumn]) -> list[str]:
    """Model and protocol of each run, and its folder where these are another one's too."""
    names = [
        f"{shown_model(column.scores.model, column.scores.model_title)} · {column.scores.protocol}"
        for column in columns
    ]
    return [
        f"{name} ({column.folder})" if names.count(name) > 1 else name
        for name, column in zip(names, columns, strict=True)
    ]


def _own_row(name: str, column: ModelColumn, kind: Parts) -> BoardRow:
    scores, rope = column.scores, column.identity.get("rope")
    splits = {"task": _by_task, "length": _by_length, "range": _by_range}
    parts = splits[kind](scores, column.spec)
    return BoardRow(
        key=name,
        name=name,
        model=scores.model,
        rope=None if rope is None else str(rope),
        protocol=scores.protocol,
        scoring=scoring_of(column.spec, base_protocol(scores.protocol)),
        sources=(),
        printed_in=frozenset(),
        folder=column.folder,
        tasks={task: score for task, score in parts.scores.items() if score is not None},
        counts=parts.counts,
        groups={group: _run_mean(score.score) for group, score in scores.groups.items()},
        overall=_run_mean(scores.overall.score),
        flaws=parts.flaws,
    )


class _Split(NamedTuple):
    """What a run's scores are split into."""

    scores: dict[str, float | None]
    counts: dict[str, int]
    flaws: dict[str, str]


def _by_task(scores: BenchmarkScores, spec: BenchmarkSpec) -> _Split:  # noqa: ARG001 - all splits are called alike
    return _Split(
        {name: task.score for name, task in scores.tasks.items()},
        {name: task.n for name, task in scores.tasks.items()},
        {task: text for task in scores.tasks if (text := _flaw(scores, task))},
    )


def _by_length(scores: BenchmarkScores, spec: BenchmarkSpec) -> _Split:
    """The lengths of the group of a needle grid that is published by length, which is the first one."""
    group = scores.groups[next(iter(spec.groups))]
    buckets = group.buckets or {}
    flaw = "; ".join(dict.fromkeys(filter(None, (_flaw(scores, task) for task in group.tasks if task in scores.tasks))))
    return _Split(
        {length: bucket.score for length, bucket in buckets.items()},
        {length: bucket.n for length, bucket in buckets.items()},
        dict.fromkeys(buckets, flaw) if flaw else {},
    )


def _by_range(scores: BenchmarkScores, spec: BenchmarkSpec) -> _Split:  # noqa: ARG001 - all splits are called alike
    cells = [(task, name, part) for task, score in scores.tasks.items() for name, part in (score.buckets or {}).items()]
    return _Split(
        {f"{task} {name}": part.score for task, name, part in cells},
        {f"{task} {name}": part.n for task, name, part in cells},
        {f"{task} {name}": text for task, name, _ in cells if (text := _flaw(scores, task))},
    )


def _run_mean(score: float | None) -> Mean:
    return Mean(score, "" if score is None else "run", score)


def _flaw(scores: BenchmarkScores, task: str) -> str:
    """What of a task's samples is missing."""
    return missing_samples(scores, [task]) or ("other data" if scores.tasks[task].is_altered else "")
