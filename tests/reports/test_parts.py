"""Scores by length as a table for people and as a file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from evalkit.errors import UserError
from evalkit.reports import buckets_table, write_parts
from evalkit.scores import BenchmarkScores


@pytest.fixture
def scores() -> BenchmarkScores:
    """One task with two lengths, of which the shorter holds."""
    buckets = {"1000": {"score": 90.0, "n": 5}, "2000": {"score": 40.0, "n": 5}}
    task = {
        "score": 65.0, "metric": "keyword", "n": 10, "failed": 0, "expected": 10, "ci95": None, "clusters": 5,
        "cluster_unit": "document", "empty": 0, "buckets": buckets,
        "effective_length": {"length": 1000, "threshold": 85.0},
    }  # fmt: skip
    group = {"score": 65.0, "tasks": ["a", "b"], "buckets": buckets, "effective_length": task["effective_length"]}
    return BenchmarkScores.model_validate({
        "schema": 1, "benchmark": "toy", "protocol": "full", "model": "m", "tasks": {"a": task},
        "groups": {"both": group}, "overall": {"score": None, "rule": ""}, "partial": True,
    })  # fmt: skip


def test_the_table_ends_with_the_effective_length(scores: BenchmarkScores) -> None:
    """Groups of several tasks follow the tasks."""
    table = buckets_table(scores)

    assert table is not None
    assert ["task", "1000 (n)", "2000 (n)", "effective (≥ 85)"] == [column.header for column in table.columns]
    assert [["a", "both"], ["1,000", "1,000"]] == [list(table.columns[index].cells) for index in (0, -1)]


def test_the_file_has_a_line_per_task_and_length(scores: BenchmarkScores, tmp_path: Path) -> None:
    """With the effective length of the whole row."""
    (path,) = write_parts(tmp_path, scores)

    frame = pd.read_csv(path)
    assert [("task", "a", 1000, 90.0, 1000), ("task", "a", 2000, 40.0, 1000)] == list(
        frame.loc[frame.kind == "task", ["kind", "name", "part", "score", "effective_length"]].itertuples(
            index=False, name=None
        )
    )


def test_a_benchmark_without_parts_has_no_file(scores: BenchmarkScores, tmp_path: Path) -> None:
    """Nothing is written for it."""
    assert [] == write_parts(tmp_path, scores.model_copy(update={"tasks": {}, "groups": {}}))


def test_many_parts_go_down_the_page(scores: BenchmarkScores) -> None:
    """A line per part and a column per task, where a line would be too long."""
    buckets = {str(count): {"score": 1.0, "n": 1} for count in range(13)}
    task = scores.tasks["a"].model_dump() | {"buckets": buckets, "effective_length": None}
    wide = BenchmarkScores.model_validate(scores.to_json() | {"tasks": {"a": task}, "groups": {}})

    table = buckets_table(wide)

    assert table is not None
    assert ["task", "a"] == [column.header for column in table.columns]
    assert 13 == table.row_count


def line(buckets: dict[str, dict[str, object]] | None, **changes: object) -> dict[str, object]:
    """The scores of a task with those parts."""
    return {
        "score": 1.0, "metric": "m", "n": 1, "failed": 0, "expected": None, "ci95": None, "clusters": 1,
        "cluster_unit": "document", "empty": 0, "buckets": buckets,
    } | changes  # fmt: skip


def test_each_part_is_shown_with_its_samples(scores: BenchmarkScores) -> None:
    """A part that a task lacks or has no samples of is a dash; so is an effective length under another threshold."""
    parts = {"1000": {"score": None, "n": 0}, "4000": {"score": 12.345, "n": 7}}
    tasks = {
        "a": scores.tasks["a"],
        "b": line(parts, effective_length={"length": None, "threshold": 50.0}),
        "c": line(None),
    }

    table = buckets_table(BenchmarkScores.model_validate(scores.to_json() | {"tasks": tasks, "groups": {}}))

    assert table is not None
    assert {
        "task": ["a", "b"], "1000 (n)": ["90.00 (5)", "–"], "2000 (n)": ["40.00 (5)", "–"],
        "4000 (n)": ["–", "12.35 (7)"], "effective (≥ 50)": ["–", "none"], "effective (≥ 85)": ["1,000", "–"],
    } == {str(column.header): list(column.cells) for column in table.columns}  # fmt: skip
    assert ["left", *["right"] * 5] == [column.justify for column in table.columns]


def test_groups_stand_out_and_those_of_one_task_are_left_out(scores: BenchmarkScores) -> None:
    """They would say the same thing twice."""
    groups = scores.to_json()["groups"]
    groups |= {"alone": groups["both"] | {"tasks": ["a"]}, "broken": groups["both"] | {"buckets": None}}

    table = buckets_table(BenchmarkScores.model_validate(scores.to_json() | {"groups": groups}))

    assert table is not None
    assert ["a", "both"] == list(table.columns[0].cells)
    assert ["", "bold"] == [str(row.style or "") for row in table.rows]


def test_twelve_parts_still_go_across(scores: BenchmarkScores) -> None:
    """A line of them fits a terminal."""
    task = line({str(count): {"score": 1.0, "n": 1} for count in range(12)})
    wide = BenchmarkScores.model_validate(scores.to_json() | {"tasks": {"a": task}, "groups": {}})

    table = buckets_table(wide)

    assert table is not None
    assert (13, 1) == (len(table.columns), table.row_count)


def test_a_benchmark_without_parts_has_no_table(scores: BenchmarkScores) -> None:
    """Not an empty one."""
    assert buckets_table(scores.model_copy(update={"tasks": {}, "groups": {}})) is None


def test_the_file_has_groups_too_and_says_which_is_which(scores: BenchmarkScores, tmp_path: Path) -> None:
    """Every digit, every count; where parts are no lengths, no effective length."""
    tasks = scores.to_json()["tasks"] | {"b": line({"easy": {"score": 100 / 3, "n": 3}})}

    (path,) = write_parts(tmp_path, BenchmarkScores.model_validate(scores.to_json() | {"tasks": tasks}))

    assert [
        "kind,name,part,score,n,effective_length,threshold", "task,a,1000,90.0,5,1000,85.0",
        "task,a,2000,40.0,5,1000,85.0", "task,b,easy,33.333333333333336,3,,", "group,both,1000,90.0,5,1000,85.0",
        "group,both,2000,40.0,5,1000,85.0",
    ] == path.read_text("utf-8").splitlines()  # fmt: skip


def test_a_file_in_the_way_of_the_parts_is_one_line(scores: BenchmarkScores, tmp_path: Path) -> None:
    """Results stay where they are."""
    (tmp_path / "tables").write_text("mine")

    with pytest.raises(UserError, match=r"parts\.csv: cannot be written"):
        write_parts(tmp_path, scores)


def test_a_row_that_lacks_samples_says_so_behind_its_name(scores: BenchmarkScores) -> None:
    """Tasks, and groups with such a task."""
    partial = scores.tasks["a"].model_copy(update={"expected": 40})

    table = buckets_table(scores.model_copy(update={"tasks": {"a": partial}}))

    assert table is not None
    assert ["a (PARTIAL)", "both (PARTIAL)"] == list(table.columns[0].cells)


def test_lengths_say_what_they_count(scores: BenchmarkScores) -> None:
    """Where parts are lengths; other parts have no unit."""
    ranges = scores.to_json()["tasks"]["a"] | {"buckets": {"0-4k": {"score": 1.0, "n": 5}}}
    other = BenchmarkScores.model_validate(scores.to_json() | {"tasks": {"a": ranges}, "groups": {}})

    tables = [buckets_table(each, "Length (cl100k tokens, nominal)") for each in (scores, other)]

    assert ["Length (cl100k tokens, nominal)", None] == [table and table.title for table in tables]
