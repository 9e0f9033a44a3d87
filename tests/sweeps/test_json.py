"""`sweep.json`: what is written is what is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.errors import UserError
from evalkit.sweeps import BenchmarkSweep, LengthEstimate, SpecSweep, Sweep, SweepCell, read_sweep


@pytest.fixture
def made() -> Sweep:
    cells = (SweepCell(448, 30, 10, 90.0, (80.0, 95.0), None, None, (1.0, 1.0), (1e4, 1e4)),)
    later = (SweepCell(448, 30, 10, 95.0, None, 5.0, (-1.0, 11.0), None, None),)
    none = SpecSweep("none", "none/needle", cells, LengthEstimate(448, (None, 448), True), None)
    native = SpecSweep(
        "native",
        "native/needle",
        later,
        LengthEstimate(448, (448, 448), True),
        LengthEstimate(None, (448, None), False),
    )
    benchmark = BenchmarkSweep(
        "needle",
        "keyword",
        False,
        (448,),
        448,
        {"none": none, "native": native},
        "Needle grid",
        {"options": {"seed": "0"}},
    )
    return Sweep("m", 512, ("none", "native"), 0.85, {"needle": benchmark}, ("needle: few",), "M")


def written(folder: Path, said: object) -> Path:
    (folder / "sweep.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def test_a_sweep_is_read_as_it_was_written(made: Sweep, tmp_path: Path) -> None:
    """Ends of intervals that are no length included."""
    assert made == read_sweep(written(tmp_path, made.to_json()))


def test_the_table_has_one_row_per_cell(made: Sweep) -> None:
    """Pairs are two columns."""
    frame = made.to_pandas()

    assert ["none", "native"] == frame["spec"].tolist()
    assert (80.0, 11.0) == (frame["ci95_low"][0], frame["difference_ci95_high"][1])


@pytest.mark.parametrize(
    "change, problem",
    [({"schema": 2}, "schema 2, and this release reads 1"), ({"specs": 3}, "not what a sweep writes"),
     ({"window": "long"}, "not what a sweep writes"), ({"specs": {}}, "no spec in it"),
     ({"benchmarks": {}}, "no benchmark in it")],
)  # fmt: skip
def test_another_file_is_refused(made: Sweep, tmp_path: Path, change: dict[str, object], problem: str) -> None:
    """One line, with the file's name."""
    with pytest.raises(UserError, match=problem):
        read_sweep(written(tmp_path, made.to_json() | change))


@pytest.mark.parametrize("number", ["NaN", "1e999", '"nan"', '"-inf"'])
def test_numbers_that_are_not_finite_are_refused(made: Sweep, tmp_path: Path, number: str) -> None:
    """Also as words, which pydantic takes for floats."""
    said = made.to_json()
    said["specs"]["none"]["benchmarks"]["needle"]["cells"][0]["score"] = 0.0625
    path = written(tmp_path, said) / "sweep.json"
    path.write_text(path.read_text().replace("0.0625", number))

    with pytest.raises(UserError, match=r"sweep\.json: .*(finite|is not JSON|no float can hold)"):
        read_sweep(tmp_path)


@pytest.mark.parametrize("folder", ["../none", "/etc", "", "a\0b"])
def test_runs_outside_the_folder_are_refused(made: Sweep, tmp_path: Path, folder: str) -> None:
    """Whatever the file says, scores are read in the sweep's folder alone."""
    said = made.to_json()
    said["specs"]["none"]["benchmarks"]["needle"]["folder"] = folder

    with pytest.raises(UserError, match="is no folder below it"):
        read_sweep(written(tmp_path, said))


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path) -> None:
    """It says how to make one."""
    with pytest.raises(UserError, match=r"no sweep \(it has no sweep.json\)"):
        read_sweep(tmp_path)
