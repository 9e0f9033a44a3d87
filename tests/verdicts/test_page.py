"""docs/verdicts.md: its examples run and print what the page says, and its tables are computed again."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from evalkit.verdicts import judge, rerun_gap, smallest_detectable

from .made import made_values, right

PAGE = Path(__file__).parents[2] / "docs" / "verdicts.md"


def table(head: str) -> list[list[float]]:
    """The numbers of the table whose first line begins so; samples first."""
    lines = PAGE.read_text("utf-8").split(head)[1].split("\n\n")[0].splitlines()[2:]
    return [[float(cell) for cell in re.findall(r"[\d.]+", line.replace(",", ""))] for line in lines]


def test_examples_print_what_the_page_says() -> None:
    """All in one namespace, in order."""
    text = re.sub(r"^```.*$", "", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    examples = doctest.DocTestParser().get_doctest(text, {}, "verdicts.md", str(PAGE), 0)

    failed, tried = doctest.DocTestRunner().run(examples)

    assert (0, True) == (failed, tried > 30)


@pytest.mark.parametrize("row", table("| samples | no flips"), ids=lambda row: str(row[0]))
def test_what_reruns_hold_to_is_as_the_page_has_it(row: list[float]) -> None:
    """Two runs that differ in none, 2% and 10% of the samples."""
    n, expected = int(row[0]), row[1:]
    base = made_values(right(n // 2, n))

    bounds = []
    for share in (0, 0.02, 0.1):
        flips = round(share * n)
        again = made_values([*right(0, flips // 2), *right(n // 2 + flips % 2, n - flips // 2)])
        gap = rerun_gap([base, again], base.score or 0.0, base.score or 0.0, 1)
        bounds.append(judge(gap, 2.0).bound - abs(gap.difference) + 0.05)

    assert expected == pytest.approx(bounds, abs=0.06)


@pytest.mark.parametrize("row", table("| samples | 5% flip"), ids=lambda row: str(row[0]))
def test_what_is_detectable_is_as_the_page_has_it(row: list[float]) -> None:
    """2.80 · √(f/n)."""
    found = [smallest_detectable(100 * (flips / row[0]) ** 0.5) for flips in (0.05, 0.1, 0.2)]

    assert row[1:] == pytest.approx(found, abs=0.051)
