"""The sum of cosines: against a plain sum over pairs, and against published bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.rope.bounds import (
    PUBLISHED_BOUNDS,
    criterion,
    first_negative,
    fitted_bound,
    judge_bases,
    published_bound,
    scan_bases,
    sums_by_chunk,
)
from evalkit.rope.bounds import _criterion as module


def plain_sum(base: float, dimension: int, distance: int) -> float:
    """B(m), pair by pair."""
    return math.fsum(math.cos(distance * base ** (-2 * pair / dimension)) for pair in range(dimension // 2))


@given(st.floats(2, 1e9), st.sampled_from([4, 6, 64, 128]), st.integers(2, 300))
def test_all_sums_at_once_equal_a_plain_sum(base: float, dimension: int, context: int) -> None:
    """Every distance below the context, none beyond."""
    (found,) = [sums for _, sums in sums_by_chunk(base, dimension, context)]

    assert np.allclose(found, [plain_sum(base, dimension, distance) for distance in range(context)], atol=1e-10)
    assert np.allclose(found, criterion(base, dimension, np.arange(context)), atol=1e-10)


def test_chunks_are_seamless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sums, whatever is computed at a time."""
    (whole,) = [sums for _, sums in sums_by_chunk(10000.0, 64, 1000)]
    monkeypatch.setattr(module, "CHUNK", 77)

    parts = list(sums_by_chunk(10000.0, 64, 1000))

    assert list(range(0, 1000, 77)) == [start for start, _ in parts]
    assert np.allclose(whole, np.concatenate([sums for _, sums in parts]), atol=1e-10)


def test_320000_turns_negative_within_32k() -> None:
    """At 16,350 for the first time: one distance before it is not negative."""
    assert 16350 == first_negative(320000.0, 128, 32768)
    assert plain_sum(320000.0, 128, 16350) < 0 <= min(plain_sum(320000.0, 128, m) for m in range(16300, 16350))


def test_the_first_negative_distance_does_not_depend_on_the_context() -> None:
    """It is beyond a context that ends before it."""
    assert 16350 == first_negative(320000.0, 128, 16351)
    assert first_negative(320000.0, 128, 16350) is None


@pytest.mark.parametrize(
    ("context", "first"), [(1024, 4300), (2048, 11600), (4096, 28650), (8192, 83800), (16384, 231650), (32768, 630000)]
)
def test_the_first_admissible_multiple_of_50(context: int, first: int) -> None:
    """Su (2024, kexue.fm/archives/10122) has 2.3e5 and 6.3e5 for the last two; coarser grids miss the narrow runs."""
    scan = scan_bases(context, 128)

    assert (50, first) == (scan.step, scan.first)
    assert first_negative(float(first), 128, context) is None
    assert first_negative(float(first - 50), 128, context) is not None
    assert first <= PUBLISHED_BOUNDS[context] * 1.07


@pytest.mark.parametrize(("context", "first"), [(1024, 4.3e3), (2048, 1.2e4), (4096, 2.7e4), (8192, 8.4e4)])
def test_a_finer_grid_finds_the_bounds_of_another_search(context: int, first: float) -> None:
    """Su (2024, kexue.fm/archives/10122) searched ever finer grids; printed to two digits."""
    scan = scan_bases(context, 128, step=10)

    assert scan.first is not None
    assert first == float(f"{scan.first:.1e}")


def test_admissible_bases_have_gaps() -> None:
    """Runs and gaps are those that a search without shortcuts finds."""
    scan = scan_bases(2048, 128)
    grid = range(scan.start, scan.end + 1, 50)
    plain = [base for base in grid if first_negative(float(base), 128, 2048) is None]

    found = [base for low, high in scan.intervals for base in range(low, high + 1, 50)]
    assert plain == found
    assert len(scan.intervals) > 1
    assert (len(plain), len(grid)) == (scan.admissible, scan.tried)


def test_heads_that_no_base_serves() -> None:
    """Two pairs: the first alone is as good as -1 again and again."""
    scan = scan_bases(64, 4, step=50)

    assert (None, (), 0) == (scan.first, scan.intervals, scan.admissible)
    assert 64000 == scan.end


def test_a_context_of_a_million_tokens_is_judged_at_once() -> None:
    """1M tokens, and no more memory than a chunk."""
    (judged,) = judge_bases(1 << 20, [1e9]).bases

    assert judged.is_admissible


def test_the_fit_is_near_the_printed_bounds() -> None:
    """Within a factor of three, as Figure 1 shows it: it is a power law over six decades."""
    assert all(1 / 3 < fitted_bound(context) / bound < 3 for context, bound in PUBLISHED_BOUNDS.items())


def test_printed_bounds_are_given_for_printed_lengths_and_around_others() -> None:
    """Nothing is made up between or outside them."""
    assert (6.4e5, 6.4e5) == published_bound(32768)
    assert (6.4e5, 2.1e6) == published_bound(40000)
    assert published_bound(100) is None
