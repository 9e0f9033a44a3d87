"""Heatmaps of the report page: cells, intervals and colours against the rows that they are of."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import pytest

from evalkit.reports import PALETTES, length_label
from evalkit.reports.drawing import colours, is_dark
from evalkit.reports.page import LANGUAGES, Part, labels_of
from evalkit.reports.page._heatmaps import heatmaps_part
from evalkit.reports.page._lengths import nominal_unit
from evalkit.reports.page._samples import samples_part
from evalkit.scores import TaskAnswers, cluster_interval
from evalkit.tasks import Answer
from tests.reports.page.grids import needle_run, needlebench_run, page_run, rows_of

WORDS = labels_of("en")


def some(length: int, depth: float, repeat: int, language: str) -> bool:
    """Right more often in short prompts, and otherwise in either language."""
    return (length + int(depth) * 7 + repeat * 500 + (language == "zh") * 900) % 2300 > length / 2


def part_of(*runs: Any) -> Part:
    """The section of runs that have grids."""
    part = heatmaps_part(runs, WORDS)
    assert part is not None
    return part


def grid_named(part: Part, name: str) -> dict[str, Any]:
    """The one grid of that name."""
    (found,) = [grid for grid in part.data["grids"] if grid["name"] == name]
    return found


def cell_of(grid: dict[str, Any], length: float, depth: float) -> dict[str, Any]:
    """What a grid says of one cell."""
    place = grid["lengths"].index(length) * len(grid["depths"]) + grid["depths"].index(depth)
    return {name: grid[name][place] for name in ("score", "n", "cut", "low", "high", "real")}


def test_every_cell_is_the_mean_of_its_rows_with_their_interval() -> None:
    """Score, count, cut needles, real depth and interval, from the lines of `scores.jsonl` and their haystacks."""
    run = needle_run("a", some)

    grid = grid_named(part_of(run), "single")

    for length in (500, 1500, 2500):
        for depth in (0, 50, 100):
            rows = [
                row for row in rows_of(run) if (row["metadata"]["length"], row["metadata"]["depth"]) == (length, depth)
            ]
            scores = [row["score"] for row in rows]
            interval = cluster_interval(
                np.array(scores)[:, None], [row["id"].split("-")[-1] for row in rows], lambda means: means[0]
            )
            assert interval is not None
            assert {
                "score": statistics.fmean(scores),
                "n": 6,
                "cut": 6 if (length, depth) == (2500, 50) else 0,
                "low": interval.low,
                "high": interval.high,
                "real": pytest.approx(statistics.fmean(row["metadata"]["real_depth"] for row in rows)),
            } == cell_of(grid, length, depth)
    assert grid["means"] == [
        statistics.fmean(cell_of(grid, length, depth)["score"] for depth in (0, 50, 100)) for length in grid["lengths"]
    ]


def test_a_cell_of_two_languages_is_the_mean_of_their_means_with_its_interval() -> None:
    """Each language is a column, over the haystacks of both; the languages have grids of their own."""
    run = needle_run("a", some, languages=("en", "zh"))
    part = part_of(run)

    found = cell_of(grid_named(part, "single"), 1500, 50)

    rows = [row for row in rows_of(run) if (row["metadata"]["length"], row["metadata"]["depth"]) == (1500, 50)]
    columns = np.array([
        [row["score"] if row["metadata"]["language"] == language else np.nan for language in ("en", "zh")]
        for row in rows
    ])  # fmt: skip
    documents = [f"{row['metadata']['language']}/{row['metadata']['repeat']}" for row in rows]
    interval = cluster_interval(columns, documents, lambda means: sum(means) / len(means))
    assert interval is not None
    assert (float(np.nanmean(columns, axis=0).mean()), 12, interval.low, interval.high) == (
        found["score"], found["n"], found["low"], found["high"]
    )  # fmt: skip
    assert ("single", "zh") == tuple(grid_named(part, "single-zh")[key] for key in ("task", "language"))


def test_cells_of_few_documents_have_no_interval() -> None:
    """Four haystacks are too few."""
    grid = grid_named(part_of(needle_run("a", some, repeats=4)), "single")

    assert {None} == {*grid["low"], *grid["high"]}


def test_cells_asked_for_without_samples_are_there_and_the_grid_says_partial() -> None:
    """No number stands in them, and a column with one has no mean."""
    part = part_of(needle_run("a", some, asked={"depths": "0,50,75,100"}))

    grid = grid_named(part, "single")

    assert {"score": None, "n": 0, "cut": 0, "low": None, "high": None, "real": None} == cell_of(grid, 500, 75)
    assert ("PARTIAL: 54 of 72 samples", [None, None, None], None) == (grid["partial"], grid["means"], grid["mean"])
    (table,) = part.values["tables"]
    assert ("75", ["×", "×", "×"]) == table["rows"][2]


def test_the_window_stands_behind_the_lengths_inside_it() -> None:
    """One of three lengths is at most 1,000; without a manifest nobody knows."""
    known, unknown = part_of(needle_run("a", some), needle_run("b", some, window=None)).data["grids"]

    assert (1000, 1) == (known["window"], known["inside"])
    assert (None, 0) == (unknown["window"], unknown["inside"])


def test_groups_are_the_weighted_means_of_their_tasks_and_have_no_interval() -> None:
    """Single needles in English and Chinese: the mean of both cells."""
    run = needlebench_run("a")
    part = part_of(run)

    english, chinese, both = (
        cell_of(grid_named(part, name), 1000, 50) for name in ("single_en", "single_zh", "single")
    )

    assert (english["score"] + chinese["score"]) / 2 == pytest.approx(both["score"])
    assert (10, None, None) == (both["n"], both["low"], both["high"])
    assert english["low"] is not None
    assert grid_named(part, "single")["task"] == ""


def test_the_table_says_what_the_picture_says() -> None:
    """Scores with two decimals, needles that were cut, means of columns."""
    part = part_of(needle_run("a", some))

    (table,), grid = part.values["tables"], grid_named(part, "single")

    rows = dict(table["rows"])
    assert f"{cell_of(grid, 500, 50)['score']:.2f}" == rows["50"][0]
    assert f"{cell_of(grid, 2500, 50)['score']:.2f} · cut 6" == rows["50"][2]
    assert [f"{mean:.2f}" for mean in grid["means"]] == table["means"]


def test_colours_are_those_of_the_figures() -> None:
    """Every shade of both palettes, and which of them are dark."""
    from matplotlib.colors import to_hex

    palettes = part_of(needle_run("a", some)).data["palettes"]

    assert [*PALETTES] == [*palettes]
    for name in PALETTES:
        for score in np.linspace(0, 100, 401):
            shade = min(255, int(score / 100 * 256))
            assert to_hex(colours(name)(score / 100)) == palettes[name]["colours"][shade]
        assert {"0", "1"} >= set(palettes[name]["dark"])
        assert [is_dark(score, name) for score in (0, 20, 50, 99)] == [
            palettes[name]["dark"][int(score / 100 * 256)] == "1" for score in (0, 20, 50, 99)
        ]


@pytest.mark.parametrize("counter", ["", "tokenizer.json"])
def test_lengths_are_named_as_in_the_figures(counter: str) -> None:
    """In English word for word; the other languages say as much."""
    runs = [needle_run("a", some), needlebench_run("b")]
    if counter:
        assert runs[0].manifest is not None
        runs[0].manifest.settings["options"]["length-tokenizer"] = counter

    for run in runs:
        assert length_label(run.spec, "nominal", run.options) == nominal_unit(run, WORDS)
        assert all(nominal_unit(run, labels_of(language)) for language in LANGUAGES)


def test_runs_without_lengths_and_depths_have_no_section() -> None:
    """None, not an empty one."""
    assert heatmaps_part([], WORDS) is None


def test_a_prompt_of_several_needles_stands_in_the_cell_of_each() -> None:
    """What its samples say of their depths lists exactly those that a cell counts."""
    task = "multi_retrieval_en"
    answers = [
        Answer(
            id=f"needlebench-4k/{task}/{length}-{repeat}",
            document=f"needlebench-4k/en/{repeat}",
            prediction="kingfisher",
            targets=("kingfisher*heron*owl#0*50*100",),
            metadata={"length": length, "language": "en", "repeat": repeat},
        )
        for length in (1000, 2000)
        for repeat in range(6)
    ]
    run = page_run("a", "needlebench-4k", "opencompass", {task: TaskAnswers(answers)})
    grid = grid_named(part_of(run), task)
    samples = samples_part([run], WORDS)
    assert samples is not None
    (columns,) = samples.data["samples"]

    listed = [
        sum(at == length and depth in depths for at, depths in zip(columns["length"], columns["depths"], strict=True))
        for length in grid["lengths"]
        for depth in grid["depths"]
    ]

    assert grid["n"] == listed
    assert {0, 6} == set(listed)  # the benchmark asks for further cells
    assert "depth" not in columns
