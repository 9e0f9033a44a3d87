"""The section `scores`: for each benchmark the tables of the terminal, intervals drawn, numbers that lead on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.scores import BenchmarkScores, BucketScore, ExtraScore, GroupScore, OverallScore, TaskScore
from evalkit.scores.intervals import BOUND

from .._model_table import ModelColumn, ModelRow, ModelTable, is_comparable, model_tables, run_column
from .._parts import MOST_ACROSS, PartRow, PartTable, part_cell, part_rows
from .._tables import ScoreLine, caption, further_names, mean_lines, score_ends, score_number, task_lines
from ..heatmaps import has_counts, length_label
from ._cells import Bar, Cell, Heading, Row, Table, full, samples_route
from ._content import PageRun, Part
from ._labels import Labels
from ._terms import in_words

__all__ = ["column_of", "scores_part"]

Score = TaskScore | GroupScore | OverallScore


@dataclass(frozen=True)
class RunTables:
    """The tables of one run."""

    name: str
    """Name of the run."""
    tables: Sequence[Table]
    """Its scores, then its scores by parts."""


@dataclass(frozen=True)
class BenchmarkTables:
    """The runs of one benchmark."""

    title: str
    """The benchmark."""
    across: Table | None
    """A column for each run; None of one run."""
    notes: Sequence[str]
    """What differs between the runs."""
    runs: Sequence[RunTables]
    """Each run by itself."""

    @property
    def texts(self) -> Iterator[str]:
        """All that the tables say."""
        tables = [*([self.across] if self.across else []), *(table for run in self.runs for table in run.tables)]
        for table in tables:
            yield from (heading.text for heading in table.headings)
            yield from (
                text for row in (*table.rows, *table.ends) for cell in row.cells for text in (cell.text, cell.note)
            )


def scores_part(runs: Sequence[PageRun], words: Labels) -> Part | None:
    """The section; None where there is nothing to show."""
    if not runs:
        return None
    members: dict[str, list[int]] = {}
    for index, run in enumerate(runs):
        members.setdefault(run.scores.benchmark, []).append(index)
    made = [_benchmark({index: runs[index] for index in each}, words) for each in members.values()]
    said = "\n".join(text for each in made for text in each.texts)
    explained = [words[f"scores_about_{name}"] for name, sign in _signs(words).items() if sign in said]
    return Part("scores", "scores.html.j2", {"benchmarks": made, "legend": [words["scores_scale"], *explained]})


def _signs(words: Labels) -> dict[str, str]:
    """What is explained where it stands in a table → how it is seen there."""
    few = words["term_too_few_clusters_in_a_task"]
    flags = {name: words[f"scores_{name}"] for name in _FLAGS}
    return {"partial": "PARTIAL", "bound": f"({BOUND})", "few": few, **flags}


def _benchmark(runs: Mapping[int, PageRun], words: Labels) -> BenchmarkTables:
    """The tables of the runs of one benchmark, by their indices on the page."""
    first = next(iter(runs.values()))
    across = model_tables(map(column_of, runs.values()))[0] if len(runs) > 1 else None
    return BenchmarkTables(
        title=first.spec.title,
        across=None if across is None else _across(across, runs, words),
        notes=() if across is None else across.notes,
        runs=[RunTables(run.name, list(_tables(run, index, words))) for index, run in runs.items()],
    )


def column_of(run: PageRun) -> ModelColumn:
    """The run as a column, told from others of its model by the name that the page gives it."""
    return run_column(Path(run.name), run.scores, run.spec, run.manifest)


def _tables(run: PageRun, index: int, words: Labels) -> Iterator[Table]:
    yield _single(run, index, words)
    if (parts := part_rows(run.scores)) is not None:
        yield _parts(run, index, parts, words)


def _single(run: PageRun, index: int, words: Labels) -> Table:
    """The terminal's table of one run, with the interval drawn and counts of their own."""
    scores = run.scores
    texts = ("scores_task", "scores_score", "scores_interval", "scores_drawn", "scores_metric", "scores_samples")
    numbers = ("scores_score", "scores_interval", "scores_samples")
    flags = [name for name in _FLAGS if any(getattr(task, name) is not None for task in scores.tasks.values())]
    headings = [Heading(words[name], name in numbers, name != "scores_drawn") for name in texts]
    headings += [Heading(words[f"scores_{name}"]) for name in flags]
    headings += [Heading(name) for name in further_names(scores)]
    lines = [
        [_row(line, run, index, flags, words) for line in lines]
        for lines in (task_lines(scores), mean_lines(scores, run.spec))
    ]
    return Table(caption(scores, run.spec), headings, *lines)


_FLAGS = ("cut", "lost_to_reasoning")
"""Counts of a task that have a column where they are known."""
_FLAG_FILTERS = {"cut": "limit", "lost_to_reasoning": "starved"}
"""Count → parameter of the samples' route that shows what it counts."""


def _row(line: ScoreLine, run: PageRun, index: int, flags: Sequence[str], words: Labels) -> Row:
    further = line.cells[5:]
    name, number, interval, metric, samples = line.cells[:5]
    if line.kind != "task":
        name, interval, metric, samples = (in_words(text, words) for text in (name, interval, metric, samples))
    score = line.score
    cells = [
        Cell(name, route=_samples_of(line, run, index)),
        Cell(number, full(score.score)),
        Cell(interval, full(score.ci95[0]) if score.ci95 else "", ends=score.ci95),
        Cell("", bar=None if score.score is None else Bar(score.score, score.ci95)),
        Cell(metric),
        Cell(samples, str(score.n) if isinstance(score, TaskScore) else ""),
        *(_flag(score, name, run, index, line.name) for name in flags),
        *(Cell(text, value) for text, value in zip(further, _further(score, run.scores), strict=True)),
    ]
    return Row(cells, "" if line.kind == "task" else line.kind)


def _samples_of(line: ScoreLine, run: PageRun, index: int) -> str:
    if line.kind == "overall":
        return samples_route(run, index)
    return samples_route(run, index, task=line.name) if line.kind == "task" else ""


def _flag(score: Score, name: str, run: PageRun, index: int, task: str) -> Cell:
    count = getattr(score, name) if isinstance(score, TaskScore) else None
    if count is None:
        return Cell("–" if isinstance(score, TaskScore) else "")
    route = samples_route(run, index, task=task, **{_FLAG_FILTERS[name]: "1"}, scored="1") if count else ""
    return Cell(f"{count:,}", str(count), route)


def _further(score: Score, scores: BenchmarkScores) -> list[str]:
    """Full values of the cells below `further_names`."""
    names = further_names(scores)
    extra = list(dict.fromkeys(name for task in scores.tasks.values() for name in task.extra))
    found: Mapping[str, ExtraScore] = score.extra if isinstance(score, TaskScore) else {}
    spread = [full(None if score.draws is None else score.draws.spread)] * (len(names) - len(extra))
    return [*spread, *(full(found[name].score) if name in found else "" for name in extra)]


def _interval_cell(score: Score | None, text: str, route: str = "", kind: str = "") -> Cell:
    """A score with its interval behind it and drawn below it."""
    if score is None or score.score is None:
        return Cell(text)
    return Cell(text, full(score.score), route, Bar(score.score, score.ci95), score_ends(score), kind, score.ci95)


def _across(table: ModelTable, runs: Mapping[int, PageRun], words: Labels) -> Table:
    """A column for each run, the best score of a row marked."""
    headings = [Heading(words["scores_task"], is_number=False), Heading(words["scores_metric"], is_number=False)]
    headings += [
        Heading(run.name, note="" if name == run.name else name)
        for run, name in zip(runs.values(), table.headings, strict=True)
    ]
    lines: dict[bool, list[Row]] = {True: [], False: []}
    for row in table.rows:
        best = _best(table, row)
        name, metric = (
            (row.name, row.metric) if row.kind == "task" else (in_words(row.name, words), in_words(row.metric, words))
        )
        cells = [Cell(name, route=_first_samples(row, runs)), Cell(metric)]
        for place, (index, run) in enumerate(runs.items()):
            route = samples_route(run, index, task=row.name) if row.kind == "task" else ""
            cells.append(
                _interval_cell(row.scores[place], table.cell(row, place), route, "best" if place in best else "")
            )
        lines[row.kind == "task"].append(Row(cells, "" if row.kind == "task" else row.kind))
    return Table(table.title, headings, lines[True], lines[False])


def _first_samples(row: ModelRow, runs: Mapping[int, PageRun]) -> str:
    """The samples of the first run that has any of the task."""
    if row.kind != "task":
        return ""
    routes = (samples_route(run, index, task=row.name) for index, run in runs.items() if row.name in run.scores.tasks)
    return next(filter(None, routes), "")


def _best(table: ModelTable, row: ModelRow) -> set[int]:
    """Columns with the highest score of a row: of those without a gap, and only where all mean the same by it."""
    whole = {
        place: score.score
        for place, score in enumerate(row.scores)
        if score is not None and score.score is not None and table.cell(row, place) == score_number(score.score)
    }
    if len(whole) < 2 or not is_comparable(row, [table.columns[place] for place in whole]):
        return set()
    top = max(whole.values())
    return {place for place, value in whole.items() if value == top}


def _parts(run: PageRun, index: int, table: PartTable, words: Labels) -> Table:
    """Scores by length or by other parts; many parts go down the page."""
    lengths = length_label(run.spec, "nominal", run.options)
    title = lengths if table.is_by_length else words["scores_parts"]
    rows = [_part_row(row, run, index, table) for row in table.rows]
    names = [words["scores_task"], *table.headings[1:]]
    if len(table.parts) <= MOST_ACROSS:
        headings = [Heading(name, place > 0) for place, name in enumerate(names)]
        is_group = [row.is_group for row in table.rows]
        tasks, groups = (
            [row for row, each in zip(rows, is_group, strict=True) if each is kind] for kind in (False, True)
        )
        return Table(title, headings, tasks, groups)
    turned = [Row(list(cells)) for cells in zip(*(row.cells for row in rows), strict=True)]
    headings = [Heading(words["scores_part"], is_number=False), *(Heading(row.label) for row in table.rows)]
    named = [Row([Cell(name), *row.cells]) for name, row in zip(names[1:], turned[1:], strict=True)]
    return Table(title, headings, named)


def _part_row(row: PartRow, run: PageRun, index: int, table: PartTable) -> Row:
    has_samples, fact = table.is_by_length and not row.is_group, "needles" if has_counts(run.spec) else "length"
    cells = [
        _part(bucket, samples_route(run, index, task=row.name, **{fact: name}, scored="1") if has_samples else "")
        for name, bucket in zip(table.parts, row.parts, strict=True)
    ]
    held = [Cell(text, text.replace(",", "") if text[:1].isdigit() else "") for text in row.effective]
    return Row([Cell(row.label), *cells, *held], "group" if row.is_group else "")


def _part(bucket: BucketScore | None, route: str) -> Cell:
    is_there = bucket is not None and bucket.score is not None
    return Cell(part_cell(bucket), full(bucket.score) if bucket is not None else "", route if is_there else "")
