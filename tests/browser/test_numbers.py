"""Scripts print numbers as Python does, so that a page and the terminal never differ in a last digit."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from evalkit.reports.page import Content
from tests.browser.conftest import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """A page of nothing."""
    return open_page(Content("empty", [], []))


@pytest.mark.parametrize("digits", [0, 1, 2, 3])
def test_numbers_are_rounded_as_python_rounds_them(page: Page, digits: int) -> None:
    """Of two printed numbers that are as near, the one with an even last digit: 10.125 is 10.12."""
    draw = random.Random(digits)
    halves = [count / 2**power for power in range(1, 7) for count in range(-100, 200)]
    values = [*halves, 1e-9, 99.995, 33.335, 100.0, *(draw.uniform(-100, 100) for _ in range(500))]

    found = page.evaluate("([values, digits]) => values.map((value) => Page.number(value, digits))", [values, digits])

    assert [f"{value:.{digits}f}" for value in values if value >= 0 or round(value, digits)] == [
        text for value, text in zip(values, found, strict=True) if value >= 0 or round(value, digits)
    ]
