"""Curves of the report page: points and intervals against the rows that they are of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evalkit.reports.page import PageRun, Part, labels_of
from evalkit.reports.page._curves import curves_part
from evalkit.scores import cluster_interval
from tests.reports.page.grids import longbench_run, needle_run, rows_of

WORDS = labels_of("en")
Row = dict[str, Any]


def part_of(*runs: PageRun) -> Part:
    """The section of runs that have points."""
    part = curves_part(runs, WORDS)
    assert part is not None
    return part


def curve(part: Part, kind: str, task: str) -> dict[str, Any]:
    """The one curve of that kind and task."""
    (found,) = [each for each in part.data["curves"] if (each["kind"], each["task"]) == (kind, task)]
    return found


def check(point: dict[str, Any], run: PageRun, holds: Callable[[Row], bool]) -> None:
    """A point is the mean of the rows that hold, with their count, documents and interval."""
    assert run.measured is not None
    documents = {
        name: document
        for values in run.measured.values.values()
        for name, document in zip(values.ids, values.clusters, strict=True)
    }
    rows = [row for row in rows_of(run) if holds(row)]
    scores = np.array([[row["score"]] for row in rows])
    clusters = [documents[row["id"]] for row in rows]
    interval = cluster_interval(scores, clusters, lambda means: means[0])
    ends = (None, None) if interval is None else (pytest.approx(interval.low), pytest.approx(interval.high))
    assert (len(rows), len(set(clusters)), float(scores.mean())) == (
        point["n"], point["clusters"], pytest.approx(point["score"])
    )  # fmt: skip
    assert ends == (point["low"], point["high"])


def text_of(point: dict[str, Any]) -> str:
    """A point as the tables write it."""
    if point["low"] is None:
        return f"{point['score']:.2f} (no interval, n {point['n']})"
    return f"{point['score']:.2f} ({point['low']:.2f}–{point['high']:.2f}, n {point['n']})"


def test_points_by_length_are_the_samples_whose_prompts_were_sent_so_long() -> None:
    """Of a task and of all samples, in ranges of the prompt after truncation, which the filter names."""
    run = longbench_run("a", has_ledger=True)
    part = part_of(run)

    for task in ("hotpotqa", "all"):
        found = curve(part, "length", task)
        assert ["0–4K", "4–8K", "8–16K", "16–32K"] == [point["name"] for point in found["points"]]
        assert "Prompt tokens as sent, after truncation" == found["unit"]
        assert [point["clusters"] < 5 for point in found["points"]] == [
            point["low"] is None for point in found["points"]
        ]
        for point in found["points"]:
            low, high = map(int, point["filter"]["tokens"].split("-"))

            def holds(row: Row, task: str = task, low: int = low, high: int = high) -> bool:
                return task in (row["task"], "all") and low <= row["kept_tokens"] <= high

            check(point, run, holds)
            assert ({} if task == "all" else {"task": task}) == {
                name: value for name, value in point["filter"].items() if name == "task"
            }


def test_outputs_made_elsewhere_stand_at_the_benchmarks_own_lengths() -> None:
    """LongBench counts words, and the axis says so."""
    run = longbench_run("a", has_ledger=False)

    found = curve(part_of(run), "length", "lcc")

    assert "Length of the document (words; Chinese: characters)" == found["unit"]
    for point in found["points"]:
        low, high = map(int, point["filter"]["length"].split("-"))

        def holds(row: Row, low: int = low, high: int = high) -> bool:
            return row["task"] == "lcc" and low <= row["metadata"]["length"] <= high

        check(point, run, holds)


def test_whole_and_cut_prompts_are_those_of_the_scores() -> None:
    """The same two numbers as `scores.json`, each with the interval of its samples."""
    run = longbench_run("a", has_ledger=True)

    whole, cut = curve(part_of(run), "cut", "hotpotqa")["points"]

    told = run.scores.tasks["hotpotqa"].truncation
    assert told is not None
    assert (told.score_whole, told.score_truncated) == (whole["score"], cut["score"])
    assert ({"task": "hotpotqa", "cut": "0"}, {"task": "hotpotqa", "cut": "1"}) == (whole["filter"], cut["filter"])
    check(whole, run, lambda row: row["task"] == "hotpotqa" and row["kept_tokens"] == row["prompt_tokens"])
    check(cut, run, lambda row: row["task"] == "hotpotqa" and row["kept_tokens"] < row["prompt_tokens"])


def test_grids_stand_at_their_nominal_lengths() -> None:
    """A point for each, and too few haystacks for an interval leave none."""
    run = needle_run("a", lambda length, depth, repeat, _: length * (1 + depth) < 40_000 * (1 + repeat), repeats=4)

    found = curve(part_of(run), "length", "single")

    assert [("500", 500), ("1,500", 1500), ("2,500", 2500)] == [
        (point["name"], point["place"]) for point in found["points"]
    ]
    assert [(12, 4, None, None)] * 3 == [
        (point["n"], point["clusters"], point["low"], point["high"]) for point in found["points"]
    ]


def test_the_tables_hold_every_point() -> None:
    """Score, interval and count with two decimals; a run without cut prompts is said to have none."""
    elsewhere, own = longbench_run("elsewhere", has_ledger=False), longbench_run("own", has_ledger=True)
    part = part_of(elsewhere, own)

    tables = {(table["title"], table["unit"]): table for table in part.values["tables"]}

    table = tables["LongBench · By length", "Prompt tokens as sent, after truncation"]
    (cells,) = [cells for what, run, cells in table["rows"] if (what, run) == ("All samples", "own")]
    points = next(
        each for each in part.data["curves"] if (each["run"], each["kind"], each["task"]) == (1, "length", "all")
    )["points"]
    assert [text_of(point) for point in points] == cells
    assert any("elsewhere" in note and "made elsewhere" in note for note in part.values["notes"])


def test_runs_without_a_point_have_no_section() -> None:
    """None, not an empty one."""
    assert curves_part([], WORDS) is None
