"""The critical dimension: the numbers of its authors, and what follows from a period."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.rope.bounds import (
    Training,
    critical_base,
    critical_dimension,
    extrapolation_limit,
    judge_bases,
    small_bases,
)


def test_llama_2_has_the_critical_dimension_of_the_paper() -> None:
    """92 of 128 dimensions, as the authors print it."""
    assert 92 == critical_dimension(128, Training(4096))


@pytest.mark.parametrize(
    ("base", "length", "critical", "limit"),
    [(10000.0, 4096, 92, 4712), (320000.0, 32768, 88, 38280), (500000.0, 32768, 84, 34525)],
)
def test_a_model_extrapolates_to_the_period_of_its_critical_dimension(
    base: float, length: int, critical: int, limit: int
) -> None:
    """Computed by hand for three published models."""
    found = critical_dimension(128, Training(length, base))

    assert critical == found
    assert limit == round(extrapolation_limit(base, found, 128))


def test_tuning_with_a_larger_base_moves_the_limit() -> None:
    """4,096 tokens with base 10000, then base 320000."""
    (judged,) = judge_bases(32768, [320000.0], training=Training(4096)).bases

    assert judged.tuned is not None
    assert 56886 == round(judged.tuned.limit)
    assert judged.is_above_critical


def test_the_critical_base_of_32k_from_4k() -> None:
    """As in the paper's formula; 10000 where nothing is extended."""
    assert 192144 == round(critical_base(Training(4096), 32768))
    assert 10000 == round(critical_base(Training(4096), 4096))


def test_up_to_the_critical_base_the_tuning_length_is_the_limit() -> None:
    """Theorem 3's other branch: the dimension is updated, and is not smaller."""
    below, above = judge_bases(32768, [190000.0, 193000.0], training=Training(4096)).bases

    assert below.tuned is not None and above.tuned is not None
    assert (False, 32768.0) == (below.tuned.is_above, below.tuned.limit)
    assert above.tuned.limit > 32768
    assert below.tuned.critical_dimension >= above.tuned.critical_dimension == 92


def test_small_bases_are_those_of_the_experiments_on_4096_tokens() -> None:
    """2608, 1304 and 652, between which the authors saw extrapolation improve."""
    assert [2608, 1304, 652] == [round(base) for base in small_bases(4096)]


@given(st.integers(7, 100_000), st.integers(1, 100_000), st.floats(100, 1e8))
def test_a_longer_context_asks_for_a_larger_base(length: int, more: int, base: float) -> None:
    """And no training has a critical base below its own."""
    training = Training(length, base)

    assert base <= critical_base(training, length) * (1 + 1e-9)
    assert critical_base(training, length) <= critical_base(training, length + more)


@given(st.floats(2, 1e9), st.integers(7, 1_000_000), st.sampled_from([4, 32, 64, 96, 128, 256]))
def test_the_critical_dimension_is_where_periods_outgrow_the_length(base: float, length: int, dimension: int) -> None:
    """Counted pair by pair, by the definition."""
    turning = sum(2 * math.pi * base ** (2 * pair / dimension) <= length for pair in range(dimension // 2))

    assert critical_dimension(dimension, Training(length, base)) in (2 * turning, 2 * turning - 2)  # whole logarithms
