"""Quantiles of t and beta, held against scipy, which evalkit does not need at run time."""

from __future__ import annotations

import pytest
from scipy import stats

from evalkit.scores import beta_quantile, t_quantile


@pytest.mark.parametrize("df", [1, 2, 3.7, 4, 9, 14, 99, 499, 1e4])
@pytest.mark.parametrize("probability", [0.5, 0.6, 0.9, 0.95, 0.975, 0.9995])
def test_t_quantiles_are_scipys(df: float, probability: float) -> None:
    """Whole and broken degrees of freedom, from the middle to far out."""
    assert stats.t.ppf(probability, df) == pytest.approx(t_quantile(probability, df), rel=1e-8, abs=1e-6)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 100), (96, 5), (0.5, 4.5), (480, 21), (7, 0.5), (1000, 20000)])
@pytest.mark.parametrize("probability", [0.005, 0.025, 0.5, 0.975])
def test_beta_quantiles_are_scipys(a: float, b: float, probability: float) -> None:
    """Small, large and unequal parameters."""
    assert stats.beta.ppf(probability, a, b) == pytest.approx(beta_quantile(probability, a, b), rel=1e-8)


@pytest.mark.parametrize(("probability", "df"), [(0.4, 5), (1.0, 5), (0.9, 0)])
def test_what_has_no_quantile_is_refused(probability: float, df: float) -> None:
    """Lower quantiles are the upper ones with the sign turned; the end has none."""
    with pytest.raises(ValueError, match="no t quantile"):
        t_quantile(probability, df)
