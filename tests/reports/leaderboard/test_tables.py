"""Leaderboards for people: what fits where, what signs mean, and files."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import UserError
from evalkit.reports import ModelColumn, board_legend, board_tables, rank_scores, write_leaderboard
from evalkit.scores import BenchmarkScores, OverallScore, TaskScore
from evalkit.tables import room_of
from evalkit.tasks import load_spec

PAGE = "opencompass-long-context"


def headings(table: Any) -> list[str]:
    """Of a terminal's table, each on one line."""
    return [" ".join(str(column.header).split()) for column in table.columns]


def cells(table: Any) -> list[list[str]]:
    """Rows of a terminal's table."""
    return [list(row) for row in zip(*([str(cell) for cell in column.cells] for column in table.columns), strict=True)]


def partial_run(folder: Path, model: str = "mine") -> ModelColumn:
    """A run of LongBench with a quarter of one task."""
    spec = load_spec("longbench")
    task = TaskScore(
        score=41.5, metric="m", n=50, failed=2, expected=200, ci95=None, clusters=1, cluster_unit="document", empty=0
    )
    scores = BenchmarkScores(
        benchmark="longbench", protocol="opencompass", model=model, tasks={"qasper": task}, groups={},
        overall=OverallScore(score=None, rule=spec.overall), partial=True,
    )  # fmt: skip
    return ModelColumn(folder, scores, spec, {})


@pytest.mark.parametrize("benchmark", ["leval", "longbench", "needle", "longbench-e", "needle-xverse-256k"])
@pytest.mark.parametrize("room", [80, 100, 120])
@pytest.mark.parametrize("by_task", [False, True])
def test_every_table_fits_into_the_terminal(benchmark: str, room: int, by_task: bool) -> None:
    """From 80 columns."""
    for table in board_tables(rank_scores(benchmark), room, by_task=by_task):
        assert room_of(table) <= room


def test_groups_are_shown_from_a_hundred_columns() -> None:
    """Six group means of LongBench beside mean rank and overall; at 80 they are left out."""
    board = rank_scores("longbench", source=PAGE)

    (wide,), (narrow,) = board_tables(board, 100), board_tables(board, 80)

    assert ["model", "", "mean rank", "overall", "Single- Document QA", "Multi- Document QA"] == headings(wide)[:6]
    assert ["model", "", "mean rank", "overall"] == headings(narrow)
    assert ["gpt-4", "ab", "1.33", "51.03"] == cells(narrow)[0]


def test_tasks_in_rows_go_on_below_where_models_do_not_fit() -> None:
    """Every model stands in one of the tables, in order; all of them have every line."""
    board = rank_scores("longbench", source=PAGE)

    tables = board_tables(board, 60, by_task=True)

    models = [heading for table in tables for heading in headings(table)[1:]]
    assert len(tables) > 1
    assert 8 == len(models)
    assert {29} == {len(cells(table)) for table in tables}
    assert ["mean rank", "1.33"] == cells(tables[0])[-1][:2]


def test_a_mean_that_nobody_prints_is_marked() -> None:
    """The star is explained below, with the rule."""
    board = rank_scores("leval", source=PAGE)

    (table,) = board_tables(board)

    assert {"61.49", "*55.13"} <= {cell for row in cells(table) for cell in row}
    assert "* made of the printed task scores by the benchmark's rule (mean of group means)" in board_legend(board)


def test_letters_say_protocol_and_source() -> None:
    """One for each pair; a row whose means another publication prints has two."""
    board = rank_scores("leval", source=PAGE)

    legend = board_legend(board)

    assert legend[0].startswith("a: protocol opencompass; OpenCompass: long-context evaluation guide")
    assert legend[0].endswith(f"({PAGE})")
    assert legend[1].endswith("(index-report)")


def test_a_partial_run_says_so_and_why_it_has_no_rank(tmp_path: Path) -> None:
    """Its score carries the samples that it has."""
    board = rank_scores("longbench", [partial_run(tmp_path)], source=PAGE, tasks=["qasper"])

    *_, table = board_tables(board, by_task=True)

    assert "mine · opencompass run" == headings(table)[-1]
    assert "41.50 (50/200, 2 failed)" == cells(table)[1][-1]
    assert "mine · opencompass: no mean rank, PARTIAL: qasper 50/200, 2 failed" in board_legend(board)


def test_csv_holds_whole_numbers_for_programs(tmp_path: Path) -> None:
    """A line for each model: printed digits, ranks, tasks; empty where there is no score."""
    board = rank_scores("longbench", [partial_run(tmp_path / "mine", '=cmd|"x"')])

    write_leaderboard(tmp_path / "board.csv", board, by_task=True)

    text = (tmp_path / "board.csv").read_text("utf-8")
    lines = {line["key"]: line for line in csv.DictReader(text.splitlines())}
    index = lines["index-1.9b-32k"]
    assert ("35.2356", "printed", "19.1", "index-report") == (
        index["overall"], index["overall_is"], index["narrativeqa"], index["source"]
    )  # fmt: skip
    assert 102.0 == pytest.approx(float(index["mean_rank"]) * 21)
    assert ("", "") == (lines["index-1.9b"]["lsht"], lines["index-1.9b"]["mean_rank"])
    assert next(key for key in lines if "cmd" in key).startswith("'=")


def test_markdown_and_latex_hold_the_table_and_its_legend(tmp_path: Path) -> None:
    """In both directions."""
    board = rank_scores("leval")
    for name in ("board.md", "board.tex"):
        write_leaderboard(tmp_path / name, board)
    write_leaderboard(tmp_path / "turned.md", board, by_task=True)

    page, paper = (tmp_path / "board.md").read_text("utf-8"), (tmp_path / "board.tex").read_text("utf-8")
    assert "| model | from | mean rank | overall | Closed-ended | Open-ended |" in page
    assert "| gpt-4 | ab | 1.39 | 61.49 | 81.43 | 41.54 |" in page
    assert "- a: protocol opencompass; " in page
    assert r"gpt-4 & ab & 1.39 & 61.49 & 81.43 & 41.54 \\" in paper
    assert 2 == paper.count(r"\begin{tabular}")
    assert "| task | gpt-4 ab | gpt-3.5-turbo-16k a |" in (tmp_path / "turned.md").read_text("utf-8")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """As for the tables over runs."""
    with pytest.raises(UserError, match="a table is written as"):
        write_leaderboard(tmp_path / "board.xlsx", rank_scores("leval"))
