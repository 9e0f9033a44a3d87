"""One interval, three answers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.verdicts import Gap, Verdict, holm, judge
from evalkit.verdicts._rule import quantile_of

GAPS = st.builds(
    Gap,
    difference=st.floats(-20, 20),
    error=st.floats(0.01, 10),
    df=st.one_of(st.just(math.inf), st.integers(1, 500).map(float)),
    digits=st.floats(0, 0.5),
)


def test_a_small_sure_gap_is_held_a_large_one_differs_and_an_unsure_one_is_neither() -> None:
    """At a margin of 2 points."""
    verdicts = [judge(Gap(gap, error, math.inf, 0.05), 2.0).verdict for gap, error in ((0.5, 0.5), (5, 0.5), (0.5, 3))]

    assert [Verdict.HELD, Verdict.DIFFERS, Verdict.INCONCLUSIVE] == verdicts


def test_the_bound_is_gap_and_digits_and_1_645_errors() -> None:
    """0.5 + 0.05 + 1.645 · 0.5."""
    assert 1.372 == pytest.approx(judge(Gap(-0.5, 0.5, math.inf, 0.05), 2.0).bound, abs=5e-4)


def test_a_margin_of_nothing_is_the_two_sided_test() -> None:
    """1.96 errors are p = 0.05."""
    assert 0.05 == pytest.approx(judge(Gap(1.959964, 1.0, math.inf, 0.0), 0.0).p_differs, abs=1e-6)
    assert Verdict.INCONCLUSIVE is judge(Gap(1.95, 1.0, math.inf, 0.0), 0.0).verdict
    assert Verdict.DIFFERS is judge(Gap(1.97, 1.0, math.inf, 0.0), 0.0).verdict


def test_without_an_error_only_the_digits_are_open() -> None:
    """A gap at the margin is held; one whose printed digits reach beyond it cannot be told."""
    verdicts = [judge(Gap(gap, 0.0, math.inf, 0.5), 2.0).verdict for gap in (1.5, 2.2, 2.6)]

    assert [Verdict.HELD, Verdict.INCONCLUSIVE, Verdict.DIFFERS] == verdicts


def test_where_nothing_is_known_nothing_is_said() -> None:
    """An infinite error is neither verdict, at any gap."""
    judged = judge(Gap(60.0, math.inf, math.inf, 0.5), 3.0)

    assert Verdict.INCONCLUSIVE is judged.verdict
    assert (0.0, math.inf, 1.0) == (judged.low, judged.bound, judged.p_differs)


@given(GAPS, st.floats(0.01, 5))
def test_the_interval_and_the_verdict_say_the_same(gap: Gap, margin: float) -> None:
    """Held exactly where the bound is within the margin, differs exactly where the gap is surely beyond it."""
    judged = judge(gap, margin)

    assert (judged.verdict is Verdict.HELD) == (judged.bound <= margin)
    if abs(judged.low - margin) > 1e-6:
        assert (judged.verdict is Verdict.DIFFERS) == (judged.low > margin)
    assert 0 <= judged.low <= max(abs(gap.difference) - gap.digits, 0) <= judged.bound


@given(GAPS, st.floats(1.01, 5))
def test_less_data_never_makes_a_number_hold(gap: Gap, wider: float) -> None:
    """A larger error only widens what it holds to, at any margin."""
    worse = Gap(gap.difference, gap.error * wider, gap.df, gap.digits)

    assert judge(gap, 2.0).bound <= judge(worse, 2.0).bound
    assert judge(gap, 2.0).low >= judge(worse, 2.0).low


def test_quantiles_are_of_t_or_normal() -> None:
    """Six degrees of freedom: 1.943."""
    assert (1.943, 1.645) == pytest.approx((quantile_of(6), quantile_of(math.inf)), abs=5e-4)


def test_holm_stops_at_the_first_that_is_not_small_enough() -> None:
    """0.03 would do alone, but the one before it does not; what cannot be told is never rejected."""
    assert [True, False, False] == holm([0.01, 0.03, 0.04])
    assert [True, False] == holm([0.01, math.nan])
