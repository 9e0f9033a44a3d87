"""Errors of the three modes, and of means of tasks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.scores import Spread
from evalkit.verdicts import (
    Gap,
    Verdict,
    judge,
    mean_gap,
    paired_gap,
    paired_spread,
    run_noise,
    unpaired_gap,
)

from .made import made_values, right

PRINTED = (69.95, 70.05)


def test_the_same_answers_leave_only_the_digits_open() -> None:
    """Mode P: no spread, no doubt."""
    ours = made_values(right(140, 200))

    judged = judge(paired_gap(ours, ours, *PRINTED), 2.0)

    assert Verdict.HELD is judged.verdict
    assert 0.05 == pytest.approx(judged.bound)


def test_a_paired_error_is_that_of_the_flips() -> None:
    """0/1 with ten flips both ways in 200: √(f/n), 1.58 points."""
    ours, theirs = made_values(right(140, 200)), made_values([*right(5, 10)[::-1], *right(135, 190)])

    gap = paired_gap(ours, theirs, *PRINTED)

    assert 100 * math.sqrt(0.05 / 200) == pytest.approx(gap.error, rel=0.01)
    assert 2 / (2 / 199 + (200 / 10 - 3) / 200) == pytest.approx(gap.df, rel=0.01)


def test_flips_of_one_document_that_cancel_are_not_nothing() -> None:
    """One worse and one better in one document of ten: as in single samples."""
    clusters = [str(place // 10) for place in range(100)]
    theirs, ours = ([1, 0, *[1] * 98], [0, 1, *[1] * 98])

    shared, single = (
        paired_gap(made_values(100.0 * np.array(ours), names), made_values(100.0 * np.array(theirs), names), 99.0, 99.0)
        for names in (clusters, None)
    )

    assert 1.42 == pytest.approx(shared.error, abs=0.005)
    assert single.error == shared.error
    assert 9 == shared.df


def test_combined_columns_are_compared_by_their_scores() -> None:
    """The jackknife of both scores at once, not of a mean of columns; nothing pairs samples of another run."""
    generator = np.random.default_rng(4)
    level = generator.uniform(20, 60, (80, 1))
    ours, theirs = (
        made_values(
            level * generator.uniform(0.8, 1.2, (80, 3)), combine=lambda means: float(np.prod(means) ** (1 / 3))
        )
        for _ in range(2)
    )

    spread = paired_spread(ours, theirs)

    assert spread is not None and ours.score is not None and theirs.score is not None
    assert ours.score - theirs.score == pytest.approx(spread.score)
    assert spread.error < unpaired_gap(ours, theirs.score, theirs.score, 80, spread_is_ours=True).error / 2


def test_one_cluster_tells_nothing_but_equality() -> None:
    """The error is infinite, unless no answer differs."""
    ours, theirs = made_values(right(9, 10), ["a"] * 10), made_values(right(8, 10), ["a"] * 10)

    assert math.inf == paired_gap(ours, theirs, 80.0, 80.0).error
    assert 0 == paired_gap(ours, ours, 90.0, 90.0).error


@pytest.mark.parametrize("score", [0.0, 100.0])
@pytest.mark.parametrize("clusters", [1, 4, 10, 50])
def test_answers_all_alike_are_not_without_error(score: float, clusters: int) -> None:
    """Mode U: 50 of 50 twice is not held to 3 points, nor is it in documents."""
    ours = made_values([score] * 50, [str(place % clusters) for place in range(50)])

    gap = unpaired_gap(ours, score, score, 50)

    assert gap.error > 3
    assert Verdict.HELD is not judge(gap, 3.0).verdict


@pytest.mark.parametrize("spread_is_ours", [False, True])
def test_nothing_unpaired_is_held_for_50_samples(spread_is_ours: bool) -> None:
    """Not even scores in a heap that agree to the last digit, at the widest margin."""
    generator = np.random.default_rng(5)
    for n, middle in ((5, 20.0), (20, 20.0), (50, 20.0), (50, 1.0), (50, 0.0)):
        ours = made_values(np.clip(generator.normal(middle, 1.0, n), 0, 100))
        assert ours.score is not None
        gap = unpaired_gap(ours, ours.score, ours.score, n, spread_is_ours)
        assert Verdict.HELD is not judge(gap, 3.0).verdict, (n, middle)


def test_a_published_spread_is_bounded_or_taken_for_ours() -> None:
    """200 ROUGE-like scores: with the bound 3.3 points or more, with our spread √2 of our own."""
    ours = made_values(100 * np.random.default_rng(6).beta(12, 36, 200))

    bounded, plain = (unpaired_gap(ours, 24.95, 25.05, 200, is_ours) for is_ours in (False, True))

    assert 100 * math.sqrt(0.25 * 0.75 / 200) < bounded.error
    assert math.sqrt(2) * float(ours.points.std(ddof=1)) / math.sqrt(200) == pytest.approx(plain.error, rel=0.06)


def test_documents_widen_both_sides() -> None:
    """Where ten answers of a document are alike, 200 of them are worth 20."""
    clusters = [str(place // 10) for place in range(200)]
    single, shared = made_values(right(140, 200)), made_values(right(140, 200), clusters)

    assert math.sqrt(10) == pytest.approx(
        unpaired_gap(shared, *PRINTED, 200).error / unpaired_gap(single, *PRINTED, 200).error, rel=0.15
    )


def test_errors_of_a_mean_add_over_tasks() -> None:
    """SE² = Σ w²SE², degrees of freedom by Welch and Satterthwaite; samples are not pooled."""
    gaps = {"a": Gap(1.0, 3.0, 10, 0.05), "b": Gap(-1.0, 4.0, 20, 0.05)}

    gap = mean_gap(41.0, 39.95, 40.05, gaps, {"a": 0.5, "b": 0.5})

    assert (1.0, 2.5, 0.05) == pytest.approx((gap.difference, gap.error, gap.digits))
    assert 6.25**2 / (2.25**2 / 10 + 4**2 / 20) == pytest.approx(gap.df)


def test_tasks_that_share_clusters_are_added_cluster_by_cluster() -> None:
    """Differences that move together add up, those that move apart cancel."""
    gaps = {"a": Gap(0.0, 5.0, 1, 0.0), "b": Gap(0.0, 5.0, 1, 0.0)}
    together, apart = {"x": 3.0, "y": 4.0}, {"x": -3.0, "y": -4.0}
    weights = {"a": 0.5, "b": 0.5}

    def error(second: dict[str, float]) -> float:
        spreads = {"a": Spread(0.0, together), "b": Spread(0.0, second)}
        return mean_gap(50.0, 50.0, 50.0, gaps, weights, spreads).error

    assert 5.0 == pytest.approx(error(together))
    assert 0.0 == pytest.approx(error(apart))
    assert 5.0 / math.sqrt(2) == pytest.approx(error({"u": 3.0, "v": 4.0}))


def test_errors_without_a_seen_spread_do_not_vanish_in_a_mean() -> None:
    """Two needle tasks on the same haystacks without a flip: their bounds are added as if they moved together."""
    runs = [made_values(right(20, 20), [str(place % 5) for place in range(20)])] * 2
    noise = run_noise(runs)
    gaps = {name: Gap(0.0, noise.error, math.inf, 0.0) for name in "ab"}

    gap = mean_gap(100.0, 100.0, 100.0, gaps, {"a": 0.5, "b": 0.5}, {"a": noise.spread, "b": noise.spread})

    assert noise.error == pytest.approx(gap.error)


def test_without_a_score_nothing_is_compared() -> None:
    """The caller says so before."""
    from dataclasses import replace

    with pytest.raises(ValueError, match="no score"):
        unpaired_gap(replace(made_values(right(1, 9)), score=None), 0.0, 0.0, 9)


def test_one_large_document_counts_as_one() -> None:
    """100 samples of one document and 20 of others tell hardly more of a variance than two clusters do."""
    generator = np.random.default_rng(7)
    theirs, ours = (100.0 * (generator.random(120) < 0.5) for _ in range(2))
    unequal = ["a"] * 100 + [str(place) for place in range(20)]
    equal = [str(place // 6) for place in range(120)]

    few, many = (
        paired_gap(made_values(ours, names), made_values(theirs, names), 50.0, 50.0) for names in (unequal, equal)
    )

    assert few.df < 1.1
    assert 10 < many.df <= 19


def test_a_single_difference_is_no_sure_measure_of_its_kind() -> None:
    """One flip in 200: Student's t of two degrees of freedom, not of 199."""
    theirs, ours = made_values(right(140, 200)), made_values(right(141, 200))

    gap = paired_gap(ours, theirs, *PRINTED)

    assert 2 < gap.df < 2.1
    assert judge(gap, 3.0).bound == pytest.approx(0.5 + 0.05 + 2.92 * 0.5, abs=0.05)


def test_a_published_spread_is_that_of_sums_over_references() -> None:
    """Scores of up to 300 vary more than right and wrong answers of the same mean."""
    plain, summed = made_values(right(120, 400)), made_values([300.0] * 40 + [0.0] * 360)

    known, wide = (unpaired_gap(values, 29.95, 30.05, 400) for values in (plain, summed))

    own = np.std(summed.columns, ddof=1) / math.sqrt(400)
    assert wide.error**2 > 2 * own**2
    assert wide.error > 1.8 * known.error


def test_a_spread_is_not_taken_for_ours_where_documents_are_few() -> None:
    """500 ROUGE-like scores of 25 documents: their level in a document is seen 25 times, not 500."""
    generator = np.random.default_rng(8)
    scores = np.repeat(100 * generator.beta(4, 12, 25), 20) + generator.normal(0, 2, 500)
    few, many = (made_values(scores, [str(place // size) for place in range(500)]) for size in (20, 5))

    gaps = [
        [unpaired_gap(values, 24.95, 25.05, 500, spread_is_ours=is_ours).error for is_ours in (False, True)]
        for values in (few, many)
    ]

    assert gaps[0][0] == gaps[0][1]
    assert gaps[1][0] > gaps[1][1]
