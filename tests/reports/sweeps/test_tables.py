"""Tables of a sweep: what a cell says, and that all files say it."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.reports import sweep_footer, sweep_table, write_sweep_tables
from evalkit.sweeps import BenchmarkSweep, LengthEstimate, SpecSweep, Sweep, SweepCell


def cell(length: int, score: float, difference: float | None, ends: tuple[float, float] | None) -> SweepCell:
    return SweepCell(length, 30, 10, score, (score - 5, score + 5), difference, ends, (2.0, 3.0), (1e4, 25_000.0))


@pytest.fixture
def sweep() -> Sweep:
    none = SpecSweep(
        "none", "none/needle", (cell(448, 90.0, None, None), cell(2048, 10.0, None, None)),
        LengthEstimate(448, (448, 448), False), None,
    )  # fmt: skip
    worse = SpecSweep(
        "linear:2", "linear-2/needle", (cell(448, 80.0, -10.0, (-18.0, -2.0)), cell(2048, 80.0, 70.0, (50.0, 90.0))),
        LengthEstimate(2048, (None, 2048), True), LengthEstimate(2048, (2048, None), True),
    )  # fmt: skip
    found = {"none": none, "linear:2": worse}
    needle = BenchmarkSweep("needle", "keyword", False, (448, 2048), 448, found, "Needle grid")
    return Sweep("m", 512, ("none", "linear:2"), 0.85, {"needle": needle}, ("needle: few documents",), "Model M")


def test_scores_are_marked_where_they_surely_differ(sweep: Sweep) -> None:
    """+ and − of the paired interval; the control's column has a star."""
    table = sweep_table(sweep, sweep.benchmarks["needle"])

    columns = [[str(column.header), *map(str, column.cells)] for column in table.columns]
    assert ["448*", "90.0 ", "80.0−"] == columns[1]
    assert ["2,048", "10.0 ", "80.0+"] == columns[2]


def test_lengths_stand_with_their_intervals(sweep: Sweep) -> None:
    """≥ where all that was tested holds; no length is no name of a spec."""
    table = sweep_table(sweep, sweep.benchmarks["needle"])

    assert ["448 (448)", "≥ 2,048 (nowhere – 2,048)"] == list(table.columns[3].cells)
    assert ["", "2,048 (2,048 – nowhere)"] == list(table.columns[4].cells)


def test_every_file_has_caption_and_numbers(sweep: Sweep, tmp_path: Path) -> None:
    """Long CSV; Markdown and LaTeX of scores and of differences."""
    paths = {path.suffix: path.read_text("utf-8") for path in write_sweep_tables(tmp_path, sweep)}

    rows = list(csv.DictReader(paths[".csv"].splitlines()))
    assert [("none", "448"), ("none", "2048"), ("linear:2", "448"), ("linear:2", "2048")] == [
        (row["spec"], row["length"]) for row in rows
    ]
    assert "| linear:2 | −10.0 (−18.0 – −2.0) | +70.0 (+50.0 – +90.0) | 2 – 3 | 10,000 – 25,000 |" in paths[".md"]
    assert 2 == paths[".tex"].count(r"\caption{Needle grid by RoPE spec $\cdot$ Model M $\cdot$")
    assert "needle: few documents" in paths[".md"] and "few documents" in paths[".tex"]


def test_the_footer_says_what_share_of_what(sweep: Sweep) -> None:
    """With the control's length."""
    lines = " ".join(sweep_footer(sweep, sweep.benchmarks["needle"]))

    assert "keeps 85% of the score of none at 448 tokens" in lines
    assert "(448 to 2,048)" in lines


@pytest.mark.parametrize(
    ("control", "why"),
    [(None, "no sample lies inside those with its answer"), (448, "none scores 0 at 448 tokens")],
)
def test_an_effective_length_that_nothing_tells_is_a_dash(sweep: Sweep, control: int | None, why: str) -> None:
    """`nowhere` would say that it was tested."""
    needle = sweep.benchmarks["needle"]
    first = replace(needle.specs["none"], cells=(cell(448, 0.0, None, None), cell(2048, 10.0, None, None)))
    needle = replace(needle, control=control, specs={**needle.specs, "none": first})

    assert ["–", "–"] == list(sweep_table(sweep, needle).columns[3].cells)
    assert f"holds to: not known, because {why}" in sweep_footer(sweep, needle)


def test_a_single_length_is_no_range(sweep: Sweep) -> None:
    """It ends where it begins."""
    needle = replace(sweep.benchmarks["needle"], lengths=(448,))

    assert sweep_footer(sweep, needle)[-1].endswith("which end at the tested lengths (448)")
