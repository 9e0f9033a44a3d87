"""Orders whose beginnings show the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.tasks._spread import spread, spread_pairs


@pytest.mark.parametrize(
    ("count", "order"), [(1, [0]), (2, [0, 1]), (3, [0, 2, 1]), (5, [0, 4, 2, 1, 3]), (6, [0, 5, 2, 1, 3, 4])]
)
def test_values_come_as_ends_middle_and_quarters(count: int, order: list[int]) -> None:
    """Every beginning is spread over the whole."""
    assert order == spread(range(count))


@given(st.integers(1, 40), st.integers(1, 40))
def test_every_pair_comes_once(first: int, second: int) -> None:
    """Whatever the sizes, a single value included."""
    pairs = spread_pairs(range(first), range(second))

    assert (first * second, first * second) == (len(pairs), len(set(pairs)))


@pytest.mark.parametrize(("count", "steps"), [(4, [0, 4]), (9, [0, 2, 4]), (25, [0, 1, 2, 3, 4])])
def test_the_first_pairs_are_a_coarse_map(count: int, steps: list[int]) -> None:
    """The corners, then three by three, then five by five of a grid of nine by nine."""
    pairs = spread_pairs(range(9), range(9))[:count]

    scale = 8 // (len(steps) - 1)
    wanted = {(scale * one, scale * other) for one in range(len(steps)) for other in range(len(steps))}
    assert wanted == set(pairs)


def test_the_axes_do_not_go_along_with_each_other() -> None:
    """Among the first pairs of a step, long ones are not all deep: neither axis tells the other."""
    pairs = spread_pairs(range(33), range(33))[9:17]

    quarters = {(one > 16, other > 16) for one, other in pairs}
    assert 3 <= len(quarters)
