"""Leaderboards: published models and runs of one benchmark, ordered by mean rank or by any of their scores.

Scores under different scoring rules are not on one scale, so each set of rules has a ranking of its own. A ranking is
over the tasks that all its protocols have; a model without one of them has no rank, and the reason is said.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.errors import UnknownNameError
from evalkit.published import published
from evalkit.tasks import BenchmarkSpec, load_spec

from .._model_table import ModelColumn
from ._ranking import DIGITS, mean_rank, task_ranks
from ._rows import OVERALL, BoardRow, Mean, Parts, own_rows, published_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MEAN_RANK", "Leaderboard", "Ranked", "Ranking", "rank_scores"]

MEAN_RANK = "mean-rank"
MODEL = "model"
MOST_NAMED = 4  # tasks that a reason names


class Ranked(NamedTuple):
    """A row with its place."""

    row: BoardRow
    """The row."""
    ranks: dict[str, float]
    """Ranked task → rank, 1 the best; empty without a rank."""
    mean_rank: float | None
    """Mean of these; None where a task is missing, or nobody is there to be compared with."""
    unranked: str
    """Why there is none; empty where there is one."""


@dataclass(frozen=True)
class Ranking:
    """The rows under one set of scoring rules."""

    scoring: str
    """The rules."""
    tasks: tuple[str, ...]
    """Tasks, or context lengths, that the mean rank is over."""
    rows: tuple[Ranked, ...]
    """In the order asked for."""

    @property
    def is_ranked(self) -> bool:
        """Whether any row has a mean rank."""
        return any(each.mean_rank is not None for each in self.rows)


@dataclass(frozen=True, repr=False)
class Leaderboard:
    """Published and own scores of one benchmark, ranked."""

    benchmark: str
    """Name of the published table."""
    spec: BenchmarkSpec
    """Definition of its benchmark."""
    rankings: tuple[Ranking, ...]
    """One for each set of scoring rules."""
    notes: tuple[str, ...]
    """What a reader should know: which runs were left out, which printed means are not the mean of their tasks."""

    @property
    def title(self) -> str:
        """The benchmark, as people print it."""
        return self.spec.title

    @property
    def rule(self) -> str:
        """How the overall score is made of task scores, in words."""
        return "mean over lengths" if self.parts == "length" else self.spec.overall

    @property
    def rows(self) -> list[Ranked]:
        """The rows of all rankings."""
        return [each for ranking in self.rankings for each in ranking.rows]

    @property
    def tasks(self) -> list[str]:
        """Tasks, or context lengths, of any row: in the benchmark's order, lengths from short to long."""
        found = {task for each in self.rows for task in each.row.tasks}
        return sorted(found, key=lambda name: _place(self.spec, name))

    @property
    def parts(self) -> Parts:
        """What the scores are of."""
        return parts_of(self.spec, self.tasks)

    @property
    def groups(self) -> list[str]:
        """Groups of tasks with a mean in any row."""
        found = dict.fromkeys(name for each in self.rows for name, mean in each.row.groups.items() if mean.origin)
        return [*(name for name in self.spec.groups if name in found), *(n for n in found if n not in self.spec.groups)]

    def group_title(self, name: str) -> str:
        """A group's name for people."""
        return self.spec.groups[name].title if name in self.spec.groups else name

    def to_json(self) -> dict[str, Any]:
        """The object of `evalkit leaderboard --json`; scores 0–100, unrounded."""
        return {
            "benchmark": self.benchmark,
            "models": {each.row.key: _model_json(each, ranking) for ranking in self.rankings for each in ranking.rows},
            "tasks": self.tasks,
            "rankings": {
                ranking.scoring: {
                    "tasks": list(ranking.tasks),
                    "models": [each.row.key for each in ranking.rows if each.mean_rank is not None],
                }
                for ranking in self.rankings
            },
            "notes": list(self.notes),
        }

    def to_pandas(self) -> pd.DataFrame:
        """One row per model and task, group or overall score, told apart by `kind`.

        Columns: key, model, rope, protocol, source, published, kind, task, score, rank (of `overall`: the mean rank),
        n, origin (`printed`, `computed`, `run`).
        """
        import pandas as pd

        rows = [row for each in self.rows for row in _frame_rows(each)]
        return pd.DataFrame(rows, columns=_COLUMNS).astype({"n": "Int64", "score": float, "rank": float})

    def __repr__(self) -> str:
        best = min((each for each in self.rows if each.mean_rank is not None), key=_best, default=None)
        first = "" if best is None else f", best mean rank {best.mean_rank:.2f}: {best.row.name}"
        return f"<Leaderboard {self.benchmark}: {len(self.rows)} rows{first}>"

    def _repr_html_(self) -> str:
        """Means and mean ranks for notebooks; every text is escaped."""
        import pandas as pd

        rows = [
            {"model": each.row.name, "mean rank": each.mean_rank, "overall": each.row.overall.score}
            | {self.group_title(name): each.row.groups[name].score for name in self.groups if name in each.row.groups}
            for each in self.rows
        ]
        table: str = pd.DataFrame(rows).to_html(
            index=False, escape=True, na_rep="–", border=0, float_format="{:.2f}".format
        )
        return f"<p>{html.escape(repr(self).strip('<>'))}</p>{table}"


def _best(each: Ranked) -> float:
    return each.mean_rank or 0.0


def _model_json(each: Ranked, ranking: Ranking) -> dict[str, Any]:
    row = each.row
    means = {**row.groups, OVERALL: row.overall}
    return {
        "model": row.model,
        "overall": row.overall.score,
        "mean_rank": each.mean_rank,
        "tasks": dict(row.tasks),
        "groups": {name: mean.score for name, mean in row.groups.items()},
        "ranks": each.ranks,
        "unranked": each.unranked or None,
        "scoring": ranking.scoring,
        "protocol": row.protocol,
        "source": row.sources[0] if row.sources else None,
        "sources": list(row.sources),
        "rope": row.rope,
        "published": row.is_published,
        "folder": None if row.folder is None else str(row.folder),
        "n": dict(row.counts),
        "partial": dict(row.flaws),
        "origin": {name: mean.origin for name, mean in means.items() if mean.origin},
        "recomputed": {
            "overall": row.overall.recomputed,
            "groups": {name: mean.recomputed for name, mean in row.groups.items()},
        },
    }


_COLUMNS = [
    "key", "model", "rope", "protocol", "source", "published", "kind", "task", "score", "rank", "n", "origin",
]  # fmt: skip


def _frame_rows(each: Ranked) -> Iterable[dict[str, Any]]:
    row = each.row
    common = {
        "key": row.key, "model": row.model, "rope": row.rope, "protocol": row.protocol,
        "source": row.sources[0] if row.sources else None, "published": row.is_published,
    }  # fmt: skip
    origin = "printed" if row.is_published else "run"
    for task, score in row.tasks.items():
        found = {"score": score, "rank": each.ranks.get(task), "n": row.counts.get(task), "origin": origin}
        yield {**common, "kind": "task", "task": task, **found}
    for name, mean in row.groups.items():
        yield {**common, "kind": "group", "task": name, "score": mean.score, "origin": mean.origin}
    overall = {"score": row.overall.score, "rank": each.mean_rank, "origin": row.overall.origin}
    yield {**common, "kind": "overall", "task": OVERALL, **overall}


def rank_scores(
    benchmark: str,
    runs: Sequence[ModelColumn] = (),
    *,
    protocol: str | None = None,
    source: str | None = None,
    tasks: Sequence[str] = (),
    sort: str | None = None,
) -> Leaderboard:
    """The published scores of a benchmark, and runs of it, ranked.

    `protocol` keeps the rows of one protocol, `source` the published ones that a source prints; `tasks` (or groups) are
    what the mean rank is over, without them all that every protocol shown has. `sort` is `mean-rank`, `overall`,
    `model`, a task or a group; without it the mean rank, or the overall score where there is one task.
    Raises `UnknownNameError` for names that are not there, `UserError` for runs of another benchmark.
    """
    spec, rows = load_rows(benchmark, runs)
    kept, notes = _kept(rows, protocol, source)
    chosen = list(dict.fromkeys(task for name in tasks for task in _task_names(spec, kept, name)))
    scorings = dict.fromkeys(row.scoring for row in kept)
    rankings = [_rank(spec, name, [row for row in kept if row.scoring == name], chosen) for name in scorings]
    ordered = [_sorted(ranking, sort, spec, kept) for ranking in rankings]
    odd = [line for row in kept for line in _odd_means(row, spec)]
    return Leaderboard(benchmark, spec, tuple(ordered), (*notes, *odd))


def load_rows(benchmark: str, runs: Sequence[ModelColumn]) -> tuple[BenchmarkSpec, list[BoardRow]]:
    """The benchmark's definition, its published rows and those of the runs."""
    published(benchmark)  # a name without published scores is refused as such
    spec = load_spec(benchmark)
    there = published_rows(spec)
    parts = parts_of(spec, (task for row in there for task in row.tasks))
    return spec, [*there, *own_rows(benchmark, runs, parts)]


def parts_of(spec: BenchmarkSpec, names: Iterable[str]) -> Parts:
    """What these names of scores are."""
    kinds: set[Parts] = {"task" if name in spec.tasks else "length" if name.isdigit() else "range" for name in names}
    return next((kind for kind in ("task", "length", "range") if kind in kinds), "task")


def _place(spec: BenchmarkSpec, name: str) -> tuple[int, int, str]:
    """Where a score stands: by the benchmark's order of tasks, by length, by range."""
    task, _, bucket = name.partition(" ")
    order = list(spec.tasks)
    return order.index(task) if task in order else len(order), int(task) if task.isdigit() else 0, bucket


def _kept(rows: Sequence[BoardRow], protocol: str | None, source: str | None) -> tuple[list[BoardRow], list[str]]:
    """The rows asked for, and a line for each run that is not among them."""
    if protocol is not None and protocol not in (known := {row.base for row in rows}):
        raise UnknownNameError("protocol among the scores", protocol, known)
    if source is not None and source not in (known := {name for row in rows for name in row.printed_in}):
        raise UnknownNameError("source of the scores", source, known)
    kept, notes = [], []
    for row in rows:
        if protocol is not None and row.base != protocol:
            notes += [] if row.is_published else [f"{row.name}: left out, not of protocol {protocol}"]
        elif source is None or not row.is_published or source in row.printed_in:
            kept.append(row)
    return kept, notes


def _task_names(spec: BenchmarkSpec, rows: Sequence[BoardRow], name: str) -> list[str]:
    """The tasks that a name stands for: a context length of the table, a task, or a group."""
    if any(name in row.tasks for row in rows):
        return [name]
    return spec.task_names(name)


def _rank(spec: BenchmarkSpec, scoring: str, rows: Sequence[BoardRow], chosen: Sequence[str]) -> Ranking:
    tasks = _ranked_tasks(spec, rows, chosen)
    reasons = {row.key: _reason(row, tasks) for row in rows}
    whole = [row for row in rows if not reasons[row.key]]
    if len(whole) < 2:  # a rank among one is no rank
        alone = {row.key: "nobody to be ranked with" for row in whole}
        return Ranking(scoring, tasks, tuple(Ranked(row, {}, None, reasons[row.key] or alone[row.key]) for row in rows))
    printed = [row.decimals for row in rows if row.decimals is not None]
    digits = min(max(printed, default=DIGITS), DIGITS)
    by_task = {task: task_ranks({row.key: row.tasks[task] for row in whole}, digits) for task in tasks}
    return Ranking(scoring, tasks, tuple(_ranked(row, reasons[row.key], by_task) for row in rows))


def _ranked(row: BoardRow, reason: str, by_task: dict[str, dict[str, float]]) -> Ranked:
    if reason:
        return Ranked(row, {}, None, reason)
    ranks = {task: places[row.key] for task, places in by_task.items()}
    return Ranked(row, ranks, mean_rank(list(ranks.values())), "")


def _ranked_tasks(spec: BenchmarkSpec, rows: Sequence[BoardRow], chosen: Sequence[str]) -> tuple[str, ...]:
    """The tasks asked for, else all, as far as every protocol of the rows has them; of grids all published lengths."""
    protocols = {row.base for row in rows if row.base in spec.protocols}
    if chosen:
        return tuple(task for task in chosen if task not in spec.tasks or _have(spec, protocols, task))
    parts = {task for row in rows if row.is_published for task in row.tasks if task not in spec.tasks}
    if parts or not protocols:
        return tuple(sorted(parts, key=lambda name: _place(spec, name)))
    return tuple(task for task in spec.tasks if _have(spec, protocols, task))


def _have(spec: BenchmarkSpec, protocols: Iterable[str], task: str) -> bool:
    return all(spec.has_task(task, name) for name in protocols)


def _reason(row: BoardRow, tasks: Sequence[str]) -> str:
    """Why a row cannot be ranked over these tasks; empty where it can."""
    if not tasks:
        return "its protocol has none of these tasks"
    if missing := [task for task in tasks if task not in row.tasks]:
        named = ", ".join(missing[:MOST_NAMED]) + ("…" if len(missing) > MOST_NAMED else "")
        return f"no score for {len(missing)} of {len(tasks)} tasks ({named})"
    flawed = [f"{task} {row.flaws[task]}" for task in tasks if task in row.flaws]
    shown = ", ".join(flawed[:MOST_NAMED]) + ("…" if len(flawed) > MOST_NAMED else "")
    return f"PARTIAL: {shown}" if flawed else ""


def _sorted(ranking: Ranking, sort: str | None, spec: BenchmarkSpec, kept: Sequence[BoardRow]) -> Ranking:
    sort = sort or (MEAN_RANK if ranking.is_ranked and len(ranking.tasks) > 1 else OVERALL)
    value = _value(sort, spec, kept)
    ordered = sorted(ranking.rows, key=lambda each: (each.mean_rank is None) if sort == MEAN_RANK else False)
    return Ranking(ranking.scoring, ranking.tasks, tuple(sorted(ordered, key=value)))


def _value(sort: str, spec: BenchmarkSpec, kept: Sequence[BoardRow]) -> Callable[[Ranked], Any]:
    """What rows are sorted by; those without a value come last, by their overall score."""
    tasks = {task for row in kept for task in row.tasks}
    groups = {name for row in kept for name in row.groups}
    name = sort if sort in tasks | groups | {MEAN_RANK, OVERALL, MODEL} else _own_task_name(spec, sort, tasks | groups)
    if name == MODEL:
        return lambda each: each.row.name.casefold()
    if name == MEAN_RANK:
        return lambda each: _last_if_none(each.mean_rank, each)
    if name == OVERALL:
        return lambda each: _last_if_none(_down(each.row.overall.score), each)
    if name in groups:
        return lambda each: _last_if_none(_down(each.row.groups.get(name, Mean(None, "")).score), each)
    return lambda each: _last_if_none(_down(each.row.tasks.get(name)), each)


def _own_task_name(spec: BenchmarkSpec, sort: str, known: set[str]) -> str:
    """The task of an OpenCompass name; `UnknownNameError` for what is no column."""
    aliases = {task.upstream: name for name, task in spec.tasks.items() if task.upstream}
    if aliases.get(sort) in known:
        return aliases[sort]
    raise UnknownNameError("column to sort by", sort, {*known, MEAN_RANK, OVERALL, MODEL})


def _down(value: float | None) -> float | None:
    return None if value is None else -value


def _last_if_none(value: float | None, each: Ranked) -> tuple[bool, float, float, str]:
    overall = each.row.overall.score
    return (value is None, value or 0.0, -(overall or 0.0), each.row.name.casefold())


def _odd_means(row: BoardRow, spec: BenchmarkSpec) -> Iterable[str]:
    """Printed means that are not the mean of the printed task scores, or that a missing one leaves unchecked."""
    unchecked = []
    for name, mean in {**row.groups, OVERALL: row.overall}.items():
        if mean.origin != "printed" or not row.tasks or name not in {*spec.groups, OVERALL}:
            continue
        note = f" ({row.notes[name]})" if name in row.notes else ""
        if mean.recomputed is None:
            unchecked.append(name + note)
        elif abs(mean.recomputed - (mean.score or 0.0)) > _tolerance(mean, row):
            yield f"{row.name}: {name} is printed as {mean.printed}; its tasks make {mean.recomputed:.{DIGITS}f}{note}"
    if unchecked:
        yield f"{row.name}: as printed, though a task has no score: {', '.join(unchecked)}"


def _tolerance(mean: Mean, row: BoardRow) -> float:
    """How far a printed mean may lie from that of its tasks: its last digit, which may be cut off, and theirs."""
    decimals = len(mean.printed.partition(".")[2])
    return float(10.0**-decimals) + 0.5 * 10.0 ** -(row.decimals or 0)
