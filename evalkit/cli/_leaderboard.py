"""`evalkit leaderboard`: published and own scores of a benchmark, ranked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import _options as o

if TYPE_CHECKING:
    from evalkit.reports import Leaderboard


def _complete(incomplete: str) -> list[str]:
    """Benchmarks with published scores, for the shell to complete."""
    from evalkit.published import published_benchmarks

    return [name for name in published_benchmarks() if name.startswith(incomplete)]


def leaderboard(
    benchmark: Annotated[
        str, typer.Argument(metavar="BENCHMARK", help="One with published scores.", autocompletion=_complete)
    ],
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="Run folders, and folders of `evalkit score --out`; not written to."),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only scores under this protocol.  [default: all]")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Published scores of this source only; the table names them below."),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Rank over this task or group; again for more.  [default: all tasks]"),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="mean-rank, overall, model, a task or a group.  [default: mean-rank]"),
    ] = None,
    by_task: Annotated[bool, typer.Option("--by-task", help="Every score: tasks in rows, models in columns.")] = False,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the table: FILE.csv, FILE.md or FILE.tex.")
    ] = None,
    json: o.Json = None,
) -> int:
    """Rank published models and your runs by their mean rank over tasks, as OpenCompass does: lower is better."""
    from evalkit.printable import counted
    from evalkit.reports import check_table_file, write_leaderboard

    from .terminal import check_target, note, print_json

    check_target(json)
    if table is not None:
        check_table_file(table)
    board = _board(benchmark, runs or [], protocol, source, task or [], sort)
    if json is not None:
        print_json(board.to_json(), json)
    if json != "-":
        _print(board, by_task)
    if table is not None:
        write_leaderboard(table, board, by_task=by_task)
        note(f"leaderboard of {counted(len(board.rows), 'row')}: {table}")
    return 0


def _board(
    benchmark: str, runs: list[Path], protocol: str | None, source: str | None, tasks: list[str], sort: str | None
) -> Leaderboard:
    """The board; what must be known of the runs' scores is said."""
    from evalkit._api import make_leaderboard

    from ._score import restore, warn
    from .terminal import shown

    for run in runs:
        restore(run)
    with shown(f"ranking {benchmark}"):
        board, scores = make_leaderboard(
            benchmark, runs, protocol=protocol, source=source, tasks=tasks, sort=sort
        )  # fmt: skip
    warn(*scores)
    return board


def _print(board: Leaderboard, by_task: bool) -> None:
    """Tables with a blank line behind each, then what their signs mean."""
    from evalkit.reports import board_legend, board_tables

    from .terminal import print_table, say, say_wrapped, terminal_room

    for table in board_tables(board, terminal_room(), by_task=by_task):
        print_table(table)
        say()
    for line in board_legend(board):
        say_wrapped(line)
