"""What printed digits leave open."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.published._digits import is_digits, printed_range, printed_unit


@pytest.mark.parametrize(
    ("printed", "digits", "expected"),
    [
        ("50", "rounded:2", (49.995, 50.005)),
        ("35.23", "truncated:2", (35.23, 35.24)),
        ("50", "unknown", (49.0, 51.0)),
        ("64.5", "unknown", (64.4, 64.6)),
        ("30.1746", "rounded:2,rounded:4", (30.16955, 30.17965)),
        ("0", "rounded:2", (0.0, 0.005)),
        ("100", "unknown", (99.0, 100.0)),
    ],
)
def test_digits_leave_a_range_open(printed: str, digits: str, expected: tuple[float, float]) -> None:
    """Rounded digits leave half a unit on both sides, cut-off ones a unit above, unknown ones a unit on both."""
    assert expected == pytest.approx(printed_range(printed, digits), abs=1e-12)


def test_a_table_that_leaves_zeros_out_keeps_its_unit() -> None:
    """ "50" among numbers of two decimals is known to a hundredth."""
    assert (Decimal("0.01"), Decimal(1)) == (printed_unit("50", "rounded:2"), printed_unit("50", "unknown"))


@given(st.decimals(0, 100, places=6), st.integers(0, 4))
def test_the_number_behind_lies_in_the_range(number: Decimal, decimals: int) -> None:
    """Whatever a number is, rounded or cut off, it lies where its digits say."""
    unit = Decimal(1).scaleb(-decimals)
    rounded, cut = (str(number.quantize(unit, rounding)) for rounding in (ROUND_HALF_UP, ROUND_DOWN))

    for printed, digits in ((rounded, f"rounded:{decimals}"), (cut, f"truncated:{decimals}"), (rounded, "unknown")):
        low, high = printed_range(printed, digits)
        assert low - 1e-9 <= float(number) <= high + 1e-9


@pytest.mark.parametrize("value", ["rounded", "rounded:", "cut:2", "rounded:2,", "rounded:99", "", "2"])
def test_other_words_are_no_digits(value: str) -> None:
    """A knob that says something else is refused."""
    assert not is_digits(value)
