"""The interval of a task score: which method, and each method against an independent reference."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evalkit.scores import BOUND, CLUSTER_T, EXACT, Interval, cluster_interval, cluster_spread


def first(means: Sequence[float]) -> float:
    """A task score of one column."""
    return means[0]


def mean(means: Sequence[float]) -> float:
    """A task score of several columns."""
    return sum(means) / len(means)


def column(values: Sequence[float]) -> np.ndarray:
    """Shape (samples, 1)."""
    return np.array(values, dtype=np.float64)[:, None]


def names(values: Sequence[object]) -> list[str]:
    """Each value a document."""
    return [f"doc{value}" for value in values]


def given_interval(columns: np.ndarray, clusters: Sequence[object]) -> Interval:
    """The interval of the first column's mean, which there must be."""
    interval = cluster_interval(columns, names(clusters), first)
    assert interval is not None
    return interval


@pytest.mark.parametrize(("right", "count"), [(6, 6), (0, 6), (5, 6), (96, 100), (50, 100), (499, 500)])
def test_single_right_or_wrong_answers_get_the_exact_interval(right: int, count: int) -> None:
    """Clopper and Pearson's, as scipy has it: six of six is 54–100, never 100–100."""
    theirs = stats.binomtest(right, count).proportion_ci(0.95, "exact")

    low, high, kind = given_interval(column([100.0] * right + [0.0] * (count - right)), range(count))

    assert EXACT == kind
    assert (100 * theirs.low, 100 * theirs.high) == pytest.approx((low, high), abs=1e-9)


def test_one_continuous_score_a_document_is_students_t_on_the_logit_scale() -> None:
    """Mean and standard error by scipy, carried to the logit scale by the delta method."""
    values = np.random.default_rng(1).normal(50, 20, 20).clip(0, 100)
    share, error = values.mean() / 100, stats.sem(values) / 100
    half = stats.t.ppf(0.975, 19) * error / (share * (1 - share))
    ends = 100 / (1 + np.exp(-(math.log(share / (1 - share)) + np.array([-half, half]))))

    low, high, kind = given_interval(column(values), range(20))

    assert CLUSTER_T == kind
    assert tuple(ends) == pytest.approx((low, high))


def test_the_error_of_equal_clusters_is_the_cluster_robust_one() -> None:
    """G/(G−1) · Σ (sum of a cluster's deviations)² / n², as in Miller (2024)."""
    values = np.random.default_rng(2).uniform(0, 100, (12, 5))
    deviations = (values - values.mean()).sum(axis=1)
    expected = math.sqrt(12 / 11 * (deviations**2).sum()) / 60

    spread = cluster_spread(column(values.ravel()), names(np.repeat(range(12), 5)), first)

    assert spread is not None
    assert (expected, 11) == (pytest.approx(spread.error), spread.df)


def test_differences_have_a_spread_too() -> None:
    """Values below zero are no scores, but two models' differences are."""
    differences = np.random.default_rng(3).normal(-3, 10, 40)

    spread = cluster_spread(column(differences), names(range(40)), first)

    assert spread is not None
    assert (differences.mean(), stats.sem(differences)) == pytest.approx((spread.score, spread.error))


def test_documents_vary_not_samples() -> None:
    """Copies of a sample within its document say nothing new: the interval of the documents is that of one each."""
    values = np.random.default_rng(4).normal(50, 20, 30).clip(0, 100)

    once = given_interval(column(values), range(30))
    tenfold = given_interval(column(np.repeat(values, 10)), np.repeat(range(30), 10).tolist())

    assert once[:2] == pytest.approx(tenfold[:2])


def test_large_documents_weigh_more() -> None:
    """Leaving a document out leaves all its samples out: the jackknife in as many words."""
    draw = np.random.default_rng(6)
    sizes = draw.integers(1, 20, 40)
    clusters = np.repeat(np.arange(40), sizes)
    values = draw.uniform(20, 60, len(clusters)) + np.repeat(draw.uniform(0, 40, 40), sizes)
    without = np.array([values[clusters != each].mean() for each in range(40)])
    expected = math.sqrt(39 / 40 * ((without - values.mean()) ** 2).sum())

    spread = cluster_spread(column(values), names(clusters.tolist()), first)

    assert spread is not None
    assert expected == pytest.approx(spread.error)


@pytest.mark.parametrize(
    ("documents", "each", "kind"),
    [(1, 100, None), (4, 25, None), (5, 20, BOUND), (5, 25, CLUSTER_T), (9, 8, BOUND), (10, 8, CLUSTER_T)],
)
def test_the_method_depends_on_documents_and_their_size(documents: int, each: int, kind: str | None) -> None:
    """None under 5; a bound under 10, unless each is large, as the repeats of a grid are."""
    values = np.tile(np.linspace(10, 90, each), (documents, 1)) + np.linspace(-5, 5, documents)[:, None]

    interval = cluster_interval(column(values.ravel()), names(np.repeat(range(documents), each).tolist()), first)

    assert kind == (interval.kind if interval else None)


def test_one_bad_document_among_good_ones_asks_for_the_bound() -> None:
    """The others' likeness says little: how many such documents there are is not known from one."""
    values = np.linspace(90, 99, 20)
    values[7] = 10.0

    low, high, kind = given_interval(column(values), range(20))

    assert BOUND == kind
    assert low < 75 < values.mean() < high < 100


@pytest.mark.parametrize(("score", "ends"), [(100.0, (54.07, 100)), (0.0, (0, 45.93)), (50.0, (27.04, 72.96))])
def test_documents_that_are_all_alike_have_an_honest_bound(score: float, ends: tuple[float, float]) -> None:
    """No variance is no certainty: 0.025^(1/6) of the mean is vouched for, and the rest may be anything."""
    low, high, kind = given_interval(column([score] * 18), np.repeat(range(6), 3).tolist())

    assert BOUND == kind
    assert ends == pytest.approx((low, high), abs=0.01)


def test_the_bound_of_right_and_wrong_documents_is_clopper_and_pearsons() -> None:
    """Gaffke's bound generalises it; random weights come within a point."""
    values = np.repeat([100.0] * 6 + [0.0] * 2, 3)
    theirs = stats.binomtest(6, 8).proportion_ci(0.95, "exact")

    low, high, kind = given_interval(column(values), np.repeat(range(8), 3).tolist())

    assert BOUND == kind
    assert (100 * theirs.low, 100 * theirs.high) == pytest.approx((low, high), abs=1.0)


scores = st.floats(0, 100).map(lambda value: round(value, 3))


@settings(max_examples=50)
@given(values=st.lists(scores, min_size=5, max_size=30))
def test_the_interval_is_the_same_again_and_holds_the_score(values: list[float]) -> None:
    """It stays on the scale, is never a point, and has no chance in it."""
    clusters = names(range(len(values)))

    low, high, kind = cluster_interval(column(values), clusters, first) or Interval(math.nan, math.nan, "")

    assert (low, high, kind) == cluster_interval(column(values), clusters, first)
    assert 0 <= low <= np.mean(values) + 1e-9
    assert np.mean(values) - 1e-9 <= high <= 100
    assert low < high


def test_the_order_of_samples_does_not_matter() -> None:
    """Documents count by name."""
    values = list(range(20))
    clusters = [value // 2 for value in values]

    forth = given_interval(column(values), clusters)
    back = given_interval(column(values[::-1]), clusters[::-1])

    assert forth[:2] == pytest.approx(back[:2])


def test_a_score_that_is_no_mean_has_its_own_error() -> None:
    """The geometric mean of two columns, by the delta method: half of each relative error, covariance included."""
    draw = np.random.default_rng(10).uniform(40, 60, (200, 2))
    means, covariance = draw.mean(axis=0), np.cov(draw.T) / 200
    slope = math.sqrt(means[0] * means[1]) / 2 / means

    spread = cluster_spread(draw, names(range(200)), lambda found: math.sqrt(found[0] * found[1]))

    assert spread is not None
    assert math.sqrt(slope @ covariance @ slope) == pytest.approx(spread.error, rel=1e-3)


def test_three_columns_by_thirds_are_one_mean() -> None:
    """NaN is `not asked`, not zero: a document's three questions in columns of their own, as many in each."""
    values = np.random.default_rng(11).uniform(0, 100, (50, 3))
    columns = np.full((50, 3, 3), np.nan)
    columns[:, range(3), range(3)] = values
    clusters = names(np.repeat(range(50), 3).tolist())

    by_thirds = cluster_interval(columns.reshape(-1, 3), clusters, mean)

    assert by_thirds is not None
    assert given_interval(column(values.ravel()), np.repeat(range(50), 3).tolist())[:2] == pytest.approx(by_thirds[:2])


def test_columns_that_do_not_enter_the_score_do_not_matter() -> None:
    """Circular accuracy has columns of its own beside the score's, empty for most samples."""
    values = np.random.default_rng(12).uniform(20, 80, 30)
    columns = np.column_stack([values, np.full(30, np.nan)])

    assert given_interval(column(values), range(30))[:2] == pytest.approx(given_interval(columns, range(30))[:2])


def test_a_column_that_one_document_fills_has_no_interval() -> None:
    """Without that document there is no score at all, so nobody knows how much it varies; and no warning."""
    values = np.full((12, 2), np.nan)
    values[:, 0] = np.arange(12)
    values[0, 1] = 70.0

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        interval = cluster_interval(values, names(range(12)), mean)

    assert interval is None


def test_a_column_without_any_value_has_no_interval() -> None:
    """Rather none than NaN, which is not JSON."""
    assert cluster_interval(column([math.nan] * 6), names(range(6)), first) is None


def test_a_score_printed_in_another_way_is_the_middle() -> None:
    """OpenCompass prints a bootstrap median; the interval stands round it, not round the mean."""
    values = np.random.default_rng(13).uniform(20, 40, 30)
    printed = float(values.mean()) + 0.5

    interval = cluster_interval(column(values), names(range(30)), first, score=printed)

    assert interval is not None
    logits = [math.log(each / (100 - each)) for each in (interval.low, printed, interval.high)]
    assert logits[1] == pytest.approx((logits[0] + logits[2]) / 2)


def test_scores_above_a_hundred_stretch_the_scale() -> None:
    """Where a protocol sums over references, a sample may score 200."""
    interval = given_interval(column([200.0] * 11 + [100.0] * 3), range(14))

    assert 100 < interval.low < 200 / 14 * 11 + 300 / 14 < interval.high < 200
