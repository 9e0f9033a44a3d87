"""Published rows against the benchmark's own definition: names, and numbers of samples."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from evalkit.errors import DataError, UnknownNameError, UserError, shown
from evalkit.rope import parse_rope
from evalkit.tasks import BenchmarkSpec, load_spec

from ._margins import rule_margin
from ._records import MEANS, PublishedScore

__all__ = ["completed", "defined_samples", "definition", "least_samples"]

RANGES = ("0-4k", "4-8k", "8k+")
"""The ranges of lengths that a task's setting `ranges` counts (THUDM/LongBench, LongBench/eval.py, scorer_e)."""


@lru_cache(maxsize=32)
def definition(benchmark: str) -> BenchmarkSpec:
    """The benchmark of that name."""
    return load_spec(benchmark)


def defined_samples(score: PublishedScore) -> int | None:
    """How many samples the benchmark has for such a number; None where it leaves that to whoever runs it."""
    counts = _counts(score)
    return None if None in counts or not counts else sum(count or 0 for count in counts)


def least_samples(score: PublishedScore) -> int | None:
    """At least how many samples stand behind it: its own number, or those that the benchmark counts."""
    counted = sum(count or 0 for count in _counts(score))
    return score.n or counted or None


def _counts(score: PublishedScore) -> list[int | None]:
    spec = definition(score.benchmark)
    if not spec.source:  # a grid: lengths, depths and repeats are options
        return [None]
    if score.kind == "range":
        counts = spec.tasks[score.task].settings.get("ranges")
        return [counts[RANGES.index(score.bucket)]] if counts else [None]
    if score.kind == "length":
        return [None]
    return [spec.tasks[task].expected[score.protocol] for task in _members(spec, score)]


def _members(spec: BenchmarkSpec, score: PublishedScore) -> list[str]:
    """The tasks behind a number."""
    of_mean = spec.members(score.task) if score.kind == "group" else list(spec.tasks)
    tasks = of_mean if score.kind in MEANS else [score.task]
    return [task for task in tasks if spec.has_task(task, score.protocol)]


def completed(score: PublishedScore, path: Path) -> PublishedScore:
    """A row of a user's file with what it leaves to the definition; `DataError` where the two do not agree."""
    where = str(path.parent / score.where)
    try:
        spec = definition(score.benchmark)
    except UserError as error:
        raise DataError(f"{where}: benchmark: {error}") from None
    named = _named(replace(score, protocol=score.protocol or spec.default_protocol), spec, where)
    expected = defined_samples(named)
    if score.n is not None and expected is not None and score.n != expected:
        what = f"{named.benchmark} {named.task} {named.bucket}".rstrip()
        raise DataError(f"{where}: n: {score.n} samples, but {what} has {expected} under {named.protocol}")
    full = replace(named, n=score.n or expected)
    return full if full.margin else replace(full, margin=float(_rule(full)))


def _rule(score: PublishedScore) -> Decimal:
    return rule_margin(score.kind, least_samples(score), score.printed, score.knobs["digits"].value)


def _named(score: PublishedScore, spec: BenchmarkSpec, where: str) -> PublishedScore:
    """The row under the benchmark's own names."""
    if score.protocol not in spec.protocols:
        raise DataError(f"{where}: protocol: {_unknown('protocol', score.protocol, spec.protocols)}")
    if score.kind == "group" and score.task not in spec.groups:
        raise DataError(f"{where}: task: {_unknown(f'group of {spec.name}', score.task, spec.groups)}")
    if score.kind == "overall" and score.task != "overall":
        raise DataError(f"{where}: task: expected overall, as the kind says, found {score.task!r}")
    if score.kind == "length" and not re.fullmatch("[1-9][0-9]{0,11}", score.task):
        raise DataError(f"{where}: task: expected a length in tokens, found {shown(score.task, 40)}")
    try:
        parse_rope(score.rope)
    except UserError as error:
        raise DataError(f"{where}: rope: {error}") from None
    return _task_named(score, spec, where) if score.kind in ("task", "range") else score


def _task_named(score: PublishedScore, spec: BenchmarkSpec, where: str) -> PublishedScore:
    try:
        task = spec.task_name(score.task)
    except UnknownNameError as error:
        raise DataError(f"{where}: task: {error}") from None
    if not spec.has_task(task, score.protocol):
        raise DataError(f"{where}: task: {task} is not scored under {score.protocol}; name its protocol in that column")
    if score.kind == "range" and score.bucket not in RANGES:
        raise DataError(f"{where}: bucket: {_unknown('range', score.bucket, RANGES)}")
    return replace(score, task=task)


def _unknown(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    return UnknownNameError(kind, name, known)
