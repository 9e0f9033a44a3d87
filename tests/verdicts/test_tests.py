"""Tests of differences between two runs on the same samples."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from evalkit.verdicts import Lean, benjamini_hochberg, lean, mcnemar, resample, smallest_detectable

from .made import made_values, right


def test_answers_that_all_got_worse_lean() -> None:
    """Ten worse, none better: 2/2¹⁰."""
    assert Lean(10, 0, 2 / 2**10) == lean(made_values(right(130, 200)), made_values(right(140, 200)))


def test_equal_answers_do_not_lean() -> None:
    """Nor do rounding errors."""
    ours = made_values(right(130, 200))

    assert Lean(0, 0, 1.0) == lean(ours, made_values(ours.points + 1e-12))
    assert 1.0 == mcnemar(0, 0)


def test_a_column_that_moves_leans_even_where_the_samples_mean_stays_nothing() -> None:
    """ROUGE-2 of 0 keeps a sample's geometric mean at 0, not what it adds to the score's columns."""
    theirs, ours = ([[30.0, 0.0], [40.0, 10.0], [50.0, 20.0]], [[10.0, 0.0], [40.0, 10.0], [50.0, 20.0]])

    found = lean(
        *(made_values(columns, combine=lambda means: math.sqrt(means[0] * means[1])) for columns in (ours, theirs))
    )

    assert (1, 0) == (found.worse, found.better)


def test_swapping_sides_is_the_sign_test_where_all_moves_are_flips() -> None:
    """Ten flips one way and two the other, by 10,000 swaps: within what chance moves them."""
    ours, theirs = (
        made_values([*right(10, 10), *right(0, 2), *right(50, 88)]),
        made_values([*right(0, 10), *right(2, 2), *right(50, 88)]),
    )

    assert mcnemar(10, 2) == pytest.approx(resample(ours, theirs), abs=0.008)


def test_documents_are_swapped_whole() -> None:
    """Twelve flips in three documents are no more than three coins: 2/2³."""
    clusters = [str(place // 4) for place in range(12)]

    p = resample(made_values(right(12, 12), clusters), made_values(right(0, 12), clusters))

    assert 0.25 == pytest.approx(p, abs=0.02)


def test_swaps_are_the_same_at_each_call() -> None:
    """Seeded by the samples; without a difference there is nothing to swap."""
    ours, theirs = made_values(right(13, 20)), made_values(right(10, 20)[::-1])

    assert resample(ours, theirs) == resample(ours, theirs)
    assert 1.0 == resample(ours, ours)


def test_ten_thousand_swaps_of_a_whole_benchmark_take_under_two_seconds() -> None:
    """4,750 samples, all of which differ."""
    ours, theirs = (made_values(np.random.default_rng(seed).uniform(0, 100, 4750)) for seed in (1, 2))
    start = time.perf_counter()

    resample(ours, theirs)

    assert time.perf_counter() - start < 2


def test_no_p_values_have_no_flags() -> None:
    """Nothing was screened."""
    assert [] == benjamini_hochberg([])


def test_the_smallest_detectable_difference_is_2_8_errors() -> None:
    """503 samples, a tenth of which flip: 4.0 points, as the table of docs/verdicts.md has it."""
    assert 4.0 == pytest.approx(smallest_detectable(100 * np.sqrt(0.1 / 503)), abs=0.05)
