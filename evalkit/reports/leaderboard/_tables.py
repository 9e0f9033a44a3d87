"""Leaderboards for people: models in rows, or tasks in rows as the OpenCompass page prints them.

What a terminal has no room for is left out (group means) or goes on below (models side by side). A letter behind a
model says which protocol and publication its numbers are from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from string import ascii_lowercase
from typing import TYPE_CHECKING, NamedTuple

from evalkit.printable import printable
from evalkit.published import published_sources
from evalkit.tables import plain_table, room_of

from .._tables import marked_number
from .._text_table import TextTable
from ._board import Leaderboard, Ranked, Ranking
from ._rows import BoardRow, Mean

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["BoardLine", "WideBoard", "board_legend", "board_tables", "text_tables", "wide_board"]

COMPUTED = "*"
OWN = "run"
FROM = "from"
"""Heading of the column of letters, in files; a terminal has none."""
MOST_ACROSS = 12  # tasks or lengths beside a model
NARROW = 8
"""Columns of a heading that is broken into lines; names of models are not cut, so they may be wider."""
BREAKS = re.compile(r"(?<=[- ])")


class BoardLine(NamedTuple):
    """A model with all of its numbers as texts."""

    ranked: Ranked
    """Its row, and its place."""
    source: str
    """Letters of its publications, or that it is a run."""
    rank: str
    """Mean rank."""
    overall: str
    """Overall score."""
    groups: list[str]
    """Means of groups."""
    tasks: list[str]
    """Scores of tasks, or of lengths."""


class WideBoard(NamedTuple):
    """A ranking with every number, for where there is room: models in rows."""

    is_ranked: bool
    """Whether any model has a mean rank."""
    has_overall: bool
    """Whether any has an overall score."""
    groups: list[str]
    """Names of the groups."""
    tasks: list[str]
    """Names of the tasks, or lengths."""
    lines: list[BoardLine]
    """The models, in the order of the ranking."""


def wide_board(board: Leaderboard, ranking: Ranking) -> WideBoard:
    """All numbers of a ranking."""
    letters, groups, tasks = _letters(board), _groups(board, ranking), _tasks(board, ranking)
    lines = [
        BoardLine(
            each,
            _from(each.row, letters),
            _rank(each),
            _overall(each.row),
            [_group(board, each.row, name) for name in groups],
            [_task(each.row, name) for name in tasks],
        )
        for each in ranking.rows
    ]
    return WideBoard(ranking.is_ranked, _has_overall(ranking), groups, tasks, lines)


def board_tables(board: Leaderboard, room: int | None = None, *, by_task: bool = False) -> list[Table]:
    """The board as tables for a terminal of `room` columns; None = as wide as they are."""
    make = _by_task_fitting if by_task else _by_model_fitting
    return [table for ranking in board.rankings for table in make(board, ranking, room)]


def _by_model_fitting(board: Leaderboard, ranking: Ranking, room: int | None) -> list[Table]:
    """One table, with as much as there is room for: whole headings, narrow ones, tasks in rows, no parts."""
    whole, turned = _whole(board, ranking), _by_task(board, ranking, ranking.rows)
    made = [
        _terminal(whole),
        _terminal(whole, NARROW),
        *(_terminal(turned), _terminal(turned, NARROW)),
        _terminal(_by_model(board, ranking, [])),
    ]
    return [next((table for table in made if room is None or room_of(table) <= room), made[-1])]


def _by_task_fitting(board: Leaderboard, ranking: Ranking, room: int | None) -> list[Table]:
    """Tables of as many models side by side as there is room for."""
    tables, waiting = [], list(ranking.rows)
    while waiting:
        count = len(waiting)
        table = _terminal(_by_task(board, ranking, waiting), NARROW)
        while room is not None and count > 1 and room_of(table) > room:
            count -= 1
            table = _terminal(_by_task(board, ranking, waiting[:count]), NARROW)
        tables.append(table)
        waiting = waiting[count:]
    return tables


def _terminal(text: TextTable, width: int | None = None) -> Table:
    """The table for a terminal, its headings in lines of `width` columns; None = each on one line."""
    from rich.text import Text

    table = plain_table(text.title)
    for index, heading in enumerate(text.headings):
        shown = "" if heading == FROM else heading
        broken = (
            shown
            if width is None
            else Text("\n".join(_heading_lines(printable(shown), width, is_title=text.names > 1)))
        )
        table.add_column(broken, justify="left" if index < text.names else "right")
    first = min(text.rules, default=len(text.lines))
    for index, line in enumerate(text.lines):
        table.add_row(*line, style="bold" if text.names == 1 and index >= first else "")
    return table


def _heading_lines(heading: str, width: int, *, is_title: bool) -> list[str]:
    """The heading broken behind hyphens and at blanks; long words of titles, which nobody types, are cut and dotted."""
    lines = [""]
    for piece in BREAKS.split(heading):
        word = f"{piece[: width - 2]}." if is_title and len(piece.strip()) > width else piece
        if lines[-1] and len((lines[-1] + word).rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return [line.strip() for line in lines]


def text_tables(board: Leaderboard, *, by_task: bool = False) -> list[TextTable]:
    """The board as tables for pages, the legend below the last."""
    texts = [
        _by_task(board, ranking, ranking.rows) if by_task else _whole(board, ranking) for ranking in board.rankings
    ]
    last = texts[-1]
    return [*texts[:-1], TextTable(last.title, last.headings, last.lines, last.names, last.rules, board_legend(board))]


def _whole(board: Leaderboard, ranking: Ranking) -> TextTable:
    """Models in rows; tasks where nothing else could be told of a model."""
    parts = _parts(board, ranking)
    return _by_model(board, ranking, parts) if parts else _by_task(board, ranking, ranking.rows)


def _by_model(board: Leaderboard, ranking: Ranking, parts: Sequence[str]) -> TextTable:
    """A line for each model: mean rank and overall score, as far as any row has them, then the parts named."""
    letters = _letters(board)
    first = next((index for index, each in enumerate(ranking.rows) if each.mean_rank is None), None)
    has_overall = _has_overall(ranking)
    headings = [
        *("model", FROM),
        *(["mean rank"] if ranking.is_ranked else []),
        *(["overall"] if has_overall else []),
        *(_part_title(board, name) for name in parts),
    ]
    lines = [
        [
            *(each.row.name, _from(each.row, letters)),
            *([_rank(each)] if ranking.is_ranked else []),
            *([_overall(each.row)] if has_overall else []),
            *(_group(board, each.row, name) for name in parts),
        ]
        for each in ranking.rows
    ]
    return TextTable(_title(board, ranking), headings, lines, 2, {first} if first else set(), ())


def _has_overall(ranking: Ranking) -> bool:
    return any(each.row.overall.score is not None for each in ranking.rows)


def _by_task(board: Leaderboard, ranking: Ranking, rows: Sequence[Ranked]) -> TextTable:
    """A line for each task, then group means, overall and mean rank."""
    letters = _letters(board)
    tasks = _tasks(board, ranking)
    names = [f"{each.row.name} {_from(each.row, letters)}" for each in rows]
    lines = [[task, *(_task(each.row, task) for each in rows)] for task in tasks]
    lines += [
        [board.group_title(name), *(_group(board, each.row, name) for each in rows)] for name in _groups(board, ranking)
    ]
    lines += [["overall", *(_overall(each.row) for each in rows)]] if _has_overall(ranking) else []
    lines += [["mean rank", *map(_rank, rows)]] if ranking.is_ranked else []
    headings = ["task", *names]
    return TextTable(_title(board, ranking), headings, lines, 1, {len(tasks)}, ())


def _title(board: Leaderboard, ranking: Ranking) -> str:
    """Benchmark, scoring rules where there are several, and what the mean rank is over."""
    kind = {"task": "tasks", "length": "lengths", "range": "ranges of tasks"}[board.parts]
    rules = f" · {ranking.scoring} scoring" if len(board.rankings) > 1 else ""
    if not ranking.is_ranked:
        return f"{board.title}{rules}"
    ranked = sum(each.mean_rank is not None for each in ranking.rows)
    return f"{board.title}{rules} · mean rank of {ranked} over {len(ranking.tasks)} {kind}, lower is better"


def _parts(board: Leaderboard, ranking: Ranking) -> list[str]:
    """What stands behind the overall score of a model: group means; without them, or of a needle grid, each score.

    Nothing where these are too many to be read side by side.
    """
    groups, tasks = _groups(board, ranking), _tasks(board, ranking)
    parts = groups if groups and board.parts == "task" else [*groups, *tasks]
    return parts if len(parts) <= MOST_ACROSS else groups


def _tasks(board: Leaderboard, ranking: Ranking) -> list[str]:
    return [task for task in board.tasks if any(task in each.row.tasks for each in ranking.rows)]


def _part_title(board: Leaderboard, name: str) -> str:
    return board.group_title(name) if name in board.spec.groups else name


def _groups(board: Leaderboard, ranking: Ranking) -> list[str]:
    """The benchmark's groups that any row of the ranking has a mean of; none where it has only one."""
    there = [name for name in board.groups if any(_has(each.row, name) for each in ranking.rows)]
    return [name for name in there if name in board.spec.groups] if len(board.spec.groups) > 1 else []


def _has(row: BoardRow, group: str) -> bool:
    return group in row.groups and row.groups[group].score is not None


def _rank(each: Ranked) -> str:
    return "–" if each.mean_rank is None else f"{each.mean_rank:.2f}"


def _task(row: BoardRow, task: str) -> str:
    return marked_number(row.tasks.get(task), row.flaws.get(task, ""))


def _group(board: Leaderboard, row: BoardRow, name: str) -> str:
    """The mean of a group, or the score of a task or length."""
    if name not in board.spec.groups:
        return _task(row, name)
    return _mean(row.groups.get(name, Mean(None, "")), row.missing(board.spec.members(name)))


def _overall(row: BoardRow) -> str:
    return _mean(row.overall, "PARTIAL" if row.flaws else "")


def _mean(mean: Mean, missing: str) -> str:
    return (COMPUTED if mean.origin == "computed" else "") + marked_number(mean.score, missing)


def _letters(board: Leaderboard) -> dict[tuple[str, str], str]:
    """Protocol and source → the letter that stands for them."""
    pairs = dict.fromkeys(
        (each.row.protocol, source) for each in board.rows for source in each.row.sources if each.row.is_published
    )
    return {pair: _letter(index) for index, pair in enumerate(pairs)}


def _letter(index: int) -> str:
    round_, place = divmod(index, len(ascii_lowercase))
    return ascii_lowercase[place] + (str(round_) if round_ else "")


def _from(row: BoardRow, letters: dict[tuple[str, str], str]) -> str:
    if not row.is_published:
        return OWN
    return "".join(letters[row.protocol, source] for source in row.sources)


def board_legend(board: Leaderboard) -> list[str]:
    """What letters and signs mean, why rows have no rank, and the board's notes."""
    return [*_meanings(board), *_reasons(board), *board.notes]


def _meanings(board: Leaderboard) -> Iterable[str]:
    for (protocol, source), letter in _letters(board).items():
        yield f"{letter}: protocol {protocol}; {published_sources()[source].title} ({source})"
    if any(mean.origin == "computed" for each in board.rows for mean in (each.row.overall, *each.row.groups.values())):
        yield f"{COMPUTED} made of the printed task scores by the benchmark's rule ({board.rule})"


def _reasons(board: Leaderboard) -> Iterable[str]:
    for ranking in board.rankings:
        for each in ranking.rows:
            if each.unranked and len(ranking.rows) > 1:
                yield f"{each.row.name}: no mean rank, {each.unranked}"
