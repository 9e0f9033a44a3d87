"""The interval of a task score: a percentile bootstrap over documents."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.scores import cluster_interval


def first(means: Sequence[float]) -> float:
    """A task score of one column."""
    return means[0]


def column(values: Sequence[float]) -> np.ndarray:
    """Shape (samples, 1)."""
    return np.array(values, dtype=np.float64)[:, None]


def names(values: Sequence[object]) -> list[str]:
    """Each value a document."""
    return [f"doc{value}" for value in values]


def test_one_sample_a_document_is_scipys_percentile_bootstrap() -> None:
    """The same method: both ends agree within the noise of two thousand resamples."""
    from scipy.stats import bootstrap

    values = np.random.default_rng(1).normal(50, 20, 60)
    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2))

    ours = cluster_interval(column(values), names(range(60)), first, seed=3)

    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.6)


def test_documents_are_drawn_not_samples() -> None:
    """Copies of a sample within its document say nothing new: the interval of the documents is that of one each."""
    values = np.random.default_rng(4).normal(50, 20, 30)

    once = cluster_interval(column(values), names(range(30)), first, seed=5)
    tenfold = cluster_interval(column(np.repeat(values, 10)), names(np.repeat(range(30), 10)), first, seed=5)

    assert once == pytest.approx(tenfold)


def test_large_documents_weigh_more() -> None:
    """A mean over samples, resampled by document, as a ratio of sums."""
    from scipy.stats import bootstrap

    draw = np.random.default_rng(6)
    sizes = draw.integers(1, 20, 40)
    clusters = np.repeat(np.arange(40), sizes)
    values = draw.normal(40, 10, len(clusters)) + np.repeat(draw.normal(0, 15, 40), sizes)
    sums = np.bincount(clusters, values)
    theirs = bootstrap(
        (sums, sizes), lambda total, size, axis: total.sum(axis) / size.sum(axis), paired=True, vectorized=True,
        n_resamples=20_000, method="percentile", rng=np.random.default_rng(7),
    )  # fmt: skip

    ours = cluster_interval(column(values), names(clusters), first, seed=8)

    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.6)


@pytest.mark.parametrize(("documents", "is_given"), [(1, False), (4, False), (5, True)])
def test_under_five_documents_there_is_no_interval(documents: int, is_given: bool) -> None:
    """However many samples they have."""
    clusters = [index % documents for index in range(100)]

    interval = cluster_interval(column(range(100)), names(clusters), first, seed=1)

    assert is_given == (interval is not None)


@settings(max_examples=25)
@given(values=st.lists(st.floats(0, 100), min_size=5, max_size=30), seed=st.integers(0, 2**63))
def test_the_interval_is_seeded_ordered_and_inside_the_data(values: list[float], seed: int) -> None:
    """The same seed gives the same ends; they lie between the lowest and the highest score."""
    clusters = names(range(len(values)))

    low, high = cluster_interval(column(values), clusters, first, seed) or (math.nan, math.nan)

    assert (low, high) == cluster_interval(column(values), clusters, first, seed)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_the_order_of_samples_does_not_matter() -> None:
    """Documents are drawn by name."""
    values = list(range(20))
    clusters = names([value // 2 for value in values])

    forth = cluster_interval(column(values), clusters, first, seed=9)
    back = cluster_interval(column(values[::-1]), clusters[::-1], first, seed=9)

    assert forth == back


def test_columns_are_combined_within_each_resample() -> None:
    """A score that is no mean gets the interval of that score, not of its columns."""
    draw = np.random.default_rng(10).uniform(10, 90, (40, 2))

    def geometric(means: Sequence[float]) -> float:
        return math.sqrt(means[0] * means[1])

    low, high = cluster_interval(draw, names(range(40)), geometric, seed=11) or (0.0, 0.0)

    assert low < geometric(draw.mean(axis=0).tolist()) < high


def test_samples_outside_a_column_do_not_enter_its_mean() -> None:
    """NaN is `not asked`, not zero; a resample may miss every sample of a column."""
    values = np.full((6, 2), np.nan)
    values[:, 0] = 50.0
    values[0, 1] = 70.0

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        interval = cluster_interval(values, names(range(6)), lambda means: means[0] + means[1], seed=12)

    assert (120.0, 120.0) == interval


def test_a_column_without_any_value_has_no_interval() -> None:
    """Rather none than NaN, which is not JSON."""
    assert cluster_interval(column([math.nan] * 6), names(range(6)), first, seed=1) is None
