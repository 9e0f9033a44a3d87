"""Runs side by side: what is drawn of them, by which names, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import UnknownNameError, UserError
from evalkit.reports import ScoredRun, compare_heatmaps
from evalkit.scores import ScoreRow
from tests.reports.heatmaps.test_figure import words
from tests.reports.heatmaps.test_pictures import scores

Make = Callable[..., ScoredRun]
LENGTHS = (1000, 2000, 3000, 4000)


@pytest.fixture
def run(tmp_path: Path) -> Make:
    """Maker of run folders of a benchmark: `run("a", single_en=100.0)` scores that task's samples so."""

    def make(
        name: str, benchmark: str = "needlebench-4k", model: str = "m", title: str = "", **tasks: float
    ) -> ScoredRun:
        folder = tmp_path / name
        folder.mkdir()
        settings = {"benchmark": benchmark, "label": f"opencompass+{name}", "title": title, "context_length": 2048}
        settings |= {"options": {"lengths": "1000,2000", "depths": "0,100"}} if benchmark == "needle" else {}
        identity = {"data": {}, "model": model, "protocol": "opencompass"}
        (folder / "run.json").write_text(json.dumps({"identity": identity, "settings": settings, "environment": {}}))
        rows = [row for task, score in tasks.items() for row in rows_of(task, score)]
        made = scores(missing=["other"], **{task: {} for task in tasks})
        update = {"model": model, "model_title": title, "protocol": settings["label"]}
        return ScoredRun(folder, made.model_copy(update=update), rows)

    return make


def rows_of(task: str, score: float) -> list[ScoreRow]:
    language = task.rpartition("_")[2]
    return [
        ScoreRow(f"{task}/{length}/{depth}", task, "opencompass", "m", score,
                 {"length": length, "depth": depth, "language": language})
        for length in LENGTHS
        for depth in (0, 5, 10, 15, 21, 26, 31, 36, 42, 47, 52, 57, 63, 68, 73, 78, 84, 89, 94, 100)
    ]  # fmt: skip


def said(stem: Path) -> set[str]:
    return set(words(stem.with_name(f"{stem.name}.svg")))


def test_the_published_picture_is_drawn(run: Make, tmp_path: Path) -> None:
    """The mean of both languages, as the group is published, and the figure says so."""
    runs = [run("a", single_en=100.0, single_zh=0.0), run("b", single_en=50.0, single_zh=40.0)]

    compare_heatmaps(tmp_path / "both", runs)

    assert {
        "NeedleBench 4k · Single-needle retrieval (S-RT) · mean of en and zh", "mean 50.0", "mean 45.0",
        "Length (cl100k tokens, nominal)", "opencompass+a", "opencompass+b",
    } <= said(tmp_path / "both")  # fmt: skip


def test_a_task_can_be_asked_for(run: Make, tmp_path: Path) -> None:
    """By its name; the figure names it and its language."""
    compare_heatmaps(tmp_path / "one", [run("a", single_en=100.0, single_zh=0.0)], group="single_zh")

    assert {"NeedleBench 4k · single_zh · language zh", "mean 0.0"} <= said(tmp_path / "one")


def test_an_unknown_group_names_the_nearest(run: Make, tmp_path: Path) -> None:
    """In one line, of the first run that lacks it."""
    with pytest.raises(UnknownNameError, match=r"unknown task or group of .*a 'singel_zh': did you mean 'single_zh'\?"):
        compare_heatmaps(tmp_path / "x", [run("a", single_zh=1.0)], group="singel_zh")


def test_other_grids_are_refused_unless_asked_for(run: Make, tmp_path: Path) -> None:
    """The message names both grids; drawn all the same, the figure says that they differ."""
    runs = [run("a", single_en=1.0, single_zh=1.0), run("b", "needle", single=1.0)]
    runs = [runs[0], runs[1]._replace(rows=[r for r in rows_of("single", 1.0) if r.metadata["length"] < 3000])]

    with pytest.raises(
        UserError, match=r"b: its lengths 1,000, 2,000 are not those of .*a \(1,000, 2,000, 3,000, 4,000\)"
    ):
        compare_heatmaps(tmp_path / "x", runs, group="single")
    compare_heatmaps(tmp_path / "mixed", runs, group="single", is_mixed=True)

    assert any("MIXED: lengths or depths differ between the panels" in word for word in said(tmp_path / "mixed"))


def test_panels_of_different_tasks_name_theirs(run: Make, tmp_path: Path) -> None:
    """A run of English alone beside one of both languages."""
    runs = [run("a", single_en=1.0), run("b", single_en=1.0, single_zh=1.0)]

    compare_heatmaps(tmp_path / "x", runs, group="single")

    text = " ".join(words(tmp_path / "x.svg"))
    assert "language en" in text
    assert "mean of en and zh" in text


def test_runs_without_a_common_task_are_refused(run: Make, tmp_path: Path) -> None:
    """There is nothing to compare."""
    runs = [run("a", "needle", single=1.0), run("b", "needlebench-8k", multi_retrieval_en=1.0)]

    with pytest.raises(UserError, match="no task or group was run in all of the runs"):
        compare_heatmaps(tmp_path / "x", runs)


def test_a_benchmark_without_heatmaps_is_refused(run: Make, tmp_path: Path) -> None:
    """The message names the folder."""
    with pytest.raises(UserError, match="a: its benchmark has no lengths and depths"):
        compare_heatmaps(tmp_path / "x", [run("a", "leval")])


def test_models_are_told_apart_and_have_one_name(run: Make, tmp_path: Path) -> None:
    """The title, with the name that commands know behind it; one model alone stands above all panels."""
    runs = [run("a", model="my-qwen-", title="my qwen", single_en=1.0), run("b", model="tiny", single_en=1.0)]

    compare_heatmaps(tmp_path / "two", runs)
    compare_heatmaps(tmp_path / "one", runs[:1])

    assert {"my qwen [my-qwen-] · opencompass+a", "tiny · opencompass+b", "Runs side by side"} <= said(tmp_path / "two")
    assert {"my qwen [my-qwen-]", "opencompass+a"} <= said(tmp_path / "one")


def test_runs_of_one_label_are_named_by_their_folders(run: Make, tmp_path: Path) -> None:
    """Two panels never have the same name."""
    runs = [run("a", single_en=1.0), run("b", single_en=1.0)]
    same = [each._replace(scores=each.scores.model_copy(update={"protocol": "p"})) for each in runs]

    compare_heatmaps(tmp_path / "x", same)

    assert {"a", "b"} <= said(tmp_path / "x")


def test_the_models_axis_is_drawn_where_the_nominal_grids_agree(run: Make, tmp_path: Path) -> None:
    """Each run has its own tokens; whether panels may be compared is decided by the lengths asked for."""

    def measured(run: ScoredRun, factor: float) -> ScoredRun:
        from dataclasses import replace

        rows: list[Any] = [replace(row, prompt_tokens=int(factor * row.metadata["length"])) for row in run.rows]
        return run._replace(rows=rows)

    runs = [measured(run("a", single_en=1.0), 1.5), measured(run("b", single_en=1.0), 2.5)]

    compare_heatmaps(tmp_path / "x", runs, axis="prompt")

    assert {"1,500", "2,500", "Prompt tokens before truncation"} <= said(tmp_path / "x")
