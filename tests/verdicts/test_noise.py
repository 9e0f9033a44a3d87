"""The noise of runs is bounded from above, whatever the scores and the documents."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.verdicts import rerun_gap, run_noise
from evalkit.verdicts._noise import upper_rate

from .made import made_values, right


def test_runs_that_agree_are_not_without_noise() -> None:
    """No flip in 200 still means up to 1.5%: 0.61 points of one run."""
    runs = [made_values(right(140, 200))] * 2

    noise = run_noise(runs)

    assert 0 == noise.flips
    assert 100 * math.sqrt(upper_rate(0, 200) / 400) == pytest.approx(noise.error)
    assert 0.61 == pytest.approx(noise.error, abs=0.005)


def test_flips_are_counted_and_bounded() -> None:
    """Ten of 200 samples differ."""
    noise = run_noise([made_values(right(140, 200)), made_values(right(150, 200))])

    assert (10, 200) == (noise.flips, noise.n)
    assert 100 * math.sqrt(upper_rate(10, 200) / 400) == pytest.approx(noise.error)


def test_three_runs_count_each_sample_that_is_not_always_the_same() -> None:
    """Of three runs, two pairs of three differ at such a sample: the bound of the rate is two thirds of theirs."""
    runs = [made_values(right(count, 200)) for count in (140, 150, 140)]

    noise = run_noise(runs)

    assert 10 == noise.flips
    assert 100 * math.sqrt(2 / 3 * upper_rate(10, 200) / 400) == pytest.approx(noise.error)


@given(st.lists(st.sampled_from([0.0, 100.0]), min_size=20, max_size=20), st.integers(2, 5))
def test_more_flips_are_never_less_noise(first: list[float], count: int) -> None:
    """Another answer that flips raises the bound."""
    stable = [made_values([0.0, *first])] * count
    flipped = [made_values([100.0 * (run == 0), *first]) for run in range(count)]

    assert run_noise(stable).error < run_noise(flipped).error


def test_answers_of_a_document_that_flip_together_are_fewer() -> None:
    """Ten flips in one direction in one document of ten: a tenth of the samples, ten times the variance of each."""
    clusters = [str(place // 10) for place in range(200)]
    ours, again = made_values(right(140, 200), clusters), made_values(right(150, 200), clusters)

    assert 100 * math.sqrt(10 * upper_rate(1, 20) / 400) == pytest.approx(run_noise([ours, again]).error)


def test_a_score_between_moves_by_its_square() -> None:
    """40 answers that move by half the scale are as much noise as 10 flips."""
    half = made_values([50.0] * 40 + right(60, 160))
    flips = [made_values(right(50, 200)), made_values(right(60, 200))]

    noise = run_noise([half, made_values(right(40, 40) + right(60, 160))])

    assert noise.flips is None
    assert run_noise(flips).error == pytest.approx(noise.error)


def test_columns_enter_as_the_score_follows_them() -> None:
    """The mean of two columns is the same as one column of their means; a geometric mean follows its slopes."""
    generator = np.random.default_rng(3)
    pairs = [generator.uniform(10, 90, (50, 2)) for _ in range(2)]
    means = [made_values(pair, combine=lambda found: sum(found) / 2) for pair in pairs]
    roots = [made_values(pair, combine=lambda found: math.sqrt(found[0] * found[1])) for pair in pairs]
    plain = [made_values(pair.mean(axis=1)) for pair in pairs]

    assert run_noise(plain).error == pytest.approx(run_noise(means).error, rel=1e-6)
    assert run_noise(plain).error == pytest.approx(run_noise(roots).error, rel=0.05)


def test_more_runs_of_either_side_are_less_noise_down_to_the_sources_own() -> None:
    """SE = τ·√(1/k + 1/K)."""
    runs = [made_values(right(count, 200)) for count in (140, 142, 141, 140)]
    error = run_noise(runs).error

    assert error * math.sqrt(1 + 1 / 4) == pytest.approx(rerun_gap(runs, 70.0, 70.1, None).error)
    assert error * math.sqrt(1 / 3 + 1 / 4) == pytest.approx(rerun_gap(runs, 70.0, 70.1, 3).error)
    assert 70.375 - 70.05 == pytest.approx(rerun_gap(runs, 70.0, 70.1, None).difference)


def test_one_run_tells_no_noise() -> None:
    """Nor do runs of other samples."""
    with pytest.raises(ValueError, match="two runs"):
        run_noise([made_values(right(1, 2))])
    with pytest.raises(ValueError, match="other samples"):
        run_noise([made_values(right(1, 2)), made_values(right(1, 3))])


def test_one_document_beside_crumbs_shows_no_noise_of_documents() -> None:
    """100 of 104 samples in one document, none changed: whether they change at once, nothing has shown."""
    clusters = ["a"] * 100 + list("bcde")
    runs = [made_values(right(52, 104), clusters)] * 2

    noise = run_noise(runs)

    assert noise.df < 1.1
    assert noise.error > 50
    assert run_noise([made_values(right(52, 104), [str(place // 4) for place in range(104)])] * 2).error < 2
