"""What is ours in the statistics of verdicts agrees with statsmodels."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.scores import t_quantile
from evalkit.verdicts import benjamini_hochberg, holm, mcnemar, paired_spread, spread_interval
from evalkit.verdicts._noise import upper_rate

from .made import made_values

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(P_VALUES)
def test_holm_rejects_what_statsmodels_does(p_values: list[float]) -> None:
    """At the same level, in the same order."""
    from statsmodels.stats.multitest import multipletests

    with patch("gc.collect"):  # called each time, and slow where much is loaded
        rejected, adjusted, _, _ = multipletests(p_values, 0.05, method="holm")

    if not np.isclose(adjusted, 0.05, atol=1e-12).any():  # a tie with the level is decided by rounding
        assert rejected.tolist() == holm(p_values)


@given(P_VALUES)
def test_flags_are_those_of_statsmodels(p_values: list[float]) -> None:
    """Benjamini and Hochberg's at 10%."""
    from statsmodels.stats.multitest import multipletests

    rejected, adjusted, _, _ = multipletests(p_values, 0.10, method="fdr_bh")

    if not np.isclose(adjusted, 0.10, atol=1e-12).any():
        assert rejected.tolist() == benjamini_hochberg(p_values)


@pytest.mark.parametrize(("wins", "losses"), [(0, 1), (3, 9), (10, 0), (25, 31), (120, 80)])
def test_mcnemar_is_exact(wins: int, losses: int) -> None:
    """Only the samples on which the two differ enter."""
    from statsmodels.stats.contingency_tables import mcnemar as peer

    expected = peer([[40, wins], [losses, 60]], exact=True).pvalue

    assert expected == pytest.approx(mcnemar(wins, losses), rel=1e-9)


@pytest.mark.parametrize(("count", "n"), [(0, 200), (1, 20), (17, 200), (199, 200)])
def test_the_bound_of_a_rate_is_clopper_and_pearsons(count: int, n: int) -> None:
    """One-sided at 95%."""
    from statsmodels.stats.proportion import proportion_confint

    _, expected = proportion_confint(count, n, alpha=0.10, method="beta")

    assert expected == pytest.approx(upper_rate(count, n), rel=1e-9)


def test_a_paired_interval_of_single_samples_is_that_of_the_t_test() -> None:
    """One sample a cluster."""
    from statsmodels.stats.weightstats import DescrStatsW

    generator = np.random.default_rng(1)
    ours, theirs = generator.uniform(0, 100, (2, 60))
    spread = paired_spread(made_values(ours), made_values(theirs))

    assert spread is not None
    assert DescrStatsW(ours - theirs).tconfint_mean() == pytest.approx(spread_interval(spread), rel=1e-9)


@pytest.mark.parametrize("sizes", [[5] * 30, [1, 3, 9, 20, 4, 7, 7, 2, 12, 15, 6, 6]])
def test_a_paired_clustered_interval_agrees_with_robust_regression(sizes: list[int]) -> None:
    """The jackknife's error, and the sandwich's with its correction G/(G−1): equal for clusters of one size."""
    from statsmodels.regression.linear_model import OLS

    generator = np.random.default_rng(2)
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    level = generator.normal(0, 10, len(sizes))[clusters]
    ours, theirs = (50 + level + generator.normal(0, 10, len(clusters)) for _ in range(2))
    ours = ours + generator.normal(0, 5, len(sizes))[clusters]
    names = [str(name) for name in clusters]
    spread = paired_spread(made_values(ours, names), made_values(theirs, names))
    peer = OLS(ours - theirs, np.ones(len(ours))).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": True}, use_t=True
    )
    count, n = len(sizes), len(ours)
    expected = float(peer.bse[0]) * np.sqrt((n - 1) / n)  # its correction also has (n−1)/(n−p), with p = 1 it is 1

    assert spread is not None
    if len(set(sizes)) == 1:
        assert float(peer.bse[0]) == pytest.approx(spread.error, rel=1e-9)
        low, high = peer.conf_int()[0]
        reach = t_quantile(0.975, count - 1) * spread.error
        assert (low, high) == pytest.approx((spread.score - reach, spread.score + reach), rel=1e-6)
    else:
        assert expected == pytest.approx(spread.error, rel=0.15)
        assert spread.error >= expected
