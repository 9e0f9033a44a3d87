"""What a page of many samples costs its reader: Chromium, from the file, on this machine.

    OMP_NUM_THREADS=1 python tests/performance/bench_page_browser.py [PAGE.html…] [--samples 5000,20000] [--repeats 5]

Without pages, runs are made as in bench_page.py, one for each number of samples. Each line is the median over fresh
browser contexts, in milliseconds:

- `paint`: first contentful paint; `usable`: the data unpacked and the first section drawn, both since the navigation;
- `list`: the same until the list of samples stands there, where the page was opened at `#samples`;
- `filter`, `search`: from the change of the address to the second frame after it; the search is the first of its page;
- `scroll`: longest time between two frames while the list is scrolled to its end in 120 steps;
- `sample`: from the change of the address to the second frame after it, of one sample's own page.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench_page import grid_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COLUMNS = ("paint", "usable", "list", "filter", "search", "scroll", "sample")
BEFORE = """
new MutationObserver(() => {
  if (window.__ready === undefined && document.documentElement?.classList.contains('ready')) {
    window.__ready = performance.now();
  }
}).observe(document, { attributes: true, childList: true, subtree: true });
"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
FRAMES = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
GO = f"""async (route) => {{
  const begin = performance.now();
  const heard = new Promise((done) => addEventListener('hashchange', done, {{ once: true }}));
  Page.go(route);
  await heard;
  await {FRAMES};
  return performance.now() - begin;
}}"""
SCROLL = """async () => {
  const inner = [...document.querySelectorAll('#samples *')].find((each) => each.scrollHeight > each.clientHeight + 500
    && getComputedStyle(each).overflowY !== 'visible');
  const box = inner ?? document.scrollingElement;
  let longest = 0;
  let before = null;
  for (let step = 1; step <= 120; step += 1) {
    box.scrollTop = (box.scrollHeight - box.clientHeight) * step / 120;
    const now = await new Promise((done) => requestAnimationFrame(done));
    if (before !== null) longest = Math.max(longest, now - before);
    before = now;
  }
  return longest;
}"""


def main() -> None:
    """Time every page and print a line for each."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--samples", default="5000,20000")
    parser.add_argument("--repeats", type=int, default=5)
    flags = parser.parse_args()
    executable = os.environ.get("EVALKIT_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as place:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        print(f"{_processor()}, {len(os.sched_getaffinity(0))} processors; Chromium {browser.version}, no GPU")
        print(f"{'samples':>8}  {'MB':>5}", *(f"{name:>7}" for name in COLUMNS))
        pages = flags.pages or (_made(int(samples), Path(place)) for samples in flags.samples.split(","))
        for path in pages:
            _line(browser, path, flags.repeats)
        browser.close()


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _made(samples: int, place: Path) -> Path:
    from evalkit.reports.page import content_of, read_runs, write_page

    path = place / f"{samples}.html"
    write_page(path, content_of(read_runs([grid_run(samples, place / str(samples))])))
    return path


def _line(browser: Browser, path: Path, repeats: int) -> None:
    timed: dict[str, list[float]] = {name: [] for name in COLUMNS}
    samples = 0
    for _ in range(repeats):
        first = _opened(browser, path, "")
        timed["paint"].append(first.evaluate(PAINT))
        timed["usable"].append(first.evaluate("window.__ready"))
        first.context.close()
        page = _opened(browser, path, "#samples")
        samples = page.evaluate("Page.data.runs.reduce((sum, _, run) => sum + Page.sampleCount(run), 0)")
        timed["list"].append(page.evaluate("window.__ready"))
        timed["filter"].append(page.evaluate(GO, "samples?least=0&most=49.9"))
        timed["search"].append(page.evaluate(GO, "samples?q=the+river"))
        page.evaluate(GO, "samples")
        timed["scroll"].append(page.evaluate(SCROLL))
        timed["sample"].append(page.evaluate(GO, page.evaluate(_ROUTE)))
        page.context.close()
    size = path.stat().st_size / 1e6
    print(f"{samples:8,}  {size:5.2f}", *(f"{statistics.median(timed[name]):7.0f}" for name in COLUMNS), flush=True)


_ROUTE = (
    "(() => { const { id, draw } = Page.sample(0, Page.sampleCount(0) >> 1); return Page.sampleRoute(0, id, draw); })()"
)


def _opened(browser: Browser, path: Path, fragment: str) -> Page:
    page = browser.new_context().new_page()
    page.add_init_script(BEFORE)
    page.goto(path.as_uri() + fragment)
    page.wait_for_selector("html.ready", state="attached")
    page.evaluate(FRAMES)
    return page


if __name__ == "__main__":
    main()
