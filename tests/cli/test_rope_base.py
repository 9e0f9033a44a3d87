"""`evalkit rope base`: what it prints, draws and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def test_both_theories_stand_side_by_side(evalkit: Command) -> None:
    """320000 for 32K passes one and fails the other, and neither is a measurement."""
    done = evalkit("rope", "base", "--context", "32768", "--base", "320000", "--train-length", "4096")

    assert 0 == done.code
    assert "192,144" in done.out and "16,350" in done.out and "56,886" in done.out
    assert "passes the first" in done.out and "fails the second" in done.out
    assert "arXiv 2310.05209" in done.out and "arXiv 2405.14591" in done.out
    assert "not measurements" in done.out


def test_json_has_the_critical_base_on_top(evalkit: Command) -> None:
    """And says where the theories disagree."""
    done = evalkit("rope", "base", "--context", 32768, "--base", 320000, "--train-length", 4096, "--json", "-")

    value = json.loads(done.out)
    assert 192144 == round(value["critical_base"])
    (judged,) = value["bases"]
    assert judged["agree"] is False
    assert 16350 == judged["criterion"]["first_negative"]
    assert 56886 == round(judged["critical_dimension"]["limit"])
    assert 38280 == round(judged["trained_at_context"]["limit"])


def test_without_pre_training_one_theory_is_asked(evalkit: Command) -> None:
    """No critical base, and nothing to disagree with."""
    done = evalkit("rope", "base", "--context", 4096, "--base", 10000, "--base", 500000, "--json", "-")

    value = json.loads(done.out)
    assert value["critical_base"] is None
    assert [None, None] == [judged["agree"] for judged in value["bases"]]
    assert [False, True] == [judged["criterion"]["is_admissible"] for judged in value["bases"]]


def test_a_scan_names_its_grid(evalkit: Command) -> None:
    """And that the set has gaps."""
    done = evalkit("rope", "base", "--context", 2048, "--scan")

    assert "first admissible multiple of 50" in done.out and "11,600" in done.out
    assert "multiples of 50 from 2,050 to 14,500" in done.out
    assert "gaps" in done.out


@pytest.mark.parametrize("name", ["f.png", "f.svg", "f.pdf"])
def test_the_figure_is_written_as_its_name_says(evalkit: Command, tmp_path: Path, name: str) -> None:
    """The same bytes twice."""
    words = ("rope", "base", "--context", 4096, "--base", 10000, "--train-length", 1024, "--out", tmp_path / name)

    assert 0 == evalkit(*words).code
    first = (tmp_path / name).read_bytes()
    assert 0 == evalkit(*words).code
    assert first == (tmp_path / name).read_bytes()


def test_the_figure_needs_neither_base_nor_pre_training(evalkit: Command, tmp_path: Path) -> None:
    """The fitted bound is drawn then, and nothing is said of a critical dimension."""
    assert 0 == evalkit("rope", "base", "--context", 512, "--out", tmp_path / "f.svg").code
    assert "critical dimension" not in (tmp_path / "f.svg").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--context", 1], "--context 1: give 7 to"),
        (["--context", -5], "--context -5: give 7 to"),
        (["--context", 10**12], "give 7 to"),
        (["--context", 4096, "--dim", 127], "--dim 127: RoPE turns pairs"),
        (["--context", 4096, "--dim", 2], "--dim 2: RoPE turns pairs"),
        (["--context", 4096, "--base", 1], "--base 1: a rotation base is a number above 1"),
        (["--context", 4096, "--base", "nan"], "--base nan"),
        (["--context", 4096, "--base", "inf"], "--base inf"),
        (["--context", 4096, "--base", "1e300"], "--base 1e+300"),
        (["--context", 4096, "--base", "many"], "--base 'many': 'many' is no base; give numbers, such as 10000,320000"),
        (["--context", 4096, "--train-length", 8192], "--train-length 8192: longer than the context"),
        (["--context", 4096, "--train-length", 6], "--train-length 6: shorter than 7"),
        (["--context", 4096, "--train-length", 2048, "--train-base", 0.5], "--train-base 0.5"),
        (["--context", 4096, "--train-base", "nan"], "--train-base nan: is used with --train-length"),
        (["--context", 4096, "--out", "figure.gif"], "a figure is written as .png, .svg, .pdf"),
        (["--context", 4096, "--out", "nowhere/figure.png"], "name one in a folder that exists"),
        ([], "--context"),
    ],
)
def test_what_is_no_number_of_rope_is_refused_in_one_line(evalkit: Command, words: list[object], reason: str) -> None:
    """Exit code 2, and what to do."""
    done = evalkit("rope", "base", *words)

    assert (2, "") == (done.code, done.out)
    assert reason in done.err
    assert 1 == len(done.err.strip().splitlines())


def test_bases_are_listed_or_given_one_by_one(evalkit: Command) -> None:
    """As `rope curve` takes them."""
    done = evalkit("rope", "base", "--context", 4096, "--base", "10000, 20000", "--base", "30000", "--json", "-")

    assert [10000, 20000, 30000] == [each["base"] for each in json.loads(done.out)["bases"]]
