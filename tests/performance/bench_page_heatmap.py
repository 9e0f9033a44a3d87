"""How long heatmaps of a report page take: python tests/performance/bench_page_heatmap.py [OUT]

Four runs of a grid of 35 lengths by 35 depths, five samples a cell: the section in Python, and in Chromium each time
that it is drawn again, until the next frame is painted. Grids of fewer documents than five have no intervals to make.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

from evalkit.reports.page import Content, labels_of, page_html, write_page
from evalkit.reports.page._heatmaps import heatmaps_part
from tests.browser.conftest import QUIET, chromium
from tests.reports.page.grids import needle_run

RUNS, SIDE, REPEATS = 4, 35, 5
TURNS = 11
PAINTED = "new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))"
CHANGE = f"""async ([label, value]) => {{
  const select = [...document.querySelectorAll("#heatmaps select")][label];
  const start = performance.now();
  select.value = value;
  select.dispatchEvent(new Event("change"));
  const drawn = performance.now();
  await {PAINTED};
  return [drawn - start, performance.now() - start];
}}"""
MOVE = f"""async () => {{
  const start = performance.now();
  for (let turn = 0; turn < 50; turn += 1) {{
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {{ key: "ArrowRight", bubbles: true }}));
    await {PAINTED};
  }}
  return (performance.now() - start) / 50;
}}"""


def content() -> Content:
    """A page of the heatmaps alone."""
    lengths, depths = (
        range(1000, 1000 * (SIDE + 1), 1000),
        [round(100 * index / (SIDE - 1), 1) for index in range(SIDE)],
    )
    runs = [
        needle_run(
            f"run {number}",
            lambda length, depth, repeat, _, number=number: (length // 1000 * 7 + int(depth) * 3 + repeat * 11) % 97
            > length // 1000 * (number + 1),
            lengths=lengths, depths=depths, repeats=REPEATS, window=16_000,
        )
        for number in range(RUNS)
    ]  # fmt: skip
    start = time.process_time()
    part = heatmaps_part(runs, labels_of("en"))
    assert part is not None
    print(f"section in Python: {time.process_time() - start:.2f} s of CPU time")
    made = Content("bench", [part], runs)
    print(f"page: {len(page_html(made)) / 1e6:.2f} MB")
    return made


def redrawn(page: Page, label: int, values: list[str]) -> str:
    """Milliseconds of script, and until the next frame is painted."""
    turns = [page.evaluate(CHANGE, [label, values[turn % len(values)]]) for turn in range(TURNS)]
    scripts, whole = zip(*turns, strict=True)
    return f"script {median(scripts):.0f} ms, painted {median(whole):.0f} ms (most {max(whole):.0f} ms)"


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(sys.argv[1] if len(sys.argv) > 1 else f"{folder}/page.html").resolve()
        write_page(path, content())
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        for width in (1200, 1920, 400):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.goto(f"{path.as_uri()}#heatmaps")
            page.wait_for_selector(".heatmap")
            cells = page.evaluate("Page.data.grids.reduce((sum, grid) => sum + grid.score.length, 0)")
            print(f"{width} px, {cells:,} cells: redraw {redrawn(page, 1, ['colour-blind', 'published'])}")
            page.locator("#heatmaps .grid-cell[tabindex='0']").first.focus()
            print(f"{width} px: arrow key {page.evaluate(MOVE):.1f} ms a step")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
