"""`evalkit rope table`: one label, three meanings, side by side; no weights, no run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
ASKED = ("rope", "table", "--length", "4096", "--length", "32768", "--spec", "dynamic:8", "--spec", "yarn:8")


def test_the_same_label_is_shown_to_mean_three_things(evalkit: Command) -> None:
    """For a card without weights: a row for each spec, length and engine, with what decides and who computed it."""
    done = evalkit(*ASKED, "index-1.9b")

    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert 0 == done.code
    assert "made for 4,096 tokens" in lines[0]
    assert 2 + 2 * 3 + 3 == len(lines)
    assert ["transformers", "vLLM", "evalkit"] == [line.split()[2] for line in lines if line.startswith("yarn:8 any ")]
    assert "dynamic:8 4,096 transformers the length seen: 4,096 1 10,000" in done_row(lines, "transformers")
    assert "dynamic:8 4,096 vLLM the window, for all prompts: 32,768 57 607,779" in done_row(lines, "vLLM")
    assert "dynamic:8 4,096 evalkit prompt + answer: 4,096 1 10,000" in done_row(lines, "evalkit")
    assert "--hf-overrides" in done.err


def done_row(lines: list[str], engine: str) -> str:
    """The first row of an engine."""
    return next(line for line in lines if line.startswith(f"dynamic:8 4,096 {engine}"))


def test_lists_mean_the_same_as_repeated_options(evalkit: Command) -> None:
    """`--length 4096,32768` and `--spec dynamic:2,4`; twice the same is once."""
    listed = evalkit("rope", "table", "--length", "4096,32768", "--spec", "dynamic:2,4", "index-1.9b", "--json", "-")
    repeated = evalkit(
        "rope", "table", "--length", "4096", "--length", "32768", "--length", "4096", "--spec", "dynamic:2",
        "--spec", "dynamic:4", "--spec", "dynamic:2.0", "index-1.9b", "--json", "-",
    )  # fmt: skip

    assert json.loads(listed.out) == json.loads(repeated.out)


def test_json_has_every_number(evalkit: Command, tmp_path: Path) -> None:
    """Unrounded, beside the table."""
    path = tmp_path / "table.json"

    shown = evalkit(*ASKED, "index-1.9b", "--window", "16384", "--json", str(path)).out

    found = json.loads(path.read_text())
    assert "window of 16,384" in shown
    assert (1, "index-1.9b", 10000.0, 4096, 128, 16384) == tuple(
        found[name] for name in ("schema", "model", "base", "original_length", "dimension", "window")
    )
    own = [row for row in found["rows"] if (row["engine"], row["spec"]) == ("vllm", "dynamic:8")]
    assert [25.0, 25.0] == pytest.approx([row["multiplier"] for row in own], rel=1e-6)
    assert 12 == len(found["rows"])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--spec", "none", "index-1.9b"), "--length is missing"),
        (("--length", "4096", "index-1.9b"), "--spec is missing"),
        (("--length", "0", "--spec", "none", "index-1.9b"), "--length '0': must be a whole number of tokens"),
        (("--length", "-5", "--spec", "none", "index-1.9b"), "--length '-5': must be a whole number of tokens"),
        (("--length", "4k", "--spec", "none", "index-1.9b"), "--length '4k': must be a whole number of tokens"),
        (("--length", "4096,", "--spec", "none", "index-1.9b"), "--length '': must be a whole number of tokens"),
        (("--length", "9" * 40, "--spec", "none", "index-1.9b"), "must be a whole number of tokens"),
        (("--length", "64", "--window", "0", "--spec", "none", "index-1.9b"), "--window '0': must be"),
        (("--length", "64", "--spec", "dynamik:2", "index-1.9b"), "RoPE spec 'dynamik:2' is not one of"),
        (("--length", "64", "--spec", "linear:0.5", "index-1.9b"), "RoPE spec 'linear:0.5'"),
        (("--length", "64", "--spec", "native", "index-1.9b"), "--spec native: names no rule"),
        (("--length", "64", "--spec", "longrope", "index-1.9b"), "longrope"),
        (("--length", "64", "--spec", "none", "index-1.9"), "did you mean 'index-1.9b"),
        (("--length", "64", "--spec", "none", "gpt-4"), "gpt-4: --spec none needs rope.theta"),
        (("--length", "64", "--spec", "none"), "CARD"),
        (("--length", "64", "--spec", "none", "index-1.9b", "--json", "no/where.json"), "--json no/where.json"),
    ],
)
def test_bad_input_is_one_line(evalkit: Command, words: tuple[str, ...], complaint: str) -> None:
    """What, where and what to do; nothing is computed before."""
    done = evalkit("rope", "table", *words)

    assert (2, "") == (done.code, done.out)
    assert complaint in done.complaint
    assert 1 == len(done.err.splitlines())
