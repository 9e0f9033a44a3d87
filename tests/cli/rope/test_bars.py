"""`evalkit rope bars`: the published comparison as a table, as JSON and as a figure."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.published import published_conditions
from evalkit.reports._bars import bars_figure
from evalkit.reports.sweeps._published import published_panels, published_texts
from evalkit.scores import write_scores
from tests.conftest import Command
from tests.reports.heatmaps.test_figure import words
from tests.reports.sweeps.made import benchmark_sweep, extended, run_of, sweep_of
from tests.reports.sweeps.test_curves import FOUR, LENGTHS


def test_the_table_prints_numbers_as_published(evalkit: Command) -> None:
    """With the source of each."""
    done = evalkit("rope", "bars", "longbench")

    assert 0 == done.code
    assert ["7.65", "10.9", "35.23"] == [line.split()[4] for line in done.out.splitlines()[1:]]
    assert 3 == done.out.count("index-report-extension")


def test_json_names_benchmark_model_setting_and_source(evalkit: Command) -> None:
    """One object a bar, and the sources behind them."""
    found = json.loads(evalkit("rope", "bars", "longbench", "--json", "-").out)

    assert [("index-1.9b", "native", 7.65), ("index-1.9b", "dynamic:8", 10.9), ("index-1.9b-32k", "native", 35.23)] == [
        (bar["model"], bar["rope"], bar["score"]) for bar in found["bars"]
    ]
    assert ["index-report-extension"] == list(found["sources"])


@pytest.mark.parametrize("name", ["bars.png", "bars.svg", "bars.pdf"])
def test_a_figure_is_written_as_its_name_says(evalkit: Command, tmp_path: Path, name: str) -> None:
    """One file; the folder is made."""
    done = evalkit("rope", "bars", "longbench", "--out", tmp_path / "new" / name)

    assert (0, [name]) == (done.code, [path.name for path in (tmp_path / "new").iterdir()])


def test_the_figure_prints_numbers_sources_and_oddities(evalkit: Command, tmp_path: Path) -> None:
    """What a reader must know to judge the bars."""
    evalkit("rope", "bars", "longbench", "--out", tmp_path / "bars.svg")

    found = words(tmp_path / "bars.svg")
    said = " ".join(found)
    assert ["7.65", "10.9", "35.23"] == [word for word in found if word in ("7.65", "10.9", "35.23")]
    assert "n = 4,750" in said
    assert "index-1.9b: counts a dash as 0" in said
    assert "Index-1.9B-32K Long Context Technical Report: table of context-extension methods on LongBench" in said


def test_bars_are_as_long_as_the_printed_numbers() -> None:
    """And the released model is the grey one."""
    measures = published_conditions("longbench")

    axes = bars_figure(published_panels(measures), published_texts(measures)).axes[0]

    assert [7.65, 10.9, 35.23] == [patch.get_width() for patch in axes.patches]
    assert [True, False, False] == [bar.is_reference for bar in published_panels(measures)[0].bars]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["leval"], "no numbers under several RoPE settings; published under several settings: longbench: index-1.9b"),
        (["nothing"], "unknown benchmark with published scores 'nothing'"),
        (["x" * 300], "unknown benchmark with published scores"),
        (["./" + "x" * 300], "no sweep (it has no sweep.json)"),
        (["longbench", "--spec", "yarn"], "RoPE spec 'yarn'"),
    ],
)
def test_what_is_not_published_is_refused_in_one_line(evalkit: Command, arguments: list[str], message: str) -> None:
    """Exit code 2, with what there is."""
    done = evalkit("rope", "bars", *arguments)

    assert message in done.complaint


@pytest.fixture
def sweep_folder(tmp_path: Path) -> Path:
    """A folder as a sweep leaves it."""
    made = benchmark_sweep(FOUR, LENGTHS, extended)
    folders = {name: replace(spec, folder=f"{index}") for index, (name, spec) in enumerate(made.specs.items())}
    made = replace(made, specs=folders)
    for spec in folders.values():
        run = run_of(tmp_path / spec.folder, spec, made)
        write_scores(run.folder, run.scores, run.rows)
    (tmp_path / "sweep.json").write_text(json.dumps(sweep_of(made).to_json()))
    return tmp_path


def test_a_sweeps_bars_are_its_overall_scores(evalkit: Command, sweep_folder: Path) -> None:
    """Of every spec in the order asked for, as its run's scores say; a figure where one is asked for."""
    done = evalkit("rope", "bars", sweep_folder, "--json", "-", "--out", sweep_folder / "bars.svg")

    kept = [json.loads((sweep_folder / str(index) / "scores.json").read_text()) for index in range(4)]
    assert list(zip(FOUR, [each["overall"]["score"] for each in kept], strict=True)) == [
        (bar["spec"], bar["score"]) for bar in json.loads(done.out)["bars"]
    ]
    assert set(FOUR) <= set(words(sweep_folder / "bars.svg"))


def test_specs_of_a_sweep_can_be_chosen(evalkit: Command, sweep_folder: Path) -> None:
    """And one that it has not is refused with the nearest."""
    done = evalkit("rope", "bars", sweep_folder, "--spec", "none", "--spec", "yarn:4")

    assert ["none", "yarn:4"] == [line.split()[2] for line in done.out.splitlines()[1:]]
    assert "did you mean 'yarn:4'" in evalkit("rope", "bars", sweep_folder, "--spec", "yarn:8").complaint


def test_a_sweep_without_overall_scores_has_those_of_its_tasks(evalkit: Command, sweep_folder: Path) -> None:
    """As its figure has; `none` stands for the spec alone."""
    for index in range(4):
        path = sweep_folder / str(index) / "scores.json"
        kept = json.loads(path.read_text())
        kept["overall"] |= {"score": None, "ci95": None}
        path.write_text(json.dumps(kept))
    task, first = next(iter(kept["tasks"].items()))

    done = evalkit("rope", "bars", sweep_folder, "--json", "-")

    last = json.loads(done.out)["bars"][-1]
    assert (task, first["score"], first["n"]) == (last["task"], last["score"], last["n"])
    lines = evalkit("rope", "bars", sweep_folder).out.splitlines()[1:]
    assert [1, 0, 0, 0] == [line.split().count("none") for line in lines]
