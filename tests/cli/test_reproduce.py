"""`evalkit reproduce`, `explain` and `compare RUN published`: from a card to verdicts, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalkit as package
from evalkit import _reproduce
from evalkit.paths import shipped
from evalkit.published import KNOBS, Knob, PublishedScore

Command = Callable[..., Any]

ROWS = """benchmark,kind,task,model,score,protocol,n,digits,dtype
needle,length,64,small,0,keyword,4,stated: rounded:0,stated: float32
needle,length,96,small,0,keyword,4,stated: rounded:0,stated: float32
"""


@pytest.fixture(scope="module")
def model(save_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model of 256 tokens with the tokenizer of the embedded one."""
    folder = save_model(folder=tmp_path_factory.mktemp("grid") / "small", vocab_size=4096, max_position_embeddings=256)
    for name in ("chat_template.jinja", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(shipped("model_cards") / "needle-tiny" / name, folder / name)
    return folder


def row(length: int) -> PublishedScore:
    stated = {"digits": "rounded:0", "dtype": "float32"}
    knobs = {
        name: Knob(name, stated.get(name, "unknown"), "stated" if name in stated else "unknown", "") for name in KNOBS
    }
    return PublishedScore(
        benchmark="needle",
        kind="length",
        task=str(length),
        model="small",
        rope="native",
        score=0.0,
        printed="0",
        protocol="keyword",
        n=4,
        source="somebody",
        also_in="",
        note="",
        margin=3.0,
        knobs=knobs,
        settings={"max_new_tokens": 2, "options": {"lengths": "64,96", "depths": "0,100", "repeats": 2}},
    )


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two published numbers of the small model."""
    rows = (row(64), row(96))
    monkeypatch.setattr(_reproduce, "_rows", lambda name: rows if name == "needle" else ())


@pytest.mark.usefixtures("somebody")
def test_a_model_is_run_as_published_twice_and_compared(evalkit: Command, model: Path, bare: Path) -> None:
    """The second run varies what nobody states, and the same command again answers nothing anew."""
    done = evalkit("reproduce", model, "needle", "--out", "run", "--json", "-")
    again = evalkit("reproduce", model, "needle", "--out", "run", "--json", "-")

    said = json.loads(done.out)
    manifests = [json.loads((bare / name / "run.json").read_text()) for name in ("run", "run-rerun-1")]
    assert ({"64", "96"}, "R", 4) == (set(said["tasks"]), said["mode"], said["tasks"]["64"]["n"])
    assert [True, False] == [manifest["settings"]["prefix_reuse"] for manifest in manifests]
    assert (said, 2) == (json.loads(again.out), again.err.count("8 done, 0 to run"))


@pytest.mark.usefixtures("somebody")
def test_a_part_of_the_lengths_is_a_part_of_the_table(evalkit: Command, model: Path) -> None:
    """The other numbers are named as not run."""
    done = evalkit("reproduce", model, "needle", "--lengths", "64", "--reruns", 0, "--out", "run")

    assert "published, and not in this run: 96" in done.err
    assert "1 not in this run" in done.out


@pytest.mark.usefixtures("somebody")
@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("longbnch",), "did you mean 'longbench'"),
        (("longbench",), "nothing is published there for small; there is for needle"),
        (("needle", "--rope", "linear:4"), "--rope linear:4: needle is published for small with native"),
        (("needle", "--dtype", "bfloat16"), "--dtype bfloat16: the published run had float32"),
        (("needle", "--reruns", "7"), "--reruns 7: from 0 to 3"),
    ],
)
def test_what_cannot_be_reproduced_is_refused_before_anything_runs(
    evalkit: Command, model: Path, bare: Path, words: tuple[str, ...], complaint: str
) -> None:
    """An unknown benchmark, one without numbers of the model, another RoPE setting, dtype, too many reruns."""
    done = evalkit("reproduce", model, *words, "--out", "run")

    assert complaint in done.last_complaint
    assert not (bare / "run").exists()


def test_a_model_without_published_numbers_is_told_which_have_some(evalkit: Command, model: Path) -> None:
    """All of them, where none is spelt alike."""
    assert "index-1.9b-32k" in evalkit("reproduce", model).last_complaint


def test_a_run_is_held_against_a_file_of_ones_own(evalkit: Command, model: Path, bare: Path) -> None:
    """`compare RUN FILE.csv`, `explain RUN FILE.csv` and the Python function say the same."""
    (bare / "own.csv").write_text(ROWS)
    grid = ("--lengths", "64,96", "--depths", "0,100", "--repeats", 2, "--max-new-tokens", 2)
    evalkit("run", model, "needle", *grid, "--out", "run")

    said = json.loads(evalkit("compare", "run", "own.csv", "--json", "-").out)
    knobs = {
        pair["knob"]: pair["state"]
        for pair in json.loads(evalkit("explain", "run", "own.csv", "--json", "-").out)["knobs"]
    }
    found = package.compare("run", "own.csv")

    assert ("U", {"64", "96"}) == (said["mode"], set(said["tasks"]))
    assert ("same", "unknown") == (knobs["dtype"], knobs["engine"])
    assert said == found.to_json()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("needle,length,64,small", "expected 5 columns"),
        ("needle,length,64,other,0", "unknown model with published needle scores 'small'"),
        ("leval,task,tpo,small,50", "nothing is published there, but for leval"),
    ],
)
def test_a_file_that_does_not_fit_is_said_in_one_line(
    evalkit: Command, model: Path, bare: Path, line: str, complaint: str
) -> None:
    """A short row, another model, another benchmark."""
    (bare / "own.csv").write_text(f"benchmark,kind,task,model,score\n{line}\n")
    evalkit(
        "run",
        model,
        "needle",
        "--lengths",
        "64",
        "--depths",
        "0",
        "--repeats",
        1,
        "--max-new-tokens",
        2,
        "--out",
        "run",
    )

    done = evalkit("compare", "run", "own.csv")

    assert (2, True) == (done.code, complaint in done.last_complaint)


def test_a_rerun_that_is_no_run_is_refused(evalkit: Command, model: Path, bare: Path) -> None:
    """A run of its own folder says nothing of noise."""
    (bare / "own.csv").write_text(ROWS)
    evalkit(
        "run",
        model,
        "needle",
        "--lengths",
        "64",
        "--depths",
        "0",
        "--repeats",
        1,
        "--max-new-tokens",
        2,
        "--out",
        "run",
    )

    assert "is the run itself" in evalkit("compare", "run", "own.csv", "--rerun", "run").last_complaint
