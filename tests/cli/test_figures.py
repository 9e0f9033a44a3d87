"""`evalkit report --bars, --curves, --survival`: figures over runs from one command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.reports.heatmaps.test_figure import PNG, words

Command = Callable[..., Any]

TOKENIZER = ROOT / "model_cards/needle-tiny/tokenizer.json"
GRID = ("needle-tiny", "needle", "--lengths", "128,256", "--depths", "0,100", "--repeats", "5")


@pytest.fixture
def run(evalkit: Command, bare: Path) -> Path:
    """A run of 20 samples."""
    assert 0 == evalkit("run", *GRID, "--out", "run").code
    return bare / "run"


@pytest.fixture
def outputs(bare: Path) -> Path:
    """LongBench predictions of one task, which are outputs made elsewhere."""
    folder = bare / "predictions" / "my-model"
    folder.mkdir(parents=True)
    lines = [
        {
            "pred": f"w{index}" if index % 2 else "no",
            "answers": [f"w{index}"],
            "all_classes": None,
            "length": 1_000 * index,
        }
        for index in range(40)
    ]
    (folder / "hotpotqa.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return folder


def test_each_figure_comes_from_one_command(evalkit: Command, bare: Path, run: Path) -> None:
    """PNG and SVG of all three, and their paths are said; scores of the figures are those of scores.json."""
    done = evalkit("report", run, "--bars", "made/bars", "--curves", "made/curves", "--survival", "made/survival")

    assert 0 == done.code, done
    names = ["bars", "curves", "survival"]
    for name in names:
        assert (bare / "made" / f"{name}.png").read_bytes().startswith(PNG)
        assert f"made/{name}.svg" in done.err
    scores = json.loads((run / "scores.json").read_text("utf-8"))
    assert f"{scores['tasks']['single']['score']:.2f}" in words(bare / "made" / "bars.svg")
    found = words(bare / "made" / "curves.svg")
    assert {"128", "256", "10"} <= set(found)
    assert "100% (20)" in words(bare / "made" / "survival.svg")
    assert "What truncation did" in done.out


def test_a_file_is_drawn_as_its_ending_says(evalkit: Command, bare: Path, run: Path) -> None:
    """One PDF and nothing else."""
    done = evalkit("report", run, "--curves", "curves.pdf")

    assert 0 == done.code, done
    assert (bare / "curves.pdf").read_bytes().startswith(b"%PDF")
    assert ["curves.pdf"] == [path.name for path in bare.glob("curves*")]


def test_scores_of_outputs_are_drawn_by_their_own_lengths(evalkit: Command, bare: Path, outputs: Path) -> None:
    """Words of the documents; what was cut of their prompts nobody knows."""
    evalkit("score", outputs, "--format", "longbench", "--out", "scored")

    done = evalkit("report", "scored", "--curves", "curves", "--bars", "bars")
    refused = evalkit("report", "scored", "--survival", "survival")

    assert 0 == done.code, done
    assert {"0–4K", "&gt; 32K", "HotpotQA", "my-model"} <= set(words(bare / "curves.svg"))
    assert "50.00" in words(bare / "bars.svg")
    assert "--survival: scored: outputs made elsewhere" in refused.last_complaint
    assert not list(bare.glob("survival*"))


def test_scores_of_a_run_are_drawn_as_the_run_is(evalkit: Command, bare: Path) -> None:
    """With the options and the window that it had."""
    options = ("--option", f"length-tokenizer={TOKENIZER}", "--max-seq-len", "512")
    assert 0 == evalkit("run", *GRID, *options, "--out", "run").code
    assert 0 == evalkit("score", "run", "--out", "scored").code

    done = evalkit("report", "scored", "--curves", "curves", "--survival", "survival")

    assert 0 == done.code, done
    assert "Prompt length (tokens of tokenizer.json)" in words(bare / "curves.svg")
    assert any(word.endswith("window 512") for word in words(bare / "survival.svg"))


def test_scores_without_their_answers_have_no_curves(evalkit: Command, bare: Path, outputs: Path) -> None:
    """In one line; bars need no answers."""
    evalkit("score", outputs, "--format", "longbench", "--out", "scored")
    for name in ("answers.jsonl", "outputs.json"):
        (bare / "scored" / name).unlink()

    assert 0 == evalkit("report", "scored", "--bars", "bars").code
    assert "scored: holds scores without the answers that they are of" in (
        evalkit("report", "scored", "--curves", "curves").last_complaint
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--by-task",), "--by-task says what is drawn of every task: name the figure with --bars or --curves"),
        (("--group", "single"), "name the figure with --side-by-side (--group: --bars or --curves)"),
        (("--bars", "x", "--by-task", "--group", "single"), "--by-task and --group each say what is drawn"),
    ],
)
def test_options_that_describe_no_figure_are_refused_first(
    evalkit: Command, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    """Before any run is read."""
    assert said in evalkit("report", tmp_path / "nowhere", *arguments).complaint


def test_an_unknown_group_leaves_what_was_reported(evalkit: Command, bare: Path, run: Path) -> None:
    """The tables are there, the figure is not."""
    done = evalkit("report", run, "--bars", "bars", "--group", "singel")

    assert "unknown task or group of these runs 'singel': did you mean 'single'" in done.last_complaint
    assert (run / "tables").is_dir()
    assert not list(bare.glob("bars*"))
