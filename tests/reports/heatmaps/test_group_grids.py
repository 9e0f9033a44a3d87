"""Heatmaps of groups, and lengths as the model sees them."""

from __future__ import annotations

import pytest

from evalkit.reports.heatmaps._grid import HeatCell, HeatGrid, group_grids, on_axis
from evalkit.scores import ScoreRow
from evalkit.tasks import BenchmarkSpec, load_spec


@pytest.fixture
def spec() -> BenchmarkSpec:
    """NeedleBench 4k: twelve tasks in weighted and nested groups."""
    return load_spec("needlebench-4k")


def one_cell(score: float, cut: int = 0) -> HeatGrid:
    """A grid of one cell with ten samples."""
    return HeatGrid((HeatCell(1000, 50, score, 10, cut),))


def row(length: int, before: int, after: int) -> ScoreRow:
    """A score row of a prompt of that nominal length."""
    return ScoreRow("x/0", "x", "p", "m", 1.0, {"length": length, "depth": 0}, before, after, True)


def test_a_group_is_the_mean_of_its_tasks_cell_by_cell(spec: BenchmarkSpec) -> None:
    """Twenty samples stand behind a cell of both languages, as in the published figure."""
    groups = group_grids({"single_en": one_cell(100), "single_zh": one_cell(8)}, spec)

    assert HeatCell(1000, 50, 54, 20, 0) == groups["single"].grid.cell(1000, 50)
    assert "Single-needle retrieval (S-RT)" == groups["single"].title


def test_the_overall_cell_is_weighted_as_the_overall_score(spec: BenchmarkSpec) -> None:
    """0.4 × 100 + 0.3 × 50 + 0.3 × 0."""
    grids = {
        task: one_cell({"single": 100, "multi_retrieval": 50}.get(entry.group, 0)) for task, entry in spec.tasks.items()
    }

    assert 55 == pytest.approx(group_grids(grids, spec)["overall"].grid.cell(1000, 50).score)


def test_a_group_of_which_tasks_are_missing_says_so(spec: BenchmarkSpec) -> None:
    """It is drawn from those that were run."""
    groups = group_grids({"single_en": one_cell(100, cut=3)}, spec)

    assert ["single", "english", "overall"] == list(groups)
    assert "English, 1 of 6 tasks" == groups["english"].title
    assert 3 == groups["overall"].grid.cell(1000, 50).cut


def test_lengths_may_be_those_of_the_model() -> None:
    """Each nominal length becomes the mean of its prompts, before or after truncation."""
    rows = [row(1000, 1100, 1000), row(1000, 1300, 1000), row(2000, 2500, 1500)]

    assert [1200, 1200, 2500] == [each.metadata["length"] for each in on_axis(rows, "prompt")]
    assert [1000, 1000, 1500] == [each.metadata["length"] for each in on_axis(rows, "kept")]


def test_the_nominal_axis_changes_nothing() -> None:
    """It is the default."""
    rows = [row(1000, 1100, 1000)]

    assert rows == on_axis(rows, "nominal")


def test_every_group_of_several_tasks_is_drawn_and_complete_ones_say_nothing_more(spec: BenchmarkSpec) -> None:
    """Their titles are the benchmark's; a group of one task would be that task again."""
    groups = group_grids({task: one_cell(50) for task in spec.tasks}, spec)

    titles = {name: group.title for name, group in spec.groups.items() if len(spec.members(name)) > 1}
    assert titles | {"overall": "Overall"} == {name: group.title for name, group in groups.items()}


def test_the_overall_grid_is_that_of_the_groups_that_enter_the_score(spec: BenchmarkSpec) -> None:
    """English and Chinese cut across the others and are not counted twice; what was not run is left out."""
    run = {"single_en": one_cell(100), "single_zh": one_cell(60), "multi_retrieval_en": one_cell(10)}

    groups = group_grids(run, spec)

    assert pytest.approx((0.4 * 80 + 0.3 * 10) / 0.7) == groups["overall"].grid.cell(1000, 50).score
    assert 30 == groups["overall"].grid.cell(1000, 50).n
    assert "Overall, 3 of 12 tasks" == groups["overall"].title


def test_a_benchmark_none_of_whose_tasks_was_run_has_no_group_grids(spec: BenchmarkSpec) -> None:
    """Not even an overall one."""
    assert {} == group_grids({}, spec)


def test_a_benchmark_of_one_task_has_no_overall_grid() -> None:
    """It would be the task's own."""
    assert {} == group_grids({"single": one_cell(50)}, load_spec("needle"))


def test_rows_whose_tokens_are_unknown_have_no_place_on_the_models_axis() -> None:
    """The mean is rounded to whole tokens, over all tasks and languages; a row without a length is left out."""
    unknown = ScoreRow("x/1", "x", "p", "m", 1.0, {"length": 3000, "depth": 0})
    bare = ScoreRow("x/2", "x", "p", "m", 1.0, {"depth": 0}, 500, 500)
    rows = [row(1000, 1100, 900), row(1000, 1101, 900), row(1000, 1103, 900), unknown, bare]

    assert [1101] * 3 == [each.metadata["length"] for each in on_axis(rows, "prompt")]
    assert [900] * 3 == [each.metadata["length"] for each in on_axis(rows, "kept")]
    assert {0} == {each.metadata["depth"] for each in on_axis(rows, "kept")}
