"""From runs to a sweep's numbers, held against `compare`, numpy and the bounds of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evalkit.errors import UserError
from evalkit.rope import RopeModel, RopeSetting, parse_rope, rope_setting
from evalkit.sweeps import Asked, BenchmarkSweep, SpecRun, sweep_benchmark
from evalkit.verdicts import Side, compare_sides
from tests.verdicts.sides import made_side

LENGTHS = (256, 448, 1024)
ROOM = 64
WINDOW = 512
DOCUMENTS = 12
SAMPLES = len(LENGTHS) * DOCUMENTS

MODEL = RopeModel(10_000.0, WINDOW, 32)
RELEASED = RopeSetting("default", 10_000.0)


def grid(points: Sequence[float], **changes: Any) -> Side:
    """A needle run with one sample of each document at each length, lengths in turn."""
    made = made_side({"single": points}, benchmark="needle", protocol="keyword", lengths=LENGTHS)
    clusters = tuple(f"haystack {index // len(LENGTHS)}" for index in range(len(points)))
    values = replace(made.measured.values["single"], clusters=clusters, cluster_unit="document", **changes)
    return replace(made, measured=replace(made.measured, values={"single": values}))


def asked(samples: int = SAMPLES, tokens: Mapping[str, int] | None = None, **changes: Any) -> Asked:
    own = tokens or {str(index): LENGTHS[index % len(LENGTHS)] + ROOM for index in range(samples)}
    return Asked(
        **{"tokens": own, "window": WINDOW, "has_lengths": True, "settings": {}, "released": RELEASED, **changes}
    )


def run(spec: str, side: Side, what: Asked) -> SpecRun:
    rotations = {name: rope_setting(parse_rope(spec), MODEL, tokens) for name, tokens in what.tokens.items()}
    return SpecRun(spec, spec.replace(":", "-"), side, rotations)


def measured(sides: Mapping[str, Side], what: Asked | None = None, share: float = 0.85) -> BenchmarkSweep:
    what = what or asked()
    return sweep_benchmark([run(spec, side, what) for spec, side in sides.items()], what, share)[0]


@pytest.fixture
def sides() -> dict[str, Side]:
    """Right answers more seldom at greater length, under `dynamic:2` less so."""
    generator = np.random.default_rng(5)
    rates = {"none": (0.9, 0.8, 0.2), "dynamic:2": (0.9, 0.8, 0.7)}
    return {
        spec: grid([100.0 * (generator.random() < own[index % len(LENGTHS)]) for index in range(SAMPLES)])
        for spec, own in rates.items()
    }


def test_cells_are_those_of_a_comparison_by_length(sides: dict[str, Side]) -> None:
    """Scores, paired differences and their intervals, as `evalkit compare` prints them."""
    sweep = measured(sides)

    peers = {
        part.name: part for part in compare_sides(sides["dynamic:2"], sides["none"]).slices if part.axis == "length"
    }
    cells = {f"{cell.length:,}": cell for cell in sweep.specs["dynamic:2"].cells}
    assert {name: (part.left, part.difference, part.ci95) for name, part in peers.items()} == {
        name: (cell.score, cell.difference, cell.difference_ci95) for name, cell in cells.items()
    }


def test_scores_are_means_over_the_samples_of_a_length(sides: dict[str, Side]) -> None:
    """Counted by hand."""
    points = sides["none"].measured.values["single"].points

    cells = measured(sides).specs["none"].cells

    assert [float(points[place :: len(LENGTHS)].mean()) for place in range(len(LENGTHS))] == [
        cell.score for cell in cells
    ]
    assert {(DOCUMENTS, DOCUMENTS, None, None)} == {
        (cell.samples, cell.clusters, cell.difference, cell.difference_ci95) for cell in cells
    }


def test_the_control_is_the_longest_length_whose_answers_are_inside(sides: dict[str, Side]) -> None:
    """448 tokens with 64 of an answer are 512; with one more they are not."""
    longer = {str(index): LENGTHS[index % len(LENGTHS)] + ROOM + 1 for index in range(SAMPLES)}

    assert (448, 256) == (measured(sides).control, measured(sides, asked(tokens=longer)).control)


def test_multiplier_and_base_are_those_of_the_prompts(sides: dict[str, Side]) -> None:
    """base · m^(d/(d−2)) with m = s·n/L − (s − 1)."""
    last = measured(sides).specs["dynamic:2"].cells[-1]

    multiplier = 2 * 1088 / 512 - 1
    assert (multiplier, multiplier) == last.multiplier
    assert (10_000 * multiplier ** (32 / 30),) * 2 == pytest.approx(last.base)


def test_differences_that_are_all_alike_have_the_bound_of_scores() -> None:
    """Twelve documents that all gain 100 points: Clopper and Pearson's 0.025^(1/12) of the way from −100."""
    wrong, right = grid([0.0] * SAMPLES), grid([100.0] * SAMPLES)

    cell = measured({"none": wrong, "ntk:2": right}).specs["ntk:2"].cells[0]

    assert cell.difference_ci95 == pytest.approx((200 * 0.025 ** (1 / DOCUMENTS) - 100, 100))


def test_prompts_that_turn_alike_differ_by_nothing_for_certain(sides: dict[str, Side]) -> None:
    """Inside the window a dynamic rule is the model itself, whether or not that is called native."""
    for first in ("none", "native"):
        sweep = measured({first: sides["none"], "dynamic:4": sides["none"]})

        inside = sweep.specs["dynamic:4"].cells[:2]
        assert {(0.0, (0.0, 0.0))} == {(cell.difference, cell.difference_ci95) for cell in inside}


def test_equal_points_of_prompts_that_turn_otherwise_are_not_certain(sides: dict[str, Side]) -> None:
    """Twelve documents on which two specs score the same: each sample may be one that one of them answers."""
    sweep = measured({"none": sides["none"], "dynamic:4": sides["none"]})

    found = sweep.specs["dynamic:4"]
    low, high = found.cells[-1].difference_ci95 or (0.0, 0.0)
    assert (0.0, -low) == (found.cells[-1].difference, pytest.approx(high))
    assert high == pytest.approx(100 * (1 - 0.025 ** (1 / DOCUMENTS)))
    assert found.pays_from is not None and (None, (1024, None)) == (found.pays_from.tokens, found.pays_from.ci95)


def test_only_what_every_spec_answered_counts(sides: dict[str, Side]) -> None:
    """And how many are left out is said."""
    fewer = grid(sides["none"].measured.values["single"].points.tolist()[: SAMPLES - 3])
    what = asked()

    sweep, notes = sweep_benchmark([run("none", sides["none"], what), run("ntk:2", fewer, what)], what, 0.85)

    assert [11, 11, 11] == [cell.samples for cell in sweep.specs["none"].cells]
    assert "needle: 3 samples of 36 without an answer under some spec: left out of all" == notes[0]


def test_runs_of_other_samples_are_refused(sides: dict[str, Side]) -> None:
    """Same ids, other gold answers; or no sample in common."""
    what = asked()
    other = grid([0.0] * SAMPLES, targets=tuple((str(index),) for index in range(SAMPLES)))
    with pytest.raises(UserError, match="0 has other gold answers, so these are other samples"):
        measured({"none": sides["none"], "ntk:2": other}, what)
    with pytest.raises(UserError, match="no sample was answered under every spec"):
        measured(sides, asked(tokens={"elsewhere": 3}))


def test_without_a_sample_inside_there_is_no_control_and_no_effective_length(sides: dict[str, Side]) -> None:
    """It says what has one."""
    long = {str(index): 2000 + index for index in range(SAMPLES)}
    what = asked(tokens=long, has_lengths=False)

    sweep, notes = sweep_benchmark([run(spec, side, what) for spec, side in sides.items()], what, 0.85)

    assert (None, None, (2048,)) == (sweep.control, sweep.specs["none"].holds_to.tokens, sweep.lengths)
    assert any("a sweep of `needle` has one" in note for note in notes)


def test_a_reference_of_zero_at_its_control_is_said() -> None:
    """No share of nothing."""
    what = asked()

    _, notes = sweep_benchmark([run("none", grid([0.0] * SAMPLES), what)], what, 0.85)

    assert any("none scores 0 at 448 tokens" in note for note in notes)
