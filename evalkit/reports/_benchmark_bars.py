"""Bars of several runs of one benchmark, by group or by task, with published scores beside them where asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from evalkit.errors import UnknownNameError, UserError
from evalkit.printable import counted
from evalkit.published import published_benchmarks, published_sources
from evalkit.scores import BenchmarkScores
from evalkit.tasks import BenchmarkSpec

from ._bars import Bar, BarPanel, draw_bars
from ._model_table import ModelColumn, ModelRow, ModelTable, is_comparable, model_tables
from ._names import base_protocol
from ._tables import missing_samples
from .drawing import FILE_KINDS, Texts, joined
from .leaderboard import BoardRow, published_rows

__all__ = ["benchmark_panels", "draw_benchmark_bars", "named_protocols", "narrowed", "stem_of"]

SIDE_BY_SIDE = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3, 9: 3}
"""Panels → how many of them stand side by side; any other number in columns of 4."""
OVERALL = "overall"


def draw_benchmark_bars(
    stem: Path,
    columns: Sequence[ModelColumn],
    *,
    group: str | None = None,
    by_task: bool = False,
    is_published: bool = False,
) -> list[Path]:
    """Bars of each benchmark of the runs: groups and the overall score, else tasks; the paths of all figures.

    `stem`.png and `stem`.svg, or the file that `stem` names; of several benchmarks `stem-BENCHMARK`. `group` narrows to
    a group and its tasks, or to one task; with `by_task` every task has its bars. `UserError` where nothing of that
    name was run, or nothing is published under the protocol of the runs.
    """
    tables = {table.benchmark: table for table in model_tables(columns)}
    chosen = narrowed(
        {name: (table.columns[0].spec, table.rows) for name, table in tables.items()}, group, by_task=by_task
    )
    made = {name: _figure(tables[name], rows, is_published=is_published) for name, rows in chosen.items()}
    return [
        path
        for name, (panels, texts) in made.items()
        for path in draw_bars(stem_of(stem, name, is_one=len(made) == 1), panels, texts, _side_by_side(len(panels)))
    ]


def stem_of(stem: Path, benchmark: str, *, is_one: bool) -> Path:
    """Where the figure of a benchmark goes: `stem` where there is one, else `stem` with the benchmark's name."""
    if is_one:
        return stem
    end = stem.suffix if stem.suffix.lower() in FILE_KINDS else ""
    return stem.with_name(f"{stem.name.removesuffix(end)}-{benchmark}{end}")


def named_protocols(all_scores: Iterable[BenchmarkScores]) -> str:
    """The protocol of the runs, or how many there are."""
    protocols = list(dict.fromkeys(scores.protocol for scores in all_scores))
    return f"protocol {protocols[0]}" if len(protocols) == 1 else f"{len(protocols)} protocols or settings"


def narrowed(
    found: dict[str, tuple[BenchmarkSpec, Sequence[ModelRow]]], group: str | None, *, by_task: bool
) -> dict[str, list[ModelRow]]:
    """Benchmark → the rows to draw, benchmarks without any left out; `UnknownNameError` where nothing is left."""
    chosen = {name: _chosen(spec, rows, group, by_task=by_task) for name, (spec, rows) in found.items()}
    if group is not None and not any(chosen.values()):
        names = [each for spec, _ in found.values() for each in (*spec.groups, *spec.tasks)]
        raise UnknownNameError("task or group of these runs", group, list(dict.fromkeys(names)))
    return {name: rows for name, rows in chosen.items() if rows}


def _chosen(spec: BenchmarkSpec, rows: Sequence[ModelRow], group: str | None, *, by_task: bool) -> list[ModelRow]:
    by_kind = {kind: [row for row in rows if row.kind == kind] for kind in ("task", "group", OVERALL)}
    if group is not None:
        title = spec.groups[group].title if group in spec.groups else None
        tasks = spec.members(group) if group in spec.groups else [group]
        own = [row for row in by_kind["task"] if row.name in tasks]
        return [row for row in by_kind["group"] if row.name == title and len(own) > 1] + own
    groups, overall = (list(filter(_has_scores, by_kind[kind])) for kind in ("group", OVERALL))
    if len(by_kind["task"]) == 1:
        return by_kind["task"]
    return [*overall, *(by_kind["task"] if by_task or not groups else groups)]


def _has_scores(row: ModelRow) -> bool:
    return any(score is not None and score.score is not None for score in row.scores)


def _figure(table: ModelTable, rows: Sequence[ModelRow], *, is_published: bool) -> tuple[list[BarPanel], Texts]:
    beside = _published(table, rows) if is_published else []
    panels = benchmark_panels(table, rows, beside)
    return panels, _texts(table, panels, beside)


def _published(table: ModelTable, rows: Sequence[ModelRow]) -> list[BoardRow]:
    """Published rows under a protocol of the runs, with a score of what is drawn; `UserError` where there are none."""
    protocols = list(dict.fromkeys(base_protocol(column.scores.protocol) for column in table.columns))
    there = published_rows(table.columns[0].spec) if table.benchmark in published_benchmarks() else []
    spec = table.columns[0].spec
    found = [
        row for row in there
        if row.protocol in protocols and any(_printed(row, each, spec) is not None for each in rows)
    ]  # fmt: skip
    if not found:
        others = sorted({row.protocol for row in there} - set(protocols))
        known = f"; there are some under {', '.join(others)}" if others else ""
        raise UserError(
            f"--published: nothing of what is drawn is published for {table.benchmark} under protocol "
            f"{' or '.join(protocols)}{known}; leave it out"
        )
    return found


def _printed(row: BoardRow, drawn: ModelRow, spec: BenchmarkSpec) -> float | None:
    """What a publication prints of a task, or of a mean; or what its task scores make by the benchmark's rule."""
    if drawn.kind == "task":
        return row.tasks.get(drawn.name)
    if drawn.kind == OVERALL:
        return row.overall.score
    mean = next(
        (row.groups[name] for name, group in spec.groups.items() if group.title == drawn.name and name in row.groups),
        None,
    )
    return None if mean is None else mean.score


def benchmark_panels(table: ModelTable, rows: Sequence[ModelRow], beside: Sequence[BoardRow] = ()) -> list[BarPanel]:
    """One panel for each row, in it a bar for each run and for each published model.

    A bar is dark where it is the highest of whole runs and its 95% interval lies above all others'; next to published
    scores, whose uncertainty nobody knows, none is.
    """
    return [_panel(table, row, beside) for row in rows]


def _panel(table: ModelTable, row: ModelRow, beside: Sequence[BoardRow]) -> BarPanel:
    best = None if beside else _clearly_best(table, row)
    bars = [_bar(table, row, index, is_best=index == best) for index in range(len(table.columns))]
    bars += [_published_bar(each, _printed(each, row, table.columns[0].spec)) for each in beside]
    title = "Overall" if row.kind == OVERALL else row.name
    return BarPanel(title, bars, joined(row.metric if row.kind == "task" else "", _counts(table, row)))


def _clearly_best(table: ModelTable, row: ModelRow) -> int | None:
    """The column whose interval lies above all others'; None where none does, samples lack, or rules differ."""
    if len(table.columns) < 2 or any(_missing(column.scores, row, index) for index, column in enumerate(table.columns)):
        return None
    if not is_comparable(row, table.columns):
        return None
    ends = [None if score is None else score.ci95 for score in row.scores]
    known = [each for each in ends if each is not None]
    if len(known) < len(ends):
        return None
    best = max(range(len(known)), key=lambda index: known[index][0])
    return best if all(known[best][0] > high for index, (_, high) in enumerate(known) if index != best) else None


def _bar(table: ModelTable, row: ModelRow, index: int, *, is_best: bool) -> Bar:
    score = row.scores[index]
    value = None if score is None else score.score
    return Bar(
        table.headings[index],
        value,
        "" if value is None else f"{value:.2f}",
        None if score is None else score.ci95,
        shade="full" if is_best or len(table.columns) == 1 else "light",
        remark=_missing(table.columns[index].scores, row, index),
    )


def _published_bar(row: BoardRow, score: float | None) -> Bar:
    number = "" if score is None else f"{score:.2f}"
    return Bar(f"{row.name} (published)", score, number, shade="hatched")


def _missing(scores: BenchmarkScores, row: ModelRow, index: int) -> str:
    mark = missing_samples(scores, row.members[index])
    return mark or ("PARTIAL" if row.kind == OVERALL and scores.partial else "")


def _counts(table: ModelTable, row: ModelRow) -> str:
    counts = sorted({
        sum(column.scores.tasks[task].n for task in members if task in column.scores.tasks)
        for column, members in zip(table.columns, row.members, strict=True)
    })  # fmt: skip
    return f"n = {counts[0]:,}" if len(counts) == 1 else f"n = {counts[0]:,} to {counts[-1]:,}"


def _side_by_side(panels: int) -> int:
    return SIDE_BY_SIDE.get(panels, 4)


def _texts(table: ModelTable, panels: Sequence[BarPanel], beside: Sequence[BoardRow]) -> Texts:
    """Benchmark and what is missing above; how to read it, what differs between the runs, and sources below."""
    bars = [bar for panel in panels for bar in panel.bars]
    title, *about = table.title.split(" · ")
    is_best = len(table.columns) > 1 and any(bar.shade == "full" for bar in bars)
    has_published = any(bar.shade == "hatched" for bar in bars)
    known = published_sources()
    sources = dict.fromkeys(source for row in beside for source in row.sources)
    return Texts(
        title,
        joined(*about, counted(len(table.columns), "run")),
        joined(
            "lines: 95% interval of each score by itself" if any(bar.ci95 for bar in bars) else "",
            "dark: highest, its interval above all others'" if is_best else "",
            "hatched: published, without intervals" if has_published else "",
            "means that are not printed are made of the printed task scores" if _has_computed(beside) else "",
            *table.notes,
            *(f"source: {known[name].title}" for name in sources),
        ),
    )


def _has_computed(beside: Sequence[BoardRow]) -> bool:
    return any(mean.origin == "computed" for row in beside for mean in (row.overall, *row.groups.values()))
