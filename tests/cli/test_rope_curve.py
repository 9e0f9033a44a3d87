"""`evalkit rope curve`: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
SaveModel = Callable[..., Path]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Five documents."""
    folder = tmp_path / "text"
    folder.mkdir()
    for number in range(5):
        words = " ".join(f"word{(7 * number + 3 * place) % 100}" for place in range(60 + number))
        (folder / f"{number}.txt").write_text(words)
    return folder


def test_a_curve_has_tables_figures_and_json(
    evalkit: Command, save_model: SaveModel, text: Path, tmp_path: Path
) -> None:
    """Bases are specs; all figures of several bases at several lengths are drawn."""
    model, out = save_model(max_position_embeddings=48), tmp_path / "out"

    done = evalkit(
        *("rope", "curve", model, "--text", text, "--spec", "none", "--spec", "dynamic:2,4", "--base", "5000, 320000"),
        *("--lengths", "32,64", "--out", out, "--json", tmp_path / "curve.json"),
    )

    assert 0 == done.code, done
    found = json.loads((tmp_path / "curve.json").read_text())
    assert found == json.loads((out / "curve.json").read_text())
    specs = ["none", "dynamic:2", "dynamic:4", "base:5000", "base:320000"]
    assert specs == [spec["spec"] for spec in found["specs"]]
    assert specs == [line.split()[0] for line in done.out.splitlines()[-5:]]
    assert "nats (natural logarithm) per token" in found["definitions"]["loss"]
    assert 11 == len((out / "tables" / "curve.csv").read_text().splitlines())
    assert {"curve.csv", "curve.md", "curve.tex"} == {path.name for path in (out / "tables").iterdir()}
    assert {f"perplexity-{name}.{kind}" for name in ("by-base", "by-length", "map") for kind in ("png", "svg")} == {
        path.name for path in (out / "figures").iterdir()
    }
    assert "perplexity = e to the mean of -ln p over the tokens of a window (nats per token)" in done.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--spec", "none", "--lengths", "64,32"], "--lengths 64,32: must rise, such as 512,1024,2048"),
        (["--spec", "none", "--lengths", "1,32"], "--lengths 1: a window needs 2 tokens or more"),
        (["--spec", "none", "--lengths", "32.5"], "--lengths 32.5: 32.5 is no number of tokens"),
        (["--spec", "none", "--lengths", "many"], "--lengths many: expected numbers"),
        (["--spec", "none", "--lengths", "500000,1000000"], "no length can be measured: the longest document has"),
        (["--lengths", "32"], "no RoPE condition named: give --spec, or --base"),
        (["--base", "1", "--lengths", "32"], "base:1: a base must be above 1"),
        (["--base", "0.5,10000", "--lengths", "32"], "'0.5' is no base; give numbers above 1"),
        (["--base", "10000,", "--lengths", "32"], "'' is no base; give numbers above 1"),
        (["--spec", "none", "--spec", "none", "--lengths", "32"], "none is named twice"),
        (["--spec", "base:5000", "--base", "5000", "--lengths", "32"], "base:5000 is named twice"),
        (
            ["--spec", "yarn:2", "--spec", "yarn:2,beta_fast=32", "--lengths", "32"],
            "named twice, the first time as yarn:2",
        ),
        (["--spec", "linear:0.5", "--lengths", "32"], "RoPE spec 'linear:0.5' is not one of native, none"),
        (["--spec", "none", "--lengths", "32", "--stride", "4"], "--stride is for --windows sliding"),
        (["--spec", "none", "--lengths", "32", "--windows", "slides"], "unknown --windows 'slides': did you mean"),
        (["--spec", "none", "--lengths", "32", "--limit", "0"], "--limit 0: must be 1 or more"),
        (
            ["--spec", "none", "--lengths", "32", "--rope-replaces-native", "--rope-stacks-on-native"],
            "switched off or kept beneath, not both",
        ),
        (["--spec", "none", "--lengths", "32", "--dtype", "int4"], "--dtype int4: must be one of"),
        (["--spec", "none", "--lengths", "32", "--out", "text/out"], "lies in the text that is measured"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    complaint: str,
    evalkit: Command,
    tiny_model: Path,
    text: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 2; nothing is left where results would be but an empty folder."""
    monkeypatch.chdir(text.parent)

    done = evalkit("rope", "curve", tiny_model, "--text", "text", *arguments)

    assert complaint in done.complaint


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xff\xfeword", "not UTF-8 (byte 1); convert the file"),
        (b"", "empty; name a file"),
        (b"\xef\xbb\xbf", "no text in it"),
    ],
)
def test_a_text_that_cannot_be_read_is_said(
    content: bytes, complaint: str, evalkit: Command, tiny_model: Path, tmp_path: Path
) -> None:
    """With its name."""
    (tmp_path / "story.txt").write_bytes(content)

    done = evalkit(
        *("rope", "curve", tiny_model, "--text", tmp_path / "story.txt"),
        *("--spec", "none", "--lengths", "32", "--out", tmp_path / "out"),
    )

    assert "story.txt" in done.last_complaint and complaint in done.last_complaint


def test_half_a_character_of_a_record_is_said(evalkit: Command, tiny_model: Path, tmp_path: Path) -> None:
    """JSON can escape one; no tokenizer takes it."""
    (tmp_path / "story.jsonl").write_text(json.dumps({"text": "word " * 99}) + '\n{"text": "so \\ud83d"}\n')

    done = evalkit(
        *("rope", "curve", tiny_model, "--text", tmp_path / "story.jsonl"),
        *("--spec", "none", "--lengths", "32", "--out", tmp_path / "out"),
    )

    assert "story.jsonl:2: field 'text' holds half a character (a lone surrogate) at character 4" in done.last_complaint


def test_a_scaling_can_stay_beneath(evalkit: Command, save_model: SaveModel, text: Path, tmp_path: Path) -> None:
    """As in a run: inside the window that it makes, the model as released; beyond, another base within its rule."""
    scaling = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10_000.0}
    model = save_model(max_position_embeddings=48, rope_parameters=scaling)
    specs = ("--spec", "native", "--spec", "dynamic:2")

    done = evalkit(
        *("rope", "curve", model, "--text", text, *specs, "--lengths", "32,128", "--rope-stacks-on-native"),
        *("--out", tmp_path / "out"),
    )

    assert 0 == done.code, done
    rows = [json.loads(line) for line in (tmp_path / "out/windows.jsonl").read_text().splitlines()]
    assert {"native", "linear"} == {row["rope"].partition("/")[0] for row in rows}


def test_models_that_cannot_be_measured_are_refused(
    evalkit: Command, save_model: SaveModel, text: Path, tmp_path: Path
) -> None:
    """A server, a model without a rotary embedding, and one with a scaling that nobody said to replace."""
    learned = save_model(kind="OPT", ffn_dim=64, word_embed_proj_dim=32)
    scaled = save_model(rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0})
    rest = ("--text", text, "--spec", "dynamic:4", "--lengths", "32", "--out", tmp_path / "out")

    server, plain, released = (
        evalkit("rope", "curve", model, *rest) for model in ("http://127.0.0.1:9/v1", learned, scaled)
    )

    assert "no server tells how likely each token of a given text is" in server.last_complaint
    assert "--spec dynamic:4: the model has no rotary embedding: it uses learned positions; --spec native runs it" in (
        plain.last_complaint
    )
    assert "was released with scaling linear:2, which this would replace" in released.last_complaint
    assert "--spec native runs it as released" in released.last_complaint


@pytest.mark.parametrize(("how", "does"), [("replaces", "replaces"), ("stacks-on", "stands on")])
def test_what_becomes_of_a_models_own_scaling_is_said(
    evalkit: Command, save_model: SaveModel, text: Path, tmp_path: Path, how: str, does: str
) -> None:
    """Both ways that the refusal names are there."""
    scaled = save_model(rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0})

    done = evalkit(
        *("rope", "curve", scaled, "--text", text, "--spec", "dynamic:4", "--lengths", "32"),
        *("--out", tmp_path / "out", f"--rope-{how}-native"),
    )

    assert 0 == done.code, done
    assert f"--spec dynamic:4 {does} the scaling that tiny was released with (linear:2)" in done.err


def test_bases_can_be_given_one_by_one(evalkit: Command, tiny_model: Path, text: Path, tmp_path: Path) -> None:
    """None is forgotten."""
    done = evalkit(
        *("rope", "curve", tiny_model, "--text", text, "--base", "5000,7000", "--base", "9000", "--lengths", "32"),
        *("--out", tmp_path / "out", "--json", "-"),
    )

    assert ["base:5000", "base:7000", "base:9000"] == [spec["spec"] for spec in json.loads(done.out)["specs"]]


def test_a_curve_of_one_length_says_that_it_has_no_figure(
    evalkit: Command, tiny_model: Path, text: Path, tmp_path: Path
) -> None:
    """Rather than leave the folder without one."""
    done = evalkit(
        *("rope", "curve", tiny_model, "--text", text, "--spec", "none", "--spec", "dynamic:2", "--lengths", "32"),
        *("--out", tmp_path / "out"),
    )

    assert "no figure: a line takes two --lengths, or two bases" in done.err
