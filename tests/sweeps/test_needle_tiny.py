"""The sweep that README and docs/rope.md show, made again from the answers kept beside the embedded model."""

from __future__ import annotations

from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from evalkit.cards import load_card
from evalkit.reports import sweep_footer, sweep_table
from evalkit.rope import RopeModel, parse_rope, rope_setting
from evalkit.sweeps import Asked, BenchmarkSweep, SpecRun, Sweep, SweepCell, sweep_benchmark
from evalkit.verdicts import read_side

ROOT = Path(__file__).parent.parent.parent
KEPT = ROOT / "model_cards" / "needle-tiny" / "sweep"
ANSWER, SHARE = 64, 0.85
SPECS = ("none", *(f"{kind}:{factor}" for kind in ("linear", "dynamic", "ntk", "yarn") for factor in (2, 4, 8)))
PRINTED = (ROOT / "docs" / "rope.md").read_text().split("--spec yarn:2,4,8 --out out/sweep\n")[1].split("```")[0]


@cache
def made() -> Sweep:
    """The sweep, scored and compared from the kept answers."""
    card = load_card("needle-tiny")
    assert card.rope.theta is not None
    assert card.turned_dimensions is not None
    model = RopeModel(card.rope.theta, card.original_length, card.turned_dimensions)
    runs, tokens = [], dict[str, int]()
    for spec in SPECS:
        side = read_side(KEPT / spec.replace(":", "-"))
        for values in side.measured.values.values():
            lengths = (int(axes["length"]) for axes in values.axes)
            tokens |= {name: length + ANSWER for name, length in zip(values.ids, lengths, strict=True)}
        rotations = {name: rope_setting(parse_rope(spec), model, count) for name, count in tokens.items()}
        runs.append(SpecRun(spec, spec, side, rotations))
    found, _ = sweep_benchmark(runs, Asked(tokens, model.length, True, {}), SHARE)
    return Sweep(card.name, model.length, SPECS, SHARE, {"needle": found})


def needle() -> BenchmarkSweep:
    """Its one benchmark."""
    return made().benchmarks["needle"]


def cell(spec: str, length: int) -> SweepCell:
    """One spec at one length."""
    return next(each for each in needle().specs[spec].cells if each.length == length)


def test_the_page_prints_the_sweep() -> None:
    """Every row: scores, marks, lengths and their intervals."""
    written = StringIO()
    Console(file=written, width=200).print(sweep_table(made(), needle()))
    rows = {line.split()[0]: line.split() for line in written.getvalue().splitlines() if line.split()[:1]}
    printed = {line.split()[0]: line.split() for line in PRINTED.splitlines() if line.split()[:1]}

    assert [printed[spec] for spec in SPECS] == [rows[spec] for spec in SPECS]
    assert all(line in PRINTED for line in sweep_footer(made(), needle()))


def test_interpolation_without_training_finds_nothing() -> None:
    """Inside the window neither."""
    scores = {cell(spec, length).score for spec in ("linear:2", "linear:4", "linear:8") for length in needle().lengths}

    assert {0.0} == scores


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_inside_the_window_dynamic_is_the_released_model(factor: int) -> None:
    """To the last answer: no sample differs."""
    for length in (448, 960):
        assert (100.0, 0.0) == (cell(f"dynamic:{factor}", length).score, cell(f"dynamic:{factor}", length).difference)


def test_yarn_costs_short_prompts_something() -> None:
    """30 points at 448 tokens, beyond the paired interval."""
    short = cell("yarn:4", 448)

    assert -30.0 == short.difference
    assert short.difference_ci95 is not None
    assert short.difference_ci95[1] < 0


def test_no_factor_is_best_everywhere() -> None:
    """The best specs change with the length, and at the longest one stands alone."""
    best = {
        length: {spec for spec in SPECS if cell(spec, length).score == max(cell(each, length).score for each in SPECS)}
        for length in needle().lengths
    }

    assert {"dynamic:2", "ntk:4", "yarn:2"} == best[1984]
    assert {"ntk:4"} == best[4032]
    assert {"yarn:8"} == {
        spec for spec in SPECS[1:] if (interval := cell(spec, 8128).difference_ci95) is not None and interval[0] > 0
    }


def test_ten_haystacks_tell_little_about_how_far_a_spec_holds() -> None:
    """Most intervals of the effective length begin where no length is held."""
    starts = [each.holds_to.ci95[0] for each in needle().specs.values()]

    assert starts.count(None) > len(starts) / 2
