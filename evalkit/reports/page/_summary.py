"""The section `summary`: reasons for doubt first, then the one number of each run, published numbers, what was run, and
how to make it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from .._tables import ScoreLine, mean_lines, task_lines
from ._cells import Bar, Cell, Heading, Row, Table, full, say
from ._content import PageRun, Part
from ._doubts import LEVELS, NOTE, doubts_of
from ._facts import coverage_of, facts_of
from ._labels import Labels
from ._reproduce import recipe_of
from ._terms import in_words
from ._verdicts import verdict_of

__all__ = ["summary_part"]


@dataclass(frozen=True)
class Headline:
    """The number that a run is known by."""

    title: str
    """What it is of: the rule of the overall score, a task, a group."""
    cells: Sequence[str]
    """As in the table of scores."""
    score: float | None
    """The number; None where none can be told."""
    bar: Bar | None
    """The number and its interval, drawn."""
    ends: tuple[float, float] | None
    """Its interval."""
    n: int
    """Samples behind it."""

    @property
    def value(self) -> str:
        """The number in full."""
        return full(self.score)


def summary_part(runs: Sequence[PageRun], words: Labels, *, is_published: bool) -> Part | None:
    """The section; None where there is nothing to show."""
    if not runs:
        return None
    doubts = list(chain.from_iterable(doubts_of(run, index, words) for index, run in enumerate(runs)))
    doubts.sort(key=lambda doubt: LEVELS.index(doubt.level))
    values = {
        "doubts": [doubt for doubt in doubts if doubt.level != NOTE],
        "remarks": [doubt for doubt in doubts if doubt.level == NOTE],
        "is_one": len(runs) == 1,
        "headlines": _headlines(runs[0], words) if len(runs) == 1 else [],
        "tables": list(_tables(runs, words)) if len(runs) > 1 else [],
        "verdicts": [verdict_of(run, words) for run in runs] if is_published else [],
        "names": [run.name for run in runs],
        "facts": facts_of(runs, words),
        "recipes": [(run.name, recipe_of(run, words)) for run in runs],
    }
    return Part("summary", "summary.html.j2", values)


def _headlines(run: PageRun, words: Labels) -> list[Headline]:
    """The overall score; where a benchmark has none, its groups, or else its tasks."""
    means, tasks = mean_lines(run.scores, run.spec), task_lines(run.scores)
    overall = [line for line in means if line.kind == "overall"]
    return [_headline(line, run, words) for line in overall or means or tasks]


def _headline(line: ScoreLine, run: PageRun, words: Labels) -> Headline:
    score = line.score
    tasks = run.scores.tasks
    cells = line.cells if line.kind == "task" else [in_words(text, words) for text in line.cells]
    return Headline(
        title=cells[3] if line.kind == "overall" else cells[0],
        cells=cells,
        score=score.score,
        bar=None if score.score is None else Bar(score.score, score.ci95),
        ends=score.ci95,
        n=sum(tasks[task].n for task in line.tasks if task in tasks),
    )


def _tables(runs: Sequence[PageRun], words: Labels) -> Iterator[Table]:
    """A row for each run, benchmark by benchmark."""
    members: dict[str, list[PageRun]] = {}
    for run in runs:
        members.setdefault(run.scores.benchmark, []).append(run)
    for each in members.values():
        yield _table(each, words)


def _table(runs: Sequence[PageRun], words: Labels) -> Table:
    """Runs of one benchmark: whatever any of them is known by has a column."""
    found = [{line.title: line for line in _headlines(run, words)} for run in runs]
    titles = list(dict.fromkeys(title for lines in found for title in lines))
    headings = [Heading(words[f"summary_{name}"], is_number=False) for name in ("run", "model", "protocol")]
    headings += [Heading(title) for title in titles]
    headings.append(Heading(words["summary_samples"]))
    rows = [Row(list(_cells(run, lines, titles, words))) for run, lines in zip(runs, found, strict=True)]
    return Table(runs[0].spec.title, headings, rows)


def _cells(run: PageRun, lines: Mapping[str, Headline], titles: Sequence[str], words: Labels) -> Iterator[Cell]:
    yield Cell(run.name, route="#scores")
    yield Cell(run.scores.model_title or run.scores.model)
    yield Cell(run.scores.protocol)
    for title in titles:
        line = lines.get(title)
        if line is None:
            yield Cell("–")
        else:
            yield Cell(line.cells[1], line.value, bar=line.bar, note=line.cells[2], ends=line.ends)
    tasks = run.scores.tasks.values()
    failed = sum(task.failed for task in tasks)
    yield Cell(
        coverage_of(run),
        str(sum(task.n for task in tasks)),
        note=say(words, "summary_failed", count=f"{failed:,}") if failed else "",
    )
