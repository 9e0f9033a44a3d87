"""Leaderboards as files: CSV for programs, Markdown and LaTeX for pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

from evalkit.files import write_text

from .._markup import csv_cell
from .._text_table import check_table_file, latex_table, markdown_table
from ._board import Leaderboard, Ranked
from ._tables import text_tables

__all__ = ["write_leaderboard"]


def write_leaderboard(path: Path, board: Leaderboard, *, by_task: bool = False) -> None:
    """The board in one file, in the form that its ending names (.csv, .md, .tex).

    CSV has a line for each model and whole numbers: its mean rank, overall score, group means and task scores.
    `by_task` puts tasks in rows on pages and does not change it.
    """
    check_table_file(path)
    write_text(path, _WRITERS[path.suffix](board, by_task))


def _csv(board: Leaderboard, by_task: bool) -> str:  # noqa: ARG001 - one line for each model
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    heads = ["benchmark", "key", "model", "rope", "protocol", "scoring", "source", "mean_rank", "overall", "overall_is"]
    writer.writerow(map(csv_cell, [*heads, *board.groups, *board.tasks]))
    for each in board.rows:
        writer.writerow(["" if cell is None else csv_cell(cell) for cell in _cells(board, each)])
    return stream.getvalue()


def _cells(board: Leaderboard, each: Ranked) -> list[object]:
    row = each.row
    source = row.sources[0] if row.sources else str(row.folder)
    return [
        *(board.benchmark, row.key, row.model, row.rope, row.protocol, row.scoring, source),
        *(each.mean_rank, row.overall.score, row.overall.origin),
        *(row.groups[name].score if name in row.groups else None for name in board.groups),
        *(row.tasks.get(task) for task in board.tasks),
    ]


def _markdown(board: Leaderboard, by_task: bool) -> str:
    return "\n".join(map(markdown_table, text_tables(board, by_task=by_task)))


def _latex(board: Leaderboard, by_task: bool) -> str:
    return "\n".join(map(latex_table, text_tables(board, by_task=by_task)))


_WRITERS: dict[str, Callable[[Leaderboard, bool], str]] = {".csv": _csv, ".md": _markdown, ".tex": _latex}
