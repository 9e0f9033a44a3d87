"""Tables over models, as papers have them: a row for each task, group and overall score, a column for each run.

Runs of one benchmark make one table. What differs between them beside the model is said: overrides of the protocol in
the headings, all else that can change a score below the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.errors import one_line
from evalkit.runs import Manifest, read_manifest
from evalkit.scores import BenchmarkScores, GroupScore, OverallScore, TaskScore
from evalkit.tables import plain_table
from evalkit.tasks import BenchmarkSpec, load_spec

from ._names import base_protocol, shown_model
from ._tables import marked_number, missing_samples, score_ends, starved_mark

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "ModelColumn",
    "ModelRow",
    "ModelTable",
    "is_comparable",
    "model_column",
    "model_list",
    "model_tables",
    "models_table",
    "number_cells",
    "run_column",
]

OF_THE_MODEL = {"model", "reasoning", "stop", "template", "template_date", "tokenizer", "weights"}
"""What of an identity differs between models as it must."""
IN_THE_HEADING = {
    "benchmark", "max_new_tokens", "max_reasoning_tokens", "prompt_source", "protocol", "rope", "truncation",
}  # fmt: skip
"""What of an identity the label of a run tells: its protocol and every override. Fields `rope_…` follow from it."""


class ModelColumn(NamedTuple):
    """One run as a column."""

    folder: Path
    """Folder of the run, or of scores of outputs made elsewhere."""
    scores: BenchmarkScores
    """Its scores."""
    spec: BenchmarkSpec
    """Definition of its benchmark."""
    identity: Mapping[str, Any]
    """All of the run that can change a score; empty for outputs made elsewhere."""
    asked: Mapping[str, Any] = MappingProxyType({})
    """What chose its samples and is no part of the identity: the lengths and depths of a grid, samples drawn."""


Score = TaskScore | GroupScore | OverallScore


@dataclass(frozen=True)
class ModelRow:
    """One task, group, or the overall score."""

    kind: str
    """`task`, `group` or `overall`."""
    name: str
    """Name as people read it."""
    metric: str
    """What the numbers are; several names where protocols differ in it."""
    scores: tuple[Score | None, ...]
    """Score of each column; None where the run has none."""
    members: tuple[tuple[str, ...], ...]
    """Tasks that the score of each column is made of."""


@dataclass(frozen=True)
class ModelTable:
    """The runs of one benchmark, ready to be printed or written."""

    title: str
    """Benchmark, protocol where there is one, and what PARTIAL means where something is."""
    benchmark: str
    """Name of the benchmark."""
    columns: tuple[ModelColumn, ...]
    """The runs, in the order given."""
    headings: tuple[str, ...]
    """Model of each column, with what else tells it from the others."""
    rows: tuple[ModelRow, ...]
    """Tasks in the benchmark's order, groups, overall."""
    notes: tuple[str, ...]
    """What differs between the runs and is not in the headings."""

    def cell(self, row: ModelRow, index: int, *, intervals: bool = False) -> str:
        """The score of a column, with what of it is missing, and its 95% interval where that is asked for."""
        score = row.scores[index]
        if score is None:
            return "–"
        text = marked_number(score.score, _missing(self.columns[index].scores, row, index))
        ends = score_ends(score) if intervals else ""
        return f"{text} [{ends}]" if ends else text


def model_column(folder: Path, scores: BenchmarkScores) -> ModelColumn:
    """A run folder, or a folder of scores without a run, with its scores as a column."""
    if not (folder / "run.json").exists():
        return run_column(folder, scores, load_spec(scores.benchmark), None)
    manifest = read_manifest(folder)
    return run_column(folder, scores, load_spec(str(manifest.settings["benchmark"])), manifest)


def run_column(folder: Path, scores: BenchmarkScores, spec: BenchmarkSpec, manifest: Manifest | None) -> ModelColumn:
    """The same of what is read already; without a manifest, of outputs made elsewhere."""
    if manifest is None:
        return ModelColumn(folder, scores, spec, {})
    return ModelColumn(folder, scores, spec, manifest.identity, _asked(manifest, scores))


def _asked(manifest: Manifest, scores: BenchmarkScores) -> dict[str, Any]:
    """Options of the benchmark that may change within a run, and the choice of samples, where not all are there."""
    bound = manifest.identity.get("options") or {}
    asked = {name: value for name, value in (manifest.settings.get("options") or {}).items() if name not in bound}
    if scores.partial and (chosen := manifest.settings.get("samples")):
        asked["samples"] = chosen
    return asked


def is_comparable(row: ModelRow, columns: Sequence[ModelColumn]) -> bool:
    """Whether the scores of a row mean the same in these columns, so that one of them can be called the best.

    They do under one protocol, with or without overrides, of one metric, and on the same questions as far as these are
    known: of outputs made elsewhere they are not.
    """
    protocols = {base_protocol(column.scores.protocol) for column in columns}
    asked = [(column.identity.get("options"), column.asked) for column in columns if column.identity]
    return " / " not in row.metric and len(protocols) == 1 and all(each == asked[0] for each in asked)


def model_tables(columns: Iterable[ModelColumn]) -> list[ModelTable]:
    """One table for each benchmark, in the order in which they first come."""
    by_benchmark: dict[str, list[ModelColumn]] = {}
    for column in columns:
        by_benchmark.setdefault(column.scores.benchmark, []).append(column)
    return [_table(name, members) for name, members in by_benchmark.items()]


def _table(benchmark: str, columns: Sequence[ModelColumn]) -> ModelTable:
    protocols = list(dict.fromkeys(column.scores.protocol for column in columns))
    rules = f"protocol {protocols[0]}" if len(protocols) == 1 else f"{len(protocols)} protocols or settings"
    headings = _headings(columns)
    all_scores = [column.scores for column in columns]
    marks = starved_mark(all_scores) + _partial(all_scores)
    return ModelTable(
        title=f"{columns[0].spec.title} · {rules}{marks}",
        benchmark=benchmark,
        columns=tuple(columns),
        headings=headings,
        rows=tuple(_rows(columns)),
        notes=(*_starved(columns, headings), *_differences(columns, headings)),
    )


def _partial(all_scores: Sequence[BenchmarkScores]) -> str:
    """What of the benchmark is missing in any column: tasks, and what the brackets behind numbers are."""
    if not any(scores.partial for scores in all_scores):
        return ""
    counts = sorted({len(scores.tasks) for scores in all_scores})
    total = max(len(_all_tasks(scores)) for scores in all_scores)
    tasks = f", {'–'.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} of {total} tasks"
    is_short = any(score.is_partial for scores in all_scores for score in scores.tasks.values())
    return f" · PARTIAL{tasks if counts[0] < total else ''}{': (scored/all samples)' if is_short else ''}"


def _headings(columns: Sequence[ModelColumn]) -> tuple[str, ...]:
    """Model names; with the protocol and its overrides where these differ, and the folder where nothing else does."""
    names = [shown_model(column.scores.model, column.scores.model_title) for column in columns]
    protocols = [column.scores.protocol for column in columns]
    if len(set(protocols)) > 1:
        names = [f"{name} · {protocol}" for name, protocol in zip(names, protocols, strict=True)]
    return tuple(
        f"{name} ({column.folder})" if names.count(name) > 1 else name
        for name, column in zip(names, columns, strict=True)
    )


def _starved(columns: Sequence[ModelColumn], headings: Sequence[str]) -> Iterable[str]:
    """How many answers of each column are starved, where these are too many."""
    for column, heading in zip(columns, headings, strict=True):
        if column.scores.starved is not None:
            starved, answers = column.scores.starved
            yield f"{heading}: {starved} of {answers} answers are empty because reasoning took all tokens"


def _rows(columns: Sequence[ModelColumn]) -> Iterable[ModelRow]:
    spec = columns[0].spec
    all_scores = [column.scores for column in columns]
    for task in spec.tasks:
        found = tuple(scores.tasks.get(task) for scores in all_scores)
        metrics = dict.fromkeys(score.metric for score in found if score is not None)
        if metrics:
            yield ModelRow("task", task, " / ".join(metrics), found, ((task,),) * len(columns))
    for name, group in spec.groups.items():
        means = tuple(scores.groups.get(name) for scores in all_scores)
        members = tuple(tuple(mean.tasks) if mean is not None else () for mean in means)
        if any(task in scores.tasks for scores, tasks in zip(all_scores, members, strict=True) for task in tasks):
            yield ModelRow("group", group.title, "mean", means, members)
    if any(scores.overall.rule for scores in all_scores):
        rules = dict.fromkeys(scores.overall.rule for scores in all_scores)
        overall = tuple(scores.overall for scores in all_scores)
        yield ModelRow("overall", "overall", " / ".join(rules), overall, tuple(map(_all_tasks, all_scores)))


def _all_tasks(scores: BenchmarkScores) -> tuple[str, ...]:
    return (*scores.tasks, *scores.missing)


def _missing(scores: BenchmarkScores, row: ModelRow, index: int) -> str:
    """`100/172`, with the samples that failed; empty where all are there."""
    mark = missing_samples(scores, row.members[index])
    return mark or ("PARTIAL" if row.kind == "overall" and scores.partial else "")


def _differences(columns: Sequence[ModelColumn], headings: Sequence[str]) -> Iterable[str]:
    """What of the runs' identities differs and is neither the model's own nor in a heading."""
    columns, headings = _runs_only(columns, headings)
    names = {name for column in columns for name in column.identity}
    for name in sorted(names - OF_THE_MODEL - IN_THE_HEADING - {"data"}):
        if not name.startswith("rope_"):
            yield from _difference(name, [column.identity.get(name) for column in columns], headings)
    for name in sorted({name for column in columns for name in column.asked}):
        yield from _difference(name, [column.asked.get(name) for column in columns], headings)
    if files := _other_data([column.identity.get("data") or {} for column in columns]):
        yield f"data differs: {', '.join(files)}"


def _difference(name: str, values: Iterable[object], headings: Sequence[str]) -> Iterable[str]:
    shown = [_plain(value) for value in values]
    if len(set(shown)) > 1:
        told = ", ".join(f"{value} ({heading})" for value, heading in zip(shown, headings, strict=True))
        yield f"{name} differs: {told}"


def _runs_only(columns: Sequence[ModelColumn], headings: Sequence[str]) -> tuple[Sequence[ModelColumn], Sequence[str]]:
    """Those that evalkit ran: nobody knows how outputs made elsewhere came about."""
    kept = [index for index, column in enumerate(columns) if column.identity]
    return [columns[index] for index in kept], [headings[index] for index in kept]


def _other_data(digests: Sequence[Mapping[str, object]]) -> list[str]:
    """Files of which two runs used different bytes, sorted."""
    names = {name for files in digests for name in files}
    return sorted(name for name in names if len({files[name] for files in digests if name in files}) > 1)


def _plain(value: object) -> str:
    return "not set" if value is None else one_line(str(value), 60)


def models_table(table: ModelTable, *, intervals: bool = False, transpose: bool = False) -> Table:
    """The table for a terminal; `transpose` puts models in rows and tasks in columns."""
    headings, *lines = grid(table, intervals=intervals, transpose=transpose)
    shown = plain_table(table.title)
    for index, heading in enumerate(headings):
        is_number = index > 0 and (transpose or heading != "metric")
        shown.add_column(heading, justify="right" if is_number else "left")
    for line, row in zip(lines, table.rows, strict=False) if not transpose else ((line, None) for line in lines):
        shown.add_row(*line, style="bold" if row is not None and row.kind != "task" else "")
    return shown


def model_list(table: ModelTable, *, intervals: bool = False) -> Table:
    """The same below each other, for terminals that are too narrow for the columns."""
    shown = plain_table(table.title)
    for heading in ("task", "model", "score"):
        shown.add_column(heading, justify="right" if heading == "score" else "left")
    for row in table.rows:
        for index, heading in enumerate(table.headings):
            cell = table.cell(row, index, intervals=intervals)
            shown.add_row(row.name if index == 0 else "", heading, cell, style="" if row.kind == "task" else "bold")
    return shown


def grid(table: ModelTable, *, intervals: bool = False, transpose: bool = False) -> list[list[str]]:
    """All cells as text, the line of headings first."""
    cells = [
        [row.name, row.metric, *(table.cell(row, index, intervals=intervals) for index in range(len(table.columns)))]
        for row in table.rows
    ]
    lines = [["task", "metric", *table.headings], *cells]
    if not transpose:
        return lines
    turned = [list(column) for column in zip(*lines, strict=True)]
    return [["model", *turned[0][1:]], *turned[2:]]


def number_cells(table: ModelTable, row: ModelRow, index: int) -> dict[str, object]:
    """Score, interval and counts of a column for a program; None where there is none."""
    score, scores = row.scores[index], table.columns[index].scores
    there = [scores.tasks[task] for task in row.members[index] if task in scores.tasks]
    low, high = (score.ci95 if score is not None else None) or (None, None)
    return {
        "score": None if score is None else score.score,
        "ci95_low": low,
        "ci95_high": high,
        "n": sum(each.n for each in there),
        "failed": sum(each.failed for each in there),
    }
