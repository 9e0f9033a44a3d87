"""Published numbers of one benchmark under several RoPE settings: what bars are drawn of.

longbench overall: index-1.9b 7.65, index-1.9b under dynamic:8 10.9, index-1.9b-32k 35.23 (one table of a report)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evalkit.errors import UnknownNameError, UserError
from evalkit.rope import parse_ropes

from ._records import PublishedScore
from ._scores import published, published_benchmarks, published_groups, published_models

__all__ = ["Measure", "Printed", "conditions_of", "published_conditions"]

MEASURES = ("overall", "group", "length", "task", "range")
"""Kinds of numbers, those that say most first."""


class Printed(NamedTuple):
    """A number as one source prints it."""

    score: PublishedScore
    """What is known of it."""
    text: str
    """Its digits there."""
    source: str
    """Id of that source."""


class Measure(NamedTuple):
    """One measure of a benchmark: what it is called, and its numbers."""

    benchmark: str
    """Benchmark."""
    kind: str
    """One of `MEASURES`."""
    task: str
    """Task, with its range of lengths where it has one; a length in tokens; `overall`."""
    numbers: tuple[Printed, ...]
    """By model, each as released first."""


def conditions_of(benchmark: str) -> dict[str, list[str]]:
    """Model → RoPE settings, of the models with published numbers under several; in the order of the files."""
    found: dict[str, dict[str, None]] = {}
    for score in _all(benchmark):
        found.setdefault(score.model, {})[score.rope] = None
    return {model: sorted(ropes, key=lambda rope: rope != "native") for model, ropes in found.items() if len(ropes) > 1}


def published_conditions(benchmark: str, models: Sequence[str] = (), specs: Sequence[str] = ()) -> list[Measure]:
    """The numbers of `benchmark` by model and RoPE setting: its overall score, or the next best that all of them have.

    No `models` = every model with several settings, and those that the same table prints beside it: the trained
    relative. No `specs` = every setting. `UserError`, with what there is, where fewer than two are published.
    """
    several = conditions_of(benchmark)
    chosen = _of_models(benchmark, models, several) if models else _beside(benchmark, several)
    chosen = _under(benchmark, chosen, specs)
    pairs = dict.fromkeys((score.model, score.rope) for score in chosen)
    if len(pairs) < 2:
        raise UserError(f"{benchmark}: {_nothing(pairs)}; {_published()}")
    tables = {score.source for score in chosen if score.rope != "native"}
    order = {
        model: place for place, model in enumerate([*(models or several), *(score.model for score in chosen)][::-1])
    }
    chosen.sort(key=lambda score: (-order[score.model], score.rope != "native"))
    for kind in MEASURES:
        of_kind = [score for score in chosen if score.kind == kind]
        measures = dict.fromkeys((score.task, score.bucket) for score in of_kind)
        whole = [
            Measure(benchmark, kind, f"{task} {bucket}".rstrip(), tuple(_printed(score, tables) for score in numbers))
            for task, bucket in measures
            if (numbers := [score for score in of_kind if (score.task, score.bucket) == (task, bucket)])
            and {(score.model, score.rope) for score in numbers} == set(pairs)
        ]
        if whole:
            return whole
    raise UserError(f"{benchmark}: {_listed(pairs)} have no published number in common; name fewer models or settings")


def _all(benchmark: str) -> tuple[PublishedScore, ...]:
    return published(benchmark) + published_groups(benchmark)


def _by_task(scores: Iterable[PublishedScore]) -> dict[str, list[PublishedScore]]:
    """Task, with its range of lengths where it has one, → its numbers."""
    found: dict[str, list[PublishedScore]] = {}
    for score in scores:
        found.setdefault(f"{score.task} {score.bucket}".rstrip(), []).append(score)
    return found


def _of_models(benchmark: str, models: Sequence[str], several: Iterable[str]) -> list[PublishedScore]:
    known = published_models(benchmark)
    for model in models:
        if model not in known:
            hint = f"several settings: {', '.join(several) or 'none'}"
            raise UnknownNameError(f"model with published numbers of {benchmark}", model, known, hint=hint)
    return [score for score in _all(benchmark) if score.model in models]


def _beside(benchmark: str, several: Iterable[str]) -> list[PublishedScore]:
    """The numbers of models with several settings, and all others of the tables that print these."""
    several = set(several)
    tables = {score.source for score in _all(benchmark) if score.model in several}
    return [score for score in _all(benchmark) if score.model in several or {score.source, score.also_in} & tables]


def _under(benchmark: str, scores: Sequence[PublishedScore], specs: Sequence[str]) -> list[PublishedScore]:
    wanted = [str(spec) for text in specs for spec in parse_ropes(text)]
    there = dict.fromkeys(score.rope for score in scores)
    for spec in wanted:
        if there and spec not in there:
            raise UnknownNameError(f"published RoPE setting of {benchmark}", spec, there)
    return [score for score in scores if not wanted or score.rope in wanted]


def _printed(score: PublishedScore, tables: set[str]) -> Printed:
    """The number as the table prints it that has the other settings, where it does."""
    if score.also_in in tables and score.source not in tables:
        return Printed(score, score.also_printed or score.printed, score.also_in)
    return Printed(score, score.printed, score.source)


def _nothing(pairs: Iterable[tuple[str, str]]) -> str:
    found = _listed(pairs)
    return f"{found} alone has nothing to be compared with" if found else "no numbers under several RoPE settings"


def _listed(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(model if rope == "native" else f"{model} {rope}" for model, rope in pairs)


def _published() -> str:
    """What there is, for an error."""
    found = {name: conditions_of(name) for name in published_benchmarks()}
    listed = [
        f"{name}: {model} ({', '.join(ropes)})" for name, models in found.items() for model, ropes in models.items()
    ]
    return "published under several settings: " + "; ".join(listed)
