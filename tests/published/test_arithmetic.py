"""Whether a printed score is one that so many samples can have."""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.published._arithmetic import fits, least_runs, nearest, parts_of_a_sample
from evalkit.published._definition import definition

from .conftest import Read

NAMED_PROTOCOLS = "benchmark,kind,task,model,score,protocol"


@st.composite
def printed_scores(draw: st.DrawFn) -> tuple[str, int, int]:
    """A score k out of n as somebody may print it, its decimals, and n."""
    n = draw(st.integers(1, 20_000))
    k = draw(st.integers(0, n))
    decimals = draw(st.integers(0, 5))
    exact = Fraction(100 * k, n)
    floats = (100 * k / n, k / n * 100, 100 * (k / n), sum([1.0] * min(k, 50) + [float(max(k - 50, 0))]) / n * 100)
    value = draw(st.sampled_from(floats))
    unit = Decimal(1).scaleb(-decimals)
    decimal = Decimal(exact.numerator) / Decimal(exact.denominator)
    ways = [
        f"{value:.{decimals}f}",
        f"{round(value, decimals):.{decimals}f}",
        f"{math.floor(value * 10**decimals) / 10**decimals:.{decimals}f}",
        str(Decimal(value).quantize(unit, ROUND_DOWN)),
        *(str(Decimal(value).quantize(unit, way)) for way in (ROUND_HALF_UP, ROUND_HALF_EVEN)),
        *(str(decimal.quantize(unit, way)) for way in (ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN)),
    ]
    return draw(st.sampled_from(ways)), decimals, n


@given(printed_scores())
def test_no_printed_score_is_called_impossible(score: tuple[str, int, int]) -> None:
    """Rounded either way or cut off, computed in floats or exactly: k out of n is always possible."""
    printed, decimals, n = score

    assert "no" != fits(printed, decimals, n)


@given(st.integers(1, 400), st.integers(0, 3), st.data())
def test_a_score_that_fits_is_some_count(n: int, decimals: int, data: st.DataObject) -> None:
    """What is called rounded is found by trying every count."""
    units = data.draw(st.integers(0, 100 * 10**decimals))
    number, half = Fraction(units, 10**decimals), Fraction(1, 2 * 10**decimals)
    is_rounded = any(abs(Fraction(100 * k, n) - number) <= half for k in range(n + 1))
    is_cut = any(number <= Fraction(100 * k, n) <= number + 2 * half for k in range(n + 1))
    printed = format(Decimal(units).scaleb(-decimals), "f")

    assert ("rounded" if is_rounded else "truncated" if is_cut else "no") == fits(printed, decimals, n)


@pytest.mark.parametrize(
    ("printed", "n", "expected"),
    [("72.86", 269, "rounded"), ("72.93", 269, "no"), ("84.38", 269, "truncated"), ("99.67", 2176, "truncated")],
)
def test_known_numbers_are_told_apart(printed: str, n: int, expected: str) -> None:
    """196 of 269 is 72.86; 227 of 269 is 84.3866; 2,169 of 2,176 is 99.678."""
    assert expected == fits(printed, 2, n)


def test_a_float_a_hair_too_low_reads_cut_off() -> None:
    """29 out of 100 is 28.999999999999996 in floating point."""
    assert "truncated" == fits("28.99", 2, 100)
    assert "no" == fits("28.98", 2, 100)


@pytest.mark.parametrize(("printed", "runs"), [("70", 1), ("72.7", 3), ("66.9", 7), ("58.06", 16)])
def test_the_least_number_of_runs_is_found(printed: str, runs: int) -> None:
    """Published scores of 100 questions that need repeats, and how many at least."""
    assert runs == least_runs(printed, len(printed.partition(".")[2]), 100)


def test_the_scores_around_a_number_are_its_neighbours() -> None:
    """72.93 lies between 196 and 197 of 269."""
    assert (100 * 196 / 269, 100 * 197 / 269) == nearest("72.93", 2, 269)
    assert (100.0, 100.0) == nearest("100", 0, 7)


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ("leval,task,tpo,m,50,opencompass", 1),
        ("leval,task,tpo,m,50,official", 4),
        ("leval,task,sci_fi,m,50,official", 8),
        ("leval,task,news_summ,m,50,opencompass", None),
        ("leval,group,closed,m,50,opencompass", None),
        ("leval,overall,overall,m,50,opencompass", None),
        ("longbench,task,trec,m,50,official", None),
        ("longbench,task,passage_count,m,50,official", None),
        ("longbench-v2,overall,overall,m,50,official", 1),
        ("longbench-v2,task,questions,m,50,opencompass", 1),
        ("needle,length,2048,m,50,keyword", 1),
        ("needle,length,2048,m,50,edit-distance", None),
        ("needlebench-32k,length,9000,m,50,index", None),
    ],
)
def test_only_scores_with_known_parts_are_held_to_counts(read: Read, row: str, parts: int | None) -> None:
    """Right or wrong, quarters of official exams, eighths of two halves; shares and overlaps have no parts."""
    (score,) = read(row, header=NAMED_PROTOCOLS)

    assert parts == parts_of_a_sample(definition(score.benchmark), score)
