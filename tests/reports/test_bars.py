"""Bars of several runs: as long as the scores, dark only where that is no guess, published ones hatched."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from evalkit.errors import UnknownNameError, UserError
from evalkit.paths import shipped
from evalkit.reports import ModelColumn, bars_figure, draw_benchmark_bars, model_column, model_tables
from evalkit.reports._bars import Texts
from evalkit.reports._benchmark_bars import benchmark_panels
from evalkit.scores import BenchmarkScores, TaskAnswers, measure_benchmark
from evalkit.tasks import Answer, load_benchmark
from tests.reports.heatmaps.test_figure import PNG, words

LONGBENCH = load_benchmark("longbench")
TASKS = ("hotpotqa", "2wikimqa", "musique")


def column(name: str, *, tasks: Sequence[str] = TASKS, right: int = 8, protocol: str = "opencompass") -> ModelColumn:
    """A run of 20 answers a task, of which so many are right."""
    given = {
        task: TaskAnswers([
            Answer(f"longbench/{task}/{index}", f"{task}{index}", "red" if index < right else "blue", ("red",), {})
            for index in range(20)
        ])
        for task in tasks
    }  # fmt: skip
    scores = measure_benchmark(LONGBENCH, protocol, given, model=name).scores
    return model_column(Path("nowhere") / name, scores)


def whole(made: ModelColumn) -> ModelColumn:
    """The same as if these were all samples that there are."""
    tasks = {name: task.model_copy(update={"expected": task.n}) for name, task in made.scores.tasks.items()}
    scores: BenchmarkScores = made.scores.model_copy(update={"tasks": tasks, "partial": False, "missing": []})
    return made._replace(scores=scores)


def test_bars_are_as_long_as_the_scores() -> None:
    """A panel a task and in it a bar a run, all on one scale, with intervals and numbers."""
    (table,) = model_tables([whole(column("a", right=20)), whole(column("b", right=5))])
    panels = benchmark_panels(table, [row for row in table.rows if row.kind == "task"])

    figure = bars_figure(panels, Texts("LongBench"), 3)

    for axes, task in zip(figure.axes, TASKS, strict=True):
        assert [100.0, 25.0] == [patch.get_width() for patch in axes.patches]  # type: ignore[attr-defined]
        intervals = [table.columns[index].scores.tasks[task].ci95 for index in (0, 1)]
        assert intervals == [tuple(line.get_xdata()) for line in axes.lines]
        assert (0, 100) == axes.get_xlim()
        assert ["100.00", "25.00"] == [text.get_text() for text in axes.texts]


def test_the_highest_is_dark_only_where_its_interval_lies_above_all_others() -> None:
    """Not where intervals overlap, where samples are missing, under two protocols, or where there is one run."""
    far, near = [whole(column("a", right=19)), whole(column("b", right=4))], [whole(column("a", right=9)), column("b")]

    def shades(columns: list[ModelColumn]) -> list[list[str]]:
        (table,) = model_tables(columns)
        return [[bar.shade for bar in panel.bars] for panel in benchmark_panels(table, table.rows[:1])]

    assert [["full", "light"]] == shades(far)
    assert [["light", "full"]] == shades(far[::-1])
    assert [["light", "light"]] == shades([near[0], whole(near[1])])
    assert [["light", "light"]] == shades([column("a", right=19), far[1]])
    assert [["light", "light"]] == shades([far[0], whole(column("b", right=4, protocol="official"))])


def test_samples_that_are_missing_are_said_beside_the_bar_and_above(tmp_path: Path) -> None:
    """With how many are there, in the figure itself."""
    _, svg = draw_benchmark_bars(tmp_path / "bars", [column("a"), whole(column("b"))])

    found = words(svg)
    assert any("PARTIAL" in word for word in found)
    assert len(TASKS) == found.count("20/200")


def test_groups_are_drawn_and_a_name_narrows_them(tmp_path: Path) -> None:
    """A group to itself and its tasks, a task to itself; an unknown name has the nearest one beside it."""
    tasks = (*LONGBENCH.spec.members("multi_document_qa"), "qasper")
    columns = [column("a", tasks=tasks), column("b", tasks=tasks)]
    titles = {"Multi-Document QA", "Single-Document QA", *tasks, "Overall"}

    def drawn(**asked: object) -> set[str]:
        _, svg = draw_benchmark_bars(tmp_path / "bars", columns, **asked)  # type: ignore[arg-type]
        return titles & set(words(svg))

    assert {"Multi-Document QA"} == drawn()
    assert set(tasks) == drawn(by_task=True)
    assert {"Multi-Document QA", *tasks} - {"qasper"} == drawn(group="multi_document_qa")
    assert {"qasper"} == drawn(group="qasper")
    with pytest.raises(UnknownNameError, match="did you mean 'hotpotqa'"):
        drawn(group="hotpotQA")


def test_published_scores_stand_beside_as_they_are_printed(tmp_path: Path) -> None:
    """Hatched, without intervals, of the protocol of the runs; where there are none, nothing is drawn."""
    with (shipped("results/published") / "longbench.csv").open(encoding="utf-8") as file:
        printed = {
            row["model"]: row["score"]
            for row in csv.DictReader(file)
            if (row["task"], row["protocol"], row["rope"]) == ("hotpotqa", "opencompass", "native")
        }

    _, svg = draw_benchmark_bars(tmp_path / "bars", [whole(column("mine"))], group="hotpotqa", is_published=True)

    found = words(svg)
    assert len(printed) == sum(word.endswith("(published)") for word in found) > 5
    assert {f"{model} (published)" for model in printed} <= set(found)
    assert {f"{float(score):.2f}" for score in printed.values()} <= set(found)
    mine = column("mine")
    elsewhere = mine._replace(scores=mine.scores.model_copy(update={"protocol": "own"}))
    with pytest.raises(UserError, match="nothing of what is drawn is published for longbench under protocol own"):
        draw_benchmark_bars(tmp_path / "no", [elsewhere], is_published=True)
    assert not list(tmp_path.glob("no*"))


def test_twelve_runs_have_their_names_in_every_row(tmp_path: Path) -> None:
    """Chinese ones too, as letters or as escapes; two benchmarks are two figures."""
    names = ["书生·浦语-20B", *(f"model-{index}" for index in range(11))]
    other = measure_benchmark(
        load_benchmark("leval"), "opencompass",
        {"tpo": TaskAnswers([Answer(f"leval/tpo/{i}", f"d{i}", "A", ("A",), {}) for i in range(6)])}, model="model-0",
    ).scores  # fmt: skip

    paths = draw_benchmark_bars(
        tmp_path / "bars", [*map(column, names), model_column(Path("nowhere/leval"), other)], by_task=True
    )

    assert ["bars-longbench.png", "bars-longbench.svg", "bars-leval.png", "bars-leval.svg"] == [p.name for p in paths]
    assert paths[0].read_bytes().startswith(PNG)
    found = " ".join(words(paths[1]))
    assert all(name in found for name in names[1:])
    assert ("20B" in found) and ("书生" in found or r"\u4e66" in found)
