"""What stands behind the `#` of a page's address: anybody may write it, something is always shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import OpenPage

ODD = (
    "", "#", "%", "%E0%A4%A", "%00", "__proto__", "constructor", "main", "data", "javascript:alert(1)", "\u202e",
    "sample", "sample/", "sample/0/", "sample/0/%", "sample/-1/x", "sample/NaN/x", "sample/1e3/x", "sample/9e99/x",
    "sample/0/longbench%2Fhotpotqa%2F1/-1", "sample/0/longbench%2Fhotpotqa%2F1/NaN", "sample/__proto__/x",
    "sample/0/__proto__", "sample/0/" + "x" * 100_000, "samples?run=-1", "samples?run=NaN", "samples?run=1.5",
    "samples?run=__proto__", "samples?run=length", "samples?task=__proto__", "samples?length=NaN", "samples?tokens=-",
    "samples?least=NaN&most=x", "samples?most=-1e309", "samples?below=1e309", "samples?cut=2&failed=__proto__",
    "samples?flipped=__proto__", "samples?sort=__proto__", "samples?sort=-constructor", "samples?sort=toString",
    "samples?q=%ED%A0%80", "samples?q=" + "a" * 100_000, "samples??", "samples?__proto__=1", "pairs?pair=-1",
    "pairs?pair=__proto__", "pairs?pair=0&task=__proto__", "heatmaps?run=9", "curves?run=__proto__",
)  # fmt: skip
SHOWN = (
    "document.querySelectorAll('main > section:not([hidden])').length === 1"
    " && document.getElementById('problem').hidden"
)
SETTLE = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


def test_whatever_is_asked_for_something_is_shown(open_page: OpenPage, written: Path) -> None:
    """One section after each of them, and no complaint on the console."""
    page = open_page(written)

    for fragment in ODD:
        page.evaluate("(route) => Page.go(route)", fragment)
        page.evaluate(SETTLE)
        assert page.evaluate(SHOWN), fragment[:80]


@pytest.mark.parametrize("fragment", ["samples?sort=__proto__", "sample/0/%", "samples?least=NaN", "pairs?pair=-1"])
def test_a_page_opens_whatever_its_address_asks_for(open_page: OpenPage, written: Path, fragment: str) -> None:
    """It is usable then."""
    assert open_page(written, fragment).evaluate(SHOWN)


@pytest.mark.parametrize("order", ["__proto__", "-constructor", "toString", ""])
def test_an_order_that_there_is_not_is_the_benchmarks(open_page: OpenPage, written: Path, order: str) -> None:
    """All samples, in their own order."""
    page = open_page(written, f"samples?sort={order}")

    count = page.evaluate("Page.sampleCount(0)")
    assert [*range(count)] == page.evaluate("(sort) => Page.selected(0, { sort })", order)
    assert f"{count:,} of {count:,} samples" in page.inner_text("#samples")


def test_a_metric_may_have_any_name(open_page: OpenPage, written: Path) -> None:
    """`__proto__` too."""
    page = open_page(written)
    page.evaluate("Page.data.samples[0].scores = JSON.parse('{\"__proto__\": [12.5]}')")

    assert {"__proto__": 12.5} == dict(page.evaluate("Object.entries(Page.sample(0, 0).scores)"))
