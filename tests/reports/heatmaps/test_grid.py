"""Score rows as the cells of a heatmap: means, counts, what is missing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from evalkit.reports import HeatCell, HeatGrid, Places, combine, grid_of, grids_of, write_cells
from evalkit.scores import ScoreRow


@pytest.fixture
def golden_heatmap() -> dict[str, Any]:
    """The published figure's cells, as read off its colours."""
    folder = os.environ.get("EVALKIT_GOLDEN")
    if not folder:
        pytest.skip("EVALKIT_GOLDEN is not set")
    estimate: dict[str, Any] = json.loads((Path(folder) / "index32k_needle_heatmap_estimate.json").read_text())
    return estimate


def row(length: int, depth: float, score: float | None, **changes: object) -> ScoreRow:
    """A row of the task `single`."""
    metadata = {"length": length, "depth": depth} | (
        {"language": changes.pop("language")} if "language" in changes else {}
    )
    values = {"id": "x", "task": "single", "protocol": "p", "metric": "keyword", "score": score, "metadata": metadata}
    return ScoreRow(**values | changes)  # type: ignore[arg-type]


def grid(*cells: tuple[float, float, float | None]) -> HeatGrid:
    return HeatGrid(tuple(HeatCell(length, depth, score, int(score is not None)) for length, depth, score in cells))


def test_a_cell_is_the_mean_of_its_samples_with_their_count() -> None:
    """Samples of one length and depth make one cell."""
    found = grid_of([row(100, 0, 100.0), row(100, 0, 0.0), row(100, 0, 50.0), row(200, 0, 100.0)])

    assert (HeatCell(100, 0, 50.0, 3), HeatCell(200, 0, 100.0, 1)) == (found.cell(100, 0), found.cell(200, 0))


def test_samples_that_lost_their_needle_are_counted() -> None:
    """Cut means that truncation removed the needle; unknown is not cut."""
    found = grid_of([row(100, 0, 0.0, evidence_kept=kept) for kept in (False, False, True, None)])

    assert 2 == found.cell(100, 0).cut


def test_a_missing_cell_has_no_data_and_enters_no_mean() -> None:
    """The full grid is drawn, and what was not run stays empty."""
    found = grid((100, 0, 80.0), (100, 50, 60.0), (200, 0, 40.0))

    assert (HeatCell(200, 50, None, 0), 70.0, 40.0, 4) == (
        found.cell(200, 50),
        found.column_mean(100),
        found.column_mean(200),
        len(found.all_cells()),
    )


def test_the_mean_is_that_of_the_column_means() -> None:
    """As NeedleBench prints it: every length counts the same, however many depths it has."""
    found = grid((100, 0, 100.0), (100, 50, 100.0), (200, 0, 0.0))

    assert 50.0 == found.mean


def test_a_grid_without_scores_has_no_mean() -> None:
    """Nothing is not zero."""
    assert grid((100, 0, None)).mean is None


def test_the_published_column_means_follow_from_the_published_cells(golden_heatmap: dict[str, Any]) -> None:
    """The line of the Index-1.9B-32K figure is the mean over depths, as far as its cells can be read off."""
    found = HeatGrid(
        tuple(
            HeatCell(length, depth, score, int(score is not None))
            for depth, scores in zip(golden_heatmap["depths"], golden_heatmap["score_estimate"], strict=True)
            for length, score in zip(golden_heatmap["lengths_k"], scores, strict=True)
        )
    )

    whole = found.lengths[3:]  # the first three columns have a cell that the figure's legend hides
    printed = golden_heatmap["printed_column_means"][3:]
    assert printed == pytest.approx([found.column_mean(length) for length in whole], abs=0.4)


def test_tasks_without_lengths_and_depths_have_no_grid() -> None:
    """A benchmark of documents has no heatmap."""
    assert {} == grids_of([ScoreRow("x", "qa", "p", "f1", 50.0, {"language": "en"})])


def test_each_language_has_its_grid_beside_that_of_the_task() -> None:
    """The task's cell is the mean of its languages, as the published single-retrieval figure is."""
    rows = [row(100, 0, 100.0, language="en"), row(100, 0, 100.0, language="en"), row(100, 0, 0.0, language="zh")]

    found = grids_of(rows)

    assert {"single": 50.0, "single-en": 100.0, "single-zh": 0.0} == {name: each.mean for name, each in found.items()}


def test_only_the_first_metric_of_a_task_is_drawn() -> None:
    """Further columns of a score are no samples of the cell."""
    found = grids_of([row(100, 0, 100.0), row(100, 0, 0.0, metric="similarity")])

    assert HeatCell(100, 0, 100.0, 1) == found["single"].cell(100, 0)


def test_grids_are_combined_cell_by_cell_with_weights() -> None:
    """A cell that one grid lacks has no data in the combination."""
    first, second = grid((100, 0, 100.0), (100, 50, 100.0)), grid((100, 0, 0.0))

    found = combine([first, second], [3.0, 1.0])

    assert (75.0, None) == (found.cell(100, 0).score, found.cell(100, 50).score)


def test_the_cells_are_written_with_those_that_are_missing(tmp_path: Path) -> None:
    """The CSV has every cell of the full grid; an empty score says that there is none."""
    write_cells(tmp_path / "cells.csv", grid((100, 0, 100 / 3), (200, 50, 0.0)))

    assert (tmp_path / "cells.csv").read_text() == (
        "length,depth,score,n,cut,real_depth\n"
        "100,0,33.333333333333336,1,0,\n"
        "100,50,,0,0,\n"
        "200,0,,0,0,\n"
        "200,50,0.0,1,0,\n"
    )  # fmt: skip


def test_a_combined_cell_counts_the_samples_of_all_grids() -> None:
    """Those scored and those whose needle was cut; where one grid has no score, none is made up."""
    first = HeatGrid((HeatCell(100, 0, 90.0, 10, 2), HeatCell(200, 0, None, 0, 0)))
    second = HeatGrid((HeatCell(100, 0, 60.0, 4, 1), HeatCell(200, 0, 50.0, 5, 3)))

    found = combine([first, second])

    assert (HeatCell(100, 0, 75.0, 14, 3), HeatCell(200, 0, None, 5, 3)) == (found.cell(100, 0), found.cell(200, 0))


def test_a_row_without_a_score_is_no_sample_of_its_cell() -> None:
    """It does not enter the metric; nothing is not zero."""
    found = grid_of([row(100, 0, None), row(100, 0, 80.0), row(200, 0, None, evidence_kept=False)])

    assert (HeatCell(100, 0, 80.0, 1), HeatCell(200, 0, None, 0, 1)) == (found.cell(100, 0), found.cell(200, 0))


def test_cells_are_listed_by_length_then_depth() -> None:
    """Whatever order they came in."""
    found = grid((200, 50, 1.0), (100, 0, 2.0))

    assert [(100, 0, 2.0), (100, 50, None), (200, 0, None), (200, 50, 1.0)] == [
        (cell.length, cell.depth, cell.score) for cell in found.all_cells()
    ]


def test_one_language_alone_is_the_task() -> None:
    """A second grid of the same cells would say nothing new; rows without length or depth are in none."""
    other = ScoreRow("x", "single", "p", "keyword", 7.0, {"length": 100, "language": "en"})

    found = grids_of([row(100, 0, 40.0, language="en"), other, row(100, 0, 20.0, language="en", task="more")])

    assert {"single": 40.0, "more": 20.0} == {name: each.mean for name, each in found.items()}


def test_a_cell_knows_where_its_needles_really_stand(tmp_path: Path) -> None:
    """The mean of the real depths is in the CSV; the farthest from the depth asked for is kept beside it."""
    rows = [row(100, 50, 100.0), row(100, 50, 100.0), row(100, 50, 0.0)]
    for each, depth in zip(rows, (49.0, 38.5), strict=False):  # the third has no record of it
        each.metadata["real_depth"] = depth

    found = grid_of(rows)
    write_cells(tmp_path / "cells.csv", found)

    assert (43.75, 11.5) == (found.cell(100, 50).real_depth, found.cell(100, 50).depth_gap)
    assert (tmp_path / "cells.csv").read_text().endswith("100,50,66.66666666666667,3,0,43.75\n")


def test_a_combined_cell_has_the_mean_real_depth_and_the_largest_gap() -> None:
    """As for scores, each grid counts once."""
    first, second = (HeatGrid((HeatCell(100, 50, 0.0, 1, 0, depth, 50 - depth),)) for depth in (48.0, 30.0))

    found = combine([first, second]).cell(100, 50)

    assert (39.0, 20.0) == (found.real_depth, found.depth_gap)


def test_a_grid_spans_the_cells_that_were_asked_for() -> None:
    """Those it has stay as they are; those it lacks are empty."""
    found = grid((100, 0, 80.0)).spanning(Places((100, 200), (0, 50)))

    assert [(100, 0, 80.0), (100, 50, None), (200, 0, None), (200, 50, None)] == [
        (cell.length, cell.depth, cell.score) for cell in found.all_cells()
    ]


def test_only_a_whole_column_has_a_whole_mean() -> None:
    """The plain mean of a column is over the cells that there are."""
    found = grid((100, 0, 80.0), (100, 50, 60.0), (200, 0, 40.0))

    assert ([70.0, None], [70.0, 40.0]) == tuple(
        [mean(length) for length in found.lengths] for mean in (found.whole_mean, found.column_mean)
    )
    assert (False, True) == (found.is_whole, grid((100, 0, 1.0)).is_whole)
