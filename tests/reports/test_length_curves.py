"""Curves by length: lines through the points, hollow where there is no interval, broken where there are no samples."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from evalkit.errors import UserError
from evalkit.reports import CurveRun, draw_length_curves
from evalkit.reports._length_curves import _apart, length_curves_figure
from evalkit.reports._length_points import length_curves
from evalkit.scores import Measured
from tests.reports.heatmaps.test_figure import words
from tests.reports.test_length_points import answers, longbench


def run(name: str, measured: Measured) -> CurveRun:
    """A run of that name."""
    return CurveRun(name, Path(name), measured, {})


def test_a_line_goes_through_its_points_and_breaks_where_there_are_none() -> None:
    """The point of four documents is hollow, and each place has its number of samples."""
    given = [
        each
        for index, each in enumerate(answers("qasper", 70))
        if each.metadata["length"] < 8_000 or (each.metadata["length"] >= 32_000 and index < 20)
    ]
    middle = [each for each in answers("hotpotqa", 70) if 8_000 <= each.metadata["length"] < 16_000]
    measured = longbench(qasper=given, hotpotqa=middle)
    curves = length_curves(measured)
    (curve,) = [each for each in curves if each.task == "qasper"]

    figure = length_curves_figure(
        [run("a", measured)], {each.task: [each] for each in curves if each.task in ("qasper", "hotpotqa")}, curve.unit
    )

    axes = figure.axes[0]
    line = axes.lines[0]
    drawn = np.asarray(line.get_ydata(), dtype=float)
    scores = [point.score for point in curve.points]
    assert [scores[0], scores[1], pytest.approx(np.nan, nan_ok=True), scores[2]] == drawn.tolist()
    faces = {
        float(np.asarray(each.get_ydata())[0]): each.get_markerfacecolor()
        for each in axes.lines[1:]
        if each.get_marker() == "o"
    }
    assert ["white" != face for face in faces.values()] == [point.low is not None for point in curve.points]
    assert [14, 14, 4] == [point.n for point in curve.points] and curve.points[2].low is None
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ["0–4K\n14", "4–8K\n14", "8–16K\n", "> 32K\n4"] == ticks


def test_tasks_are_drawn_where_groups_lack_lengths(tmp_path: Path) -> None:
    """And all samples first; a name narrows to a group or a task; every run is named."""
    members = ("hotpotqa", "2wikimqa", "musique", "dureader")
    whole = longbench(**{task: answers(task, 20) for task in members})
    short = longbench(**{task: answers(task, 20)[: None if task == "dureader" else 6] for task in members})
    titles = {"All samples", "Multi-Document QA", "HotpotQA", "2WikiMultihopQA", "MuSiQue", "DuReader"}

    def drawn(measured: Measured, **asked: object) -> set[str]:
        runs = [run("first model", measured), run("模型二", measured)]
        _, svg = draw_length_curves(tmp_path / "curves", runs, **asked)  # type: ignore[arg-type]
        assert "first model" in words(svg)
        return titles & set(words(svg))

    assert {"All samples", "Multi-Document QA"} == drawn(whole)
    assert titles - {"Multi-Document QA"} == drawn(short) == drawn(whole, by_task=True)
    assert titles - {"All samples"} == drawn(whole, group="multi_document_qa")
    assert {"MuSiQue"} == drawn(whole, group="musique")


def test_runs_that_cannot_share_a_figure_are_refused(tmp_path: Path) -> None:
    """More than can be told apart, other units, no lengths."""
    measured = longbench(qasper=answers("qasper", 20))
    bare = longbench(qasper=[type(each)(each.id, each.document, "", each.targets, {}) for each in answers("qasper", 6)])

    with pytest.raises(UserError, match="15 runs in one figure cannot be told apart; name 14 at most"):
        draw_length_curves(tmp_path / "curves", [run(str(index), measured) for index in range(15)])
    with pytest.raises(UserError, match="--curves: b: nothing tells how long its prompts are"):
        draw_length_curves(tmp_path / "curves", [run("a", measured), run("b", bare)])
    assert not list(tmp_path.iterdir())


def test_names_behind_lines_do_not_touch() -> None:
    """However near the lines end; where they end apart, names stand there."""
    found = _apart([1.0, 1.01, 0.99, 3.0], [0.2, 0.4, 0.2, 0.2])

    in_order = sorted(zip(found, [0.2, 0.4, 0.2, 0.2], strict=True))
    assert all(right - left >= (one + two) / 2 - 1e-9 for (left, one), (right, two) in itertools.pairwise(in_order))
    assert (0.99, 3.0) == (found[2], found[3])
