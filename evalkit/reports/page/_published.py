"""The section `published`: published scores, ranked, with the runs among them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalkit.published import PublishedSource, published_benchmarks, published_sources

from ..leaderboard import (
    BoardLine,
    BoardRow,
    Leaderboard,
    Mean,
    Ranking,
    WideBoard,
    board_legend,
    rank_scores,
    wide_board,
)
from ._cells import Cell, Heading, Row, Table, full, say
from ._content import PageRun, Part
from ._labels import Labels
from ._scores import column_of

__all__ = ["published_part"]


@dataclass(frozen=True)
class Column:
    """One model in a figure."""

    name: str
    """The model, or the run."""
    text: str
    """Its score as tables print it."""
    value: str
    """The score in full."""
    width: float
    """How long it is drawn, 0–100."""
    is_own: bool
    """Whether it is a run of the page."""


@dataclass(frozen=True)
class Panel:
    """One figure: a score of several models."""

    title: str
    """What the score is of."""
    columns: Sequence[Column]
    """The models, in the order of the table."""


@dataclass(frozen=True)
class Board:
    """A leaderboard, as the page shows it."""

    title: str
    """The benchmark."""
    tables: Sequence[Table]
    """One for each set of scoring rules."""
    legend: Sequence[str]
    """What letters and signs mean, and why models have no rank."""
    panels: Sequence[Panel]
    """Figures of the scores that several models have."""
    sources: Sequence[PublishedSource]
    """Where the numbers are from."""


def published_part(
    runs: Sequence[PageRun], boards: Sequence[str], words: Labels, *, is_published: bool
) -> Part | None:  # fmt: skip
    """The section; None where no published scores are asked for, or none are there for the runs.

    Raises `UnknownNameError` for a board that has none.
    """
    of_runs = [run.scores.benchmark for run in runs if is_published and run.scores.benchmark in published_benchmarks()]
    names = dict.fromkeys([*boards, *of_runs])
    if not names:
        return None
    return Part("published", "published.html.j2", {"boards": [_board(name, runs, words) for name in names]})


def _board(benchmark: str, runs: Sequence[PageRun], words: Labels) -> Board:
    """A leaderboard with the runs that are of its benchmark."""
    own = [run for run in runs if run.scores.benchmark == benchmark]
    board = rank_scores(benchmark, [column_of(run) for run in own])
    wide = [wide_board(board, ranking) for ranking in board.rankings]
    return Board(
        title=board.title,
        tables=[_table(board, *each, words) for each in zip(board.rankings, wide, strict=True)],
        legend=board_legend(board),
        panels=[panel for each in wide for panel in _panels(board, each, words, is_one=len(wide) == 1)],
        sources=_sources(board),
    )


def _sources(board: Leaderboard) -> list[PublishedSource]:
    """Every source of a row, in the order of the tables."""
    known = published_sources()
    rows = [each.row for each in board.rows]
    names = dict.fromkeys(name for row in rows for name in (*row.sources, *sorted(row.printed_in)))
    return [known[name] for name in names]


def _title(board: Leaderboard, ranking: Ranking, words: Labels) -> str:
    """Benchmark, scoring rules where there are several, and what the mean rank is over."""
    said = [board.title]
    if len(board.rankings) > 1:
        said.append(say(words, "published_scoring", scoring=ranking.scoring))
    if ranking.is_ranked:
        ranked = sum(each.mean_rank is not None for each in ranking.rows)
        parts = say(words, f"published_over_{board.parts}", count=len(ranking.tasks))
        said.append(say(words, "published_ranked", ranked=ranked, parts=parts))
    return " · ".join(said)


def _table(board: Leaderboard, ranking: Ranking, wide: WideBoard, words: Labels) -> Table:
    """Models in rows; everything that is known of each in columns."""
    headings = [Heading(words["published_model"], is_number=False), Heading(words["published_from"], is_number=False)]
    headings += [Heading(words["published_rank"])] if wide.is_ranked else []
    headings += [Heading(words["published_overall"])] if wide.has_overall else []
    headings += [Heading(board.group_title(name)) for name in wide.groups]
    headings += [Heading(name) for name in wide.tasks]
    return Table(_title(board, ranking, words), headings, [_row(line, wide, words) for line in wide.lines])


def _row(line: BoardLine, wide: WideBoard, words: Labels) -> Row:
    row = line.ranked.row
    cells = [
        Cell(row.name, route="" if row.is_published else "#scores"),
        Cell(line.source if row.is_published else words["published_own"]),
        *([Cell(line.rank, full(line.ranked.mean_rank))] if wide.is_ranked else []),
        *([Cell(line.overall, full(row.overall.score))] if wide.has_overall else []),
        *(Cell(text, full(_mean(row, name).score)) for name, text in zip(wide.groups, line.groups, strict=True)),
        *(Cell(text, full(row.tasks.get(name))) for name, text in zip(wide.tasks, line.tasks, strict=True)),
    ]
    return Row(cells, "" if row.is_published else "own")


def _mean(row: BoardRow, group: str) -> Mean:
    return row.groups.get(group, Mean(None, ""))


def _panels(board: Leaderboard, wide: WideBoard, words: Labels, *, is_one: bool) -> Iterator[Panel]:
    """The overall score, then each group, of all models that have it."""
    rules = "" if is_one or not wide.lines else f" · {wide.lines[0].ranked.row.scoring}"
    overall = [(line, line.overall, line.ranked.row.overall.score) for line in wide.lines]
    yield from _panel(words["published_overall"] + rules, overall)
    for place, name in enumerate(wide.groups):
        group = [(line, line.groups[place], _mean(line.ranked.row, name).score) for line in wide.lines]
        yield from _panel(board.group_title(name) + rules, group)


def _panel(title: str, scores: Sequence[tuple[BoardLine, str, float | None]]) -> Iterator[Panel]:
    """A figure, where there are two models to be seen in it."""
    columns = [
        Column(
            line.ranked.row.name,
            text,
            full(score),
            round(min(max(score, 0.0), 100.0), 3),
            not line.ranked.row.is_published,
        )
        for line, text, score in scores
        if score is not None
    ]
    if len(columns) > 1:
        yield Panel(title, columns)
