"""Results and plans as objects: short in a console, escaped in a notebook, figures without pyplot."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import evalkit
from evalkit import EvaluationResult, UserError

BAD = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> EvaluationResult:
    """The embedded model on a needle grid of four cells."""
    folder = tmp_path_factory.mktemp("grid")
    options = {"lengths": [128, 256], "depths": [0, 100], "repeats": 1}
    return evalkit.evaluate("needle-tiny", "needle", options=options, out=folder / "run", progress=False)


def test_a_result_is_short_in_a_console(grid: EvaluationResult) -> None:
    """Benchmark, model, protocol, score and count; one line."""
    assert repr(grid).startswith("<EvaluationResult needle · needle-tiny · keyword: overall ")
    assert repr(grid).endswith(", 4 samples>")
    assert repr(grid.scores["needle"]) == str(grid.scores["needle"])
    assert max(len(repr(grid)), len(repr(grid.scores["needle"]))) < 120


def test_a_plan_is_short_in_a_console(bare: Path) -> None:
    """Samples and tokens of each benchmark."""
    planned = evalkit.plan("needle-tiny", "needle", options={"lengths": [128], "depths": [0]}, limit=2)

    assert repr(planned).startswith("<PlanResult needle: ")
    assert "<table" in planned._repr_html_()
    assert [] == list(bare.iterdir())


def test_a_notebook_shows_tables_with_every_text_escaped(grid: EvaluationResult) -> None:
    """Names come from files of others."""
    scores = grid.scores["needle"]
    odd = scores.model_copy(update={
        "model_title": BAD, "protocol": BAD, "tasks": {BAD: next(iter(scores.tasks.values()))},
        "notes": [f"a note {BAD}"],
    })  # fmt: skip

    page = EvaluationResult({BAD: odd}, grid.folders, grid.outcome)._repr_html_()
    plan = evalkit.PlanResult({BAD: {"samples": 1, "prompt_tokens": 2, "unit": "tokens", "tasks": {BAD: {"n": 1}}}})

    assert "<script" not in page + plan._repr_html_()
    assert "&lt;script&gt;" in page
    assert "<table" in page
    assert "<li>a note &lt;script&gt;" in page


def test_a_notebook_shows_nothing_where_there_is_no_interval(grid: EvaluationResult) -> None:
    """Nor the word None, nor NaN."""
    scores = grid.scores["needle"]
    tasks = {name: task.model_copy(update={"ci95": None, "ci95_kind": None}) for name, task in scores.tasks.items()}
    bare = scores.model_copy(update={
        "tasks": tasks, "groups": {}, "overall": scores.overall.model_copy(update={"ci95": None, "ci95_kind": None}),
    })  # fmt: skip

    page = bare._repr_html_()

    assert [] == re.findall(r">(None|nan|NaN|&lt;NA&gt;)<", page)
    assert page.count("<td></td>") >= 2 * (len(tasks) + 1)


def test_a_figure_is_an_object_that_pyplot_does_not_know_of(grid: EvaluationResult, tmp_path: Path) -> None:
    """It can be saved and changed, and no global state is left."""
    from matplotlib.figure import Figure

    figure = grid.figure()

    assert isinstance(figure, Figure)
    figure.savefig(tmp_path / "own.png")
    assert (tmp_path / "own.png").stat().st_size > 1000
    assert "Depth of the needle (%)" == figure.axes[0].get_ylabel()
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or [] == pyplot.get_fignums()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "nothing"}, "unknown task or group of needle 'nothing'"),
        ({"benchmark": "leval"}, "unknown benchmark"),
        ({"axis": "model"}, "unknown axis 'model': there are: kept, nominal, prompt"),
        ({"palette": "viridis"}, "unknown palette 'viridis': there are: colour-blind, published"),
    ],
)
def test_a_figure_of_what_there_is_not_is_one_line(
    grid: EvaluationResult, arguments: dict[str, str], words: str
) -> None:
    """The nearest name is in it."""
    with pytest.raises(UserError, match=words):
        grid.figure(**arguments)


def test_the_figure_of_the_page_is_drawn(grid: EvaluationResult) -> None:
    """docs/python.md calls it with other words than the defaults."""
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text("utf-8")
    (call,) = re.findall(r"`result\.figure\((.+?)\)`", page)

    name, *named = (part.strip() for part in call.split(","))
    figure = grid.figure(name.strip('"'), **dict(part.replace('"', "").split("=") for part in named))

    assert "prompt" in figure.axes[0].get_xlabel().lower()


def test_one_of_several_benchmarks_is_named(grid: EvaluationResult) -> None:
    """A figure is of one."""
    several = EvaluationResult(grid.scores, {**grid.folders, "other": Path()}, grid.outcome)

    with pytest.raises(UserError, match=r"figure\(benchmark='needle'\) draws one"):
        several.figure()


def test_a_benchmark_without_depths_has_no_figure(toy: str, tiny_model: Path, bare: Path) -> None:
    """Said in one line."""
    result = evalkit.evaluate(str(tiny_model), toy, backend="toy", limit=1, out=bare / "run")

    with pytest.raises(UserError, match="toy: has no lengths and depths"):
        result.figure()
