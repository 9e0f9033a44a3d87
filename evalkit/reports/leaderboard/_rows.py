"""The rows of a leaderboard: published models and runs, each with the scores of its tasks and their means.

A published model has one row for each RoPE setting, protocol and setup. A printed mean stands as printed; where none is
printed, the benchmark's own rule makes it of the printed task scores.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from evalkit.errors import DataError, UserError
from evalkit.published import PublishedScore, published, published_groups
from evalkit.scores import BenchmarkScores, overall_weights, task_weights
from evalkit.tasks import BenchmarkSpec, load_spec

from .._model_table import ModelColumn
from .._names import shown_model
from .._tables import missing_samples

__all__ = ["OVERALL", "BoardRow", "Mean", "benchmark_of", "own_rows", "published_rows"]

OVERALL = "overall"

DEFINITIONS = {"needlebench": "needlebench-32k"}
"""Published table → benchmark that was run, where their names differ: the heat map is of `needlebench_single_32k`."""

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
    half_digit: float = 0.0
    """How far a printed task score may lie from the unrounded one; 0 of runs."""
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


def base_protocol(label: str) -> str:
    """The protocol in the label of a run: `index` of `index+rope-dynamic:4`."""
    return label.partition("+")[0].partition(" ")[0]


def benchmark_of(table: str) -> str:
    """The benchmark whose scores a published table holds."""
    return DEFINITIONS.get(table, table)


def published_rows(benchmark: str) -> list[BoardRow]:
    """The published models of a benchmark, as they first come in its table; `UnknownNameError` where there are none."""
    scores = [*published(benchmark), *published_groups(benchmark)]
    spec = load_spec(benchmark_of(benchmark))
    kinds = _by_row(scores)
    keys = _keys(list(kinds))
    return [_published_row(keys[identity], members, spec) for identity, members in kinds.items()]


class _Identity(NamedTuple):
    """What published scores of one row have in common."""

    model: str
    rope: str
    protocol: str
    setup: str


def _by_row(scores: Iterable[PublishedScore]) -> dict[_Identity, list[PublishedScore]]:
    """The scores of each row. Means that a publication made of another one's task scores join these."""
    found: dict[_Identity, list[PublishedScore]] = {}
    for score in scores:
        found.setdefault(_Identity(score.model, score.rope, score.protocol, _setup(score)), []).append(score)
    for identity, members in list(found.items()):
        if all(score.kind in ("group", "overall") for score in members):
            others = [each for each in found if each[:3] == identity[:3] and each != identity]
            if len(others) == 1:
                found[others[0]] += found.pop(identity)
    return found


def _setup(score: PublishedScore) -> str:
    return str(getattr(score, "setup", ""))


def _keys(identities: Sequence[_Identity]) -> dict[_Identity, str]:
    """A key for each row: the model's name for the first row of its native setting, and else what differs from it."""
    keys: dict[_Identity, str] = {}
    for identity in identities:
        rope = "" if identity.rope == "native" else f"+rope-{identity.rope}"
        parts = (identity.model + rope, f"+{identity.protocol}", f"+{identity.setup}")
        candidates = ("".join(parts[:1]), "".join(parts[:2]), "".join(parts))
        keys[identity] = next((key for key in candidates if key not in keys.values()), candidates[-1])
    return keys


def _published_row(key: str, members: Sequence[PublishedScore], spec: BenchmarkSpec) -> BoardRow:
    first = members[0]
    there = [score for score in members if score.kind in ("task", "length")]
    tasks = {score.task: score.score for score in there}
    if len(tasks) < len(there):
        raise DataError(f"published scores of {first.benchmark}: {key}: a task has two scores; reinstall evalkit")
    sources = tuple(dict.fromkeys(score.source for score in [*there, *members]))
    printed = {(score.kind, score.task): score for score in members if score.kind in ("group", "overall")}
    weights = {name: task_weights(spec, first.protocol, name) for name in spec.groups}
    names = [*weights, *(name for kind, name in printed if kind == "group" and name not in weights)]
    groups = {name: _mean(printed.get(("group", name)), tasks, weights.get(name, {})) for name in names}
    whole = dict.fromkeys(tasks, 1.0) if _has_lengths(there) else overall_weights(spec, first.protocol)
    return BoardRow(
        key=key,
        name=f"{first.model} {first.rope}" if first.rope != "native" else first.model,
        model=first.model,
        rope=first.rope,
        protocol=first.protocol,
        scoring=scoring_of(spec, first.protocol),
        sources=sources,
        printed_in=frozenset(sources) | {score.also_in for score in members if score.also_in},
        folder=None,
        tasks=tasks,
        counts={score.task: score.n for score in there},
        groups={} if _has_lengths(there) else groups,
        overall=_mean(printed.get(("overall", OVERALL)), tasks, whole),
        flaws={},
        half_digit=0.5 * 10.0 ** -max((score.decimals for score in there), default=0),
        notes={score.task: score.note for score in printed.values() if score.note},
    )


def _has_lengths(scores: Iterable[PublishedScore]) -> bool:
    return any(score.kind == "length" for score in scores)


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


def own_rows(benchmark: str, columns: Sequence[ModelColumn], *, by_length: bool) -> list[BoardRow]:
    """Runs as rows; `by_length` takes the lengths of a needle grid in place of its tasks.

    Raises `UserError` for a run of another benchmark.
    """
    wanted = benchmark_of(benchmark)
    for column in columns:
        if column.scores.benchmark != wanted:
            raise UserError(
                f"{column.folder}: a run of {column.scores.benchmark}, not of {wanted}; leave it out, or name the "
                "benchmark that it is of"
            )
    names = _own_names(columns)
    return [_own_row(name, column, by_length) for name, column in zip(names, columns, strict=True)]


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


def _own_row(name: str, column: ModelColumn, by_length: bool) -> BoardRow:
    scores, rope = column.scores, column.identity.get("rope")
    parts = _by_length(scores, column.spec) if by_length else _by_task(scores)
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
        groups=parts.groups,
        overall=_run_mean(parts.overall),
        flaws=parts.flaws,
    )


class _Parts(NamedTuple):
    """What a run's scores are split into."""

    scores: dict[str, float | None]
    counts: dict[str, int]
    groups: dict[str, Mean]
    overall: float | None
    flaws: dict[str, str]


def _by_task(scores: BenchmarkScores) -> _Parts:
    return _Parts(
        {name: task.score for name, task in scores.tasks.items()},
        {name: task.n for name, task in scores.tasks.items()},
        {name: _run_mean(group.score) for name, group in scores.groups.items()},
        scores.overall.score,
        {task: text for task in scores.tasks if (text := _flaw(scores, task))},
    )


def _by_length(scores: BenchmarkScores, spec: BenchmarkSpec) -> _Parts:
    """The lengths of the group of a needle grid that is published by length, which is the first one."""
    group = scores.groups[next(iter(spec.groups))]
    buckets = group.buckets or {}
    flaw = "; ".join(dict.fromkeys(filter(None, (_flaw(scores, task) for task in group.tasks if task in scores.tasks))))
    return _Parts(
        {length: bucket.score for length, bucket in buckets.items()},
        {length: bucket.n for length, bucket in buckets.items()},
        {},
        group.score,
        dict.fromkeys(buckets, flaw) if flaw else {},
    )


def _run_mean(score: float | None) -> Mean:
    return Mean(score, "" if score is None else "run", score)


def _flaw(scores: BenchmarkScores, task: str) -> str:
    """What of a task's samples is missing."""
    return missing_samples(scores, [task]) or ("other data" if scores.tasks[task].is_altered else "")
