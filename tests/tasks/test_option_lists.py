"""Lists of numbers as users write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UserError
from evalkit.tasks._options import expand


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("256,512", ["256", "512"]),
        ("0:100:25", ["0", "25", "50", "75", "100"]),
        ("0:100:6.25", [f"{6.25 * step:g}" for step in range(17)]),
        ("0:1:0.1", ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1"]),
        ("0:10:4", ["0", "4", "8"]),
        ("1, 2.0 ,5:6:1", ["1", "2", "5", "6"]),
        ("linear:0:100:5", ["0", "25", "50", "75", "100"]),
        ("en,zh", ["en", "zh"]),
        ("7", ["7"]),
    ],
)
def test_every_form_is_written_out(text: str, values: list[str]) -> None:
    """Single values, ranges with their end, and evenly spaced points may be mixed; words stay words."""
    assert values == expand(text)


def test_the_classic_lengths_are_rounded_to_whole_tokens() -> None:
    """35 points from 1,000 to 16,000, as the first needle test had them."""
    values = expand("linear:1000:16000:35")

    assert (["1000", "1441", "1882", "2324"], "16000", 35) == (values[:4], values[-1], len(values))


def test_sigmoid_depths_crowd_at_both_ends() -> None:
    """The logistic of the first needle test, its ends kept at 0 and 100, three decimals."""
    values = [float(value) for value in expand("sigmoid:11")]

    assert values == [0.0, 1.799, 4.743, 11.92, 26.894, 50.0, 73.106, 88.08, 95.257, 98.201, 100.0]


@pytest.mark.parametrize(
    "text", ["10:0:1", "0:10:0", "0:10:-1", "0:1:0.00000001", "linear:5:1:3", "linear:0:9:1", "sigmoid:1"]
)
def test_a_range_that_is_none_is_refused(text: str) -> None:
    """Ranges that run backwards, stand still or never end are a slip."""
    with pytest.raises(UserError, match="needs"):
        expand(text)


@given(st.integers(0, 500), st.integers(1, 50), st.integers(0, 40))
def test_a_range_has_even_steps_and_both_ends(first: int, step: int, count: int) -> None:
    """FIRST:LAST:STEP is first, first + step, … up to last."""
    last = first + step * count

    assert [str(value) for value in range(first, last + 1, step)] == expand(f"{first}:{last}:{step}")
