"""How published runs were made: the file that ships, and how mistakes in one are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.errors import DataError
from evalkit.paths import shipped
from evalkit.published import KNOBS, published, published_benchmarks, published_groups
from evalkit.published._setups import read_setups
from evalkit.settings import read_settings
from evalkit.settings._run import RunSettings

SETUPS = read_setups(shipped("results/published"))
SCORES = [score for name in published_benchmarks() for score in published(name) + published_groups(name)]


@pytest.mark.parametrize("name", sorted({score.setup for score in SCORES}))
def test_every_knob_of_a_setup_has_a_value_a_basis_and_a_source(name: str) -> None:
    """Each knob is stated, inferred or unknown, and says by whom, from what, or what little is known."""
    knobs = SETUPS[name].knobs

    assert set(KNOBS) == set(knobs)
    assert [] == [knob.name for knob in knobs.values() if not knob.source]


@pytest.mark.parametrize("name", SETUPS)
def test_the_run_of_a_setup_is_one_that_evalkit_takes(name: str) -> None:
    """What a setup says under `run` are settings with values of their type."""
    settings = read_settings("./model", ("needle",), dict(SETUPS[name].run))

    assert isinstance(settings, RunSettings)


def test_every_number_names_a_setup_and_a_margin() -> None:
    """No shipped number leaves open how it was made."""
    assert [] == [score.where for score in SCORES if not score.setup or not score.margin]


def test_no_setup_is_an_orphan() -> None:
    """Each describes the run of some number, or what several such setups share."""
    texts = (shipped("results/published") / "setups.yaml").read_text("utf-8")
    shared = {name for name in SETUPS if f"like: {name}\n" in texts}

    assert set(SETUPS) == shared | {score.setup for score in SCORES}


def test_a_rope_setting_stands_in_row_setup_and_run_alike() -> None:
    """The column `rope`, the knob and the settings of the run say the same."""
    differing = [
        score.where
        for score in SCORES
        if score.knobs["rope"].value != score.rope or score.settings.get("rope", "native") != score.rope
    ]

    assert [] == differing


def test_a_run_follows_the_protocol_of_its_rows() -> None:
    """Where a setup says how to run it, it is under the protocol that its rows are scored by."""
    differing = [s.where for s in SCORES if s.settings.get("protocol", s.protocol) != s.protocol]

    assert [] == differing


def test_a_setup_takes_over_what_another_says(tmp_path: Path) -> None:
    """`like` brings knobs and run; what a setup says itself wins, and null takes a setting away."""
    (tmp_path / "setups.yaml").write_text(
        "a: {knobs: {runs: {value: '3', basis: stated, source: s}}, run: {limit: 8, dtype: float32}}\n"
        "b: {like: a, knobs: {engine: {value: hf, basis: inferred, source: t}}, run: {limit: null}}\n",
        "utf-8",
    )

    setups = read_setups(tmp_path)

    assert ("3", "hf") == (setups["b"].knobs["runs"].value, setups["b"].knobs["engine"].value)
    assert {"dtype": "float32"} == dict(setups["b"].run)
    assert "unknown" == setups["a"].knobs["engine"].value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "expected a mapping from id to setup"),
        ("a: {knob: {}}\n", "a: expected a mapping of knobs, like, run"),
        ("a: {like: b}\n", "a: like: 'b' is no entry above it"),
        ("a: {knobs: {run: {basis: unknown, source: s}}}\n", "unknown knob 'run': did you mean 'runs'"),
        ("a: {knobs: {runs: 3}}\n", "runs: expected value, basis and source"),
        ("a: {knobs: {runs: {value: '1', basis: said, source: s}}}\n", "expected one of stated, inferred, unknown"),
        ("a: {knobs: {data: {value: x, basis: unknown, source: s}}}\n", "a value is unknown where its basis is"),
        ("a: {knobs: {data: {basis: stated, source: s}}}\n", "a value is unknown where its basis is"),
        ("a: {run: [1]}\n", "run: expected a mapping of settings"),
    ],
)
def test_a_damaged_setup_is_named(tmp_path: Path, text: str, message: str) -> None:
    """A mistake is told with file, entry and knob."""
    (tmp_path / "setups.yaml").write_text(text, "utf-8")

    with pytest.raises(DataError, match=message):
        read_setups(tmp_path)


def test_a_file_that_was_written_again_is_read_again(tmp_path: Path) -> None:
    """A changed file counts at once."""
    path = tmp_path / "setups.yaml"
    path.write_text("a: {}\n", "utf-8")
    first = read_setups(tmp_path)
    path.write_text("a: {}\nb: {}\n", "utf-8")

    assert (["a"], ["a", "b"]) == (list(first), list(read_setups(tmp_path)))
