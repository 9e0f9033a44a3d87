"""Heatmaps, curves and the sweep in a browser: what hover and keys tell, and where clicks lead."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from evalkit.reports.page import Content, PageRun, content_of, labels_of, read_runs, sweep_folders
from evalkit.reports.page._curves import curves_part
from evalkit.reports.page._heatmaps import heatmaps_part
from tests.browser.conftest import until
from tests.reports.page.grids import longbench_run, needle_run, needlebench_run, rows_of
from tests.reports.page.test_heatmaps import some
from tests.reports.page.test_sweep import KEPT, in_folders

if TYPE_CHECKING:
    from playwright.sync_api import Page

OpenPage = Callable[..., "Page"]
LENGTHS, DEPTHS = (500, 1500, 2500), (0, 50, 100)
DRAWN = "Number(document.querySelector('#curves svg.curve-chart').getAttribute('width'))"
ROOM = "document.querySelector('#curves .curves').clientWidth"
FILL = "page => [...document.querySelectorAll('#heatmaps path.cells')].map(path => path.getAttribute('fill')).sort()"


@pytest.fixture
def grids() -> Content:
    """Two runs of one grid in two languages, one of them with a row more."""
    first = needle_run("first", some, languages=("en", "zh"))
    second = needle_run(
        "second", lambda *place: not some(*place), languages=("en", "zh"), asked={"depths": "0,50,75,100"}
    )
    return content_of([first, second])


def at(page: Page, column: int, row: int, panel: int = 0, rows: int = len(DEPTHS)) -> tuple[float, float]:
    """The middle of a cell in the window; the row behind the last depth holds the means."""
    box = page.locator("#heatmaps .heatmap").nth(panel).bounding_box()
    assert box is not None
    height = max(110, 26 * rows)
    x = 40 + (column + 0.5) * (box["width"] - 48) / len(LENGTHS)
    return box["x"] + x, box["y"] + (16 + (row + 0.5) * height / rows if row < rows else 16 + height + 5 + 8)


def asked(page: Page) -> dict[str, str]:
    """What the list of samples is asked for."""
    fragment: str = page.evaluate("location.hash.slice(1)")
    assert fragment.startswith("samples?"), fragment
    return {name: values[0] for name, values in parse_qs(fragment.removeprefix("samples?")).items()}


def listed(page: Page) -> list[str]:
    """The ids of the samples in the list that is shown, which says how many there are."""
    until(page, "Page.shown() === 'samples'")
    ids: list[str] = page.evaluate(
        """() => {
          const parameters = Object.fromEntries(new URLSearchParams(location.hash.split("?")[1]));
          const run = Number(parameters.run ?? 0);
          return Page.selected(run, parameters).map((index) => Page.sample(run, index).id);
        }"""
    )
    assert f"{len(ids)} of " in page.locator("#samples").inner_text()
    return ids


def samples_of(run: PageRun, query: dict[str, str]) -> list[str]:
    """The ids of a run's samples that a query asks for, from its rows."""
    found = []
    for row in rows_of(run):
        place = row["metadata"]
        facts = {
            "task": row["task"],
            **{name: f"{place[name]}" for name in ("length", "depth", "language") if name in place},
        }
        ends = [int(end) for end in query.get("tokens", "0-999999999").split("-")]
        is_cut = str(int(row["kept_tokens"] < row["prompt_tokens"])) if row["kept_tokens"] is not None else None
        if (
            all(facts.get(name, value) == value for name, value in query.items() if name in facts)
            and ("tokens" not in query or ends[0] <= row["kept_tokens"] <= ends[1])
            and query.get("cut", is_cut) == is_cut
        ):
            found.append(row["id"])
    return found


def tip(page: Page) -> list[str]:
    """The lines of what hover or focus tells."""
    return page.locator(".tip > div").all_text_contents()


def test_hover_tells_a_cells_numbers(open_page: OpenPage, grids: Content) -> None:
    """Score, interval, count, real depth; those of the data, which are Python's."""
    page = open_page(grids, "heatmaps", viewport={"width": 1200, "height": 900})
    grid = next(each for each in grids.parts if each.name == "heatmaps").data["grids"][0]

    page.mouse.move(*at(page, 1, 2))

    cell = 1 * len(DEPTHS) + 2
    assert ("single", 0) == (grid["name"], grid["run"])
    assert [
        "length 1,500, depth 100%",
        f"score {grid['score'][cell]:.2f}",
        f"95% interval {grid['low'][cell]:.2f}–{grid['high'][cell]:.2f}",
        "12 samples",
        "the needle really stands at 100.00% on average",
        "Enter or click lists the samples",
    ] == tip(page)
    page.mouse.move(5, 5)
    assert page.locator(".tip").is_hidden()


def test_hover_tells_that_truncation_removed_the_needle(open_page: OpenPage, grids: Content) -> None:
    """All twelve at a depth of 50 in the longest prompts, which are hatched."""
    page = open_page(grids, "heatmaps", viewport={"width": 1200, "height": 900})

    page.mouse.move(*at(page, 2, 1))

    assert "truncation removed the needle of 12 of 12" in tip(page)
    assert 2 == page.locator("#heatmaps .heatmap:has(.hatch)").count()


def test_a_click_lists_exactly_the_cells_samples(open_page: OpenPage, grids: Content) -> None:
    """As many as the cell counts; of one language where the grid is of one."""
    page = open_page(grids, "heatmaps?grid=needle%2Fsingle-zh", viewport={"width": 1200, "height": 900})

    page.mouse.click(*at(page, 1, 1))

    query = asked(page)
    assert {"run": "0", "task": "single", "length": "1500", "depth": "50", "language": "zh", "scored": "1"} == query
    assert [f"needle/single/zh-1500-50-0-{repeat}" for repeat in range(6)] == listed(page)


def test_a_cell_of_a_group_lists_the_samples_of_its_tasks(open_page: OpenPage) -> None:
    """Of English alone, and of both languages: as many as the cell counts."""
    content = content_of([needlebench_run("a")])
    grids = next(part for part in content.parts if part.name == "heatmaps").data["grids"]

    for name in ("english", "single"):
        page = open_page(content, f"heatmaps?grid=needlebench-4k%2F{name}", viewport={"width": 1200, "height": 900})
        grid = next(each for each in grids if each["name"] == name)
        cell = page.locator("#heatmaps .grid-cell[tabindex='0']").first
        cell.focus()
        page.keyboard.press("Enter")
        assert grid["n"][0] == len(listed(page))


def test_keys_move_over_the_cells_and_enter_lists_their_samples(open_page: OpenPage, grids: Content) -> None:
    """Each cell that the focus comes to is named, the means of columns too; Tab leaves the grid."""
    page = open_page(grids, "heatmaps", viewport={"width": 1200, "height": 900})
    page.locator("#heatmaps .heatmap .grid-cell[tabindex='0']").first.focus()

    names = []
    for key in (
        "ArrowRight",
        "ArrowDown",
        "ArrowDown",
        "ArrowDown",
        "ArrowDown",
        "ArrowLeft",
        "ArrowUp",
        "End",
        "Control+Home",
    ):
        page.keyboard.press(key)
        names.append(page.evaluate("document.activeElement.getAttribute('aria-label')").split(", score")[0])

    assert [
        "length 1,500, depth 0%", "length 1,500, depth 50%", "length 1,500, depth 100%",
        "length 1,500, mean over depths", "length 1,500, mean over depths", "length 500, mean over depths",
        "length 500, depth 100%", "length 2,500, depth 100%", "length 500, depth 0%",
    ] == names  # fmt: skip
    assert "length 500, depth 0%" == tip(page)[0]
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('svg') === document.querySelectorAll('.heatmap')[1]")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert {"run": "1", "task": "single", "length": "1500", "depth": "0", "scored": "1"} == asked(page)


def test_missing_cells_are_crossed_and_runs_of_other_grids_are_said_to_be_mixed(
    open_page: OpenPage, grids: Content
) -> None:
    """No number, no colour of a score."""
    page = open_page(grids, "heatmaps", viewport={"width": 1200, "height": 900})

    page.mouse.move(*at(page, 0, 2, panel=1, rows=4))

    assert ["length 500, depth 75%", "no data", "0 samples"] == tip(page)[:3]
    assert [0, 1] == [page.locator("#heatmaps .heatmap").nth(panel).locator(".crosses").count() for panel in (0, 1)]
    text = page.locator("#heatmaps .drawn").inner_text()
    assert "MIXED: lengths or depths differ" in text
    assert "PARTIAL: 108 of 144 samples" in text


def test_palettes_are_the_figures_and_stay_in_the_url(open_page: OpenPage, grids: Content) -> None:
    """Every colour drawn is one of the palette; a copied URL opens in the same colours."""
    page = open_page(grids, "heatmaps", viewport={"width": 1200, "height": 900})
    palettes = next(each for each in grids.parts if each.name == "heatmaps").data["palettes"]
    assert {*page.evaluate(FILL)} - {None} <= {*palettes["published"]["colours"]}

    page.get_by_label("Palette").select_option("colour-blind")

    blind = page.evaluate(FILL)
    assert {*blind} - {None} <= {*palettes["colour-blind"]["colours"]}
    page.reload()
    page.wait_for_selector("#heatmaps .heatmap")
    assert "palette=colour-blind" in page.evaluate("location.hash")
    assert blind == page.evaluate(FILL)


def test_runs_and_grids_are_chosen_and_the_url_says_which(open_page: OpenPage, grids: Content) -> None:
    """Boxes leave panels out; another grid has all its runs again."""
    page = open_page(grids, "heatmaps", viewport={"width": 1200, "height": 900})

    page.locator("#heatmaps").get_by_role("checkbox", name="first").uncheck()

    assert ["second"] == page.locator("#heatmaps figcaption b").all_text_contents()
    assert "runs=1" in page.evaluate("location.hash")
    page.locator("#heatmaps").get_by_role("combobox", name="Grid").select_option("needle/single-en")
    assert ["first", "second"] == page.locator("#heatmaps figcaption b").all_text_contents()
    page.evaluate("location.hash = '#heatmaps?grid=needle%2Fsingle-zh&runs=0&palette=nothing'")
    page.locator("#heatmaps figcaption b").nth(1).wait_for(state="detached")
    assert "needle/single-zh" == page.locator("#heatmaps").get_by_role("combobox", name="Grid").input_value()


def test_the_table_holds_the_numbers_of_the_picture_without_scripts(open_page: OpenPage, grids: Content) -> None:
    """Folded, one for each grid of each run."""
    page = open_page(grids, "heatmaps", java_script_enabled=False)

    tables = page.locator("#heatmaps table")

    assert 6 == tables.count()
    grid = next(each for each in grids.parts if each.name == "heatmaps").data["grids"][0]
    cells = tables.first.locator("tbody td").all_text_contents()
    assert [float(text.split(" ")[0]) for text in cells] == [
        pytest.approx(grid["score"][column * 3 + row], abs=0.005) for row in range(3) for column in range(3)
    ]


@pytest.fixture
def ledgers() -> Content:
    """Two runs of LongBench, one of them made elsewhere."""
    return content_of([longbench_run("own", has_ledger=True), longbench_run("elsewhere", has_ledger=False)])


def test_points_lead_to_exactly_their_samples(open_page: OpenPage, ledgers: Content) -> None:
    """By length and of cut prompts: as many as the point counts."""
    page = open_page(ledgers, "curves?of=longbench%2Ftask%2Fhotpotqa", viewport={"width": 1200, "height": 900})
    charts = page.locator("#curves figure")
    assert ["By length: HotpotQA", "By length: HotpotQA", "Whole against cut prompts: HotpotQA"] == [
        charts.nth(index).locator("figcaption").inner_text() for index in range(charts.count())
    ]

    for chart in (0, 2):
        for point in range(charts.nth(chart).locator("a.point").count()):
            link = charts.nth(chart).locator("a.point").nth(point)
            counted = re.search(r"(\d+) samples", link.get_attribute("aria-label") or "")
            assert counted is not None
            link.click()
            found = samples_of(ledgers.runs[0], asked(page))
            assert (int(counted[1]), found) == (len(found), listed(page))
            page.go_back()
            page.wait_for_selector("#curves figure")


def test_keys_move_from_point_to_point(open_page: OpenPage, ledgers: Content) -> None:
    """Along a curve; one point is in the order of Tab, and Enter opens its samples."""
    page = open_page(ledgers, "curves", viewport={"width": 1200, "height": 900})
    assert 1 == page.locator("#curves figure").first.locator(".point[tabindex='0']").count()
    page.locator("#curves .point[tabindex='0']").first.focus()

    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")

    points = curves_part(ledgers.runs, labels_of("en")).data["curves"]  # type: ignore[union-attr]
    third = next(each for each in points if each["task"] == "all")["points"][2]
    assert [
        "own · 8–16K", f"score {third['score']:.2f}", f"95% interval {third['low']:.2f}–{third['high']:.2f}",
        f"{third['n']} samples of {third['clusters']} documents", "Enter or click lists the samples",
    ] == tip(page)  # fmt: skip
    page.keyboard.press("Enter")
    assert {"run": "0", "tokens": "8000-15999", "scored": "1"} == asked(page)


def test_series_differ_in_shape_and_are_named_beside_their_curves(open_page: OpenPage, grids: Content) -> None:
    """Not in colour alone."""
    page = open_page(grids, "curves", viewport={"width": 1200, "height": 900})

    chart = page.locator("#curves figure").first

    shapes = chart.evaluate("figure => [...figure.querySelectorAll('.point .marker')].map(each => each.tagName)")
    assert {"circle", "rect"} == {*shapes}
    assert {"first", "second"} <= {
        *chart.locator("svg > text").evaluate_all("all => all.map(each => each.lastChild.textContent)")
    }


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_fit_the_screen_and_follow_its_width(
    open_page: OpenPage, grids: Content, width: int, scheme: str
) -> None:
    """Nothing reaches beyond it; a wider window draws again; text is lighter than the ground where that is dark."""
    page = open_page(grids, "heatmaps", viewport={"width": width, "height": 900}, color_scheme=scheme)

    for section in ("heatmaps", "curves"):
        page.evaluate(f"location.hash = '#{section}'")
        page.wait_for_selector(f"#{section} figure")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink = page.evaluate("getComputedStyle(document.querySelector('#curves svg text')).fill")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, ground)]
    assert (light[0] > light[1]) == (scheme == "dark")
    page.set_viewport_size({"width": 700, "height": 900})
    until(page, f"{DRAWN} === {ROOM} && {DRAWN} < 700")


def test_a_sweep_shows_its_specs(open_page: OpenPage, tmp_path: Path) -> None:
    """The table, a chart for each rule with the first spec in it, and the grids of the runs that are there."""
    for spec in ("none", "dynamic-4"):
        shutil.copytree(KEPT / spec, tmp_path / spec)
    (tmp_path / "sweep.json").write_text(json.dumps(in_folders().to_json()))
    named = sweep_folders(tmp_path)
    runs = [replace(run, name=name) for run, name in zip(read_runs([*named]), named.values(), strict=True)]

    page = open_page(content_of(runs, sweep=tmp_path), "sweep", viewport={"width": 1200, "height": 900})

    charts = page.locator("#sweep .curves figure")
    assert 4 == charts.count()
    assert ["none", "dynamic:2", "dynamic:4", "dynamic:8"] == charts.nth(1).locator(
        ".series-legend .run-box"
    ).all_text_contents()
    assert ["none", "dynamic:4"] == page.locator("#sweep .heat figcaption b").all_text_contents()
    point = charts.nth(1).locator("a.point[aria-label^='dynamic:4 · 1,984']")
    assert "difference to none +85.00, 95% interval" in (point.get_attribute("aria-label") or "")
    assert 0 == charts.nth(1).locator("a.point[aria-label^='dynamic:2']").count()
    point.click()
    assert {"run": "1", "length": "1984", "scored": "1"} == asked(page)
    page.evaluate("location.hash = '#heatmaps'")
    page.wait_for_selector("#heatmaps .colour-bar")
    names = page.locator("linearGradient").evaluate_all("all => all.map(each => each.id)")
    assert 2 == len(names) == len({*names})


def test_names_of_runs_and_grids_are_text(open_page: OpenPage) -> None:
    """Whatever they hold, in panels, legends, lists and tips."""
    strange = "<img src=x onerror=alert(1)>\u202e{name}"
    runs: list[Any] = [replace(needle_run(name, some), name=name) for name in (strange, "other")]
    parts = [part for part in (heatmaps_part(runs, labels_of("en")), curves_part(runs, labels_of("en"))) if part]
    page = open_page(Content("t", parts, runs), "heatmaps", viewport={"width": 1200, "height": 900})

    page.mouse.move(*at(page, 0, 0))

    assert strange in page.locator("#heatmaps figcaption b").all_text_contents()
    page.evaluate("location.hash = '#curves'")
    page.locator("#curves .point").first.focus()
    assert tip(page)[0].startswith(strange)
    assert 0 == page.locator("main img").count()


def test_a_page_printed_from_a_dark_screen_has_light_colours(open_page: OpenPage, grids: Content) -> None:
    """Lines and labels are drawn for white paper, however dark the screen is, and whole tables fit on it."""
    variables = ["--ground", "--ink", "--series-0", "--series-1", "--empty", "--left", "--right-ground"]
    read = f"{variables}.map(name => getComputedStyle(document.documentElement).getPropertyValue(name))"
    light = open_page(grids, "curves").evaluate(read)
    page = open_page(grids, "curves", color_scheme="dark", viewport={"width": 700, "height": 900})
    assert light != page.evaluate(read)
    for theme in ("auto", "dark"):
        page.evaluate(f"document.querySelector('#theme button[value={theme}]').click()")

        page.emulate_media(media="print", color_scheme="dark")

        assert light == page.evaluate(read)
        assert "visible" == page.evaluate("getComputedStyle(document.querySelector('#curves .chart-scroll')).overflowX")
        page.emulate_media(media="screen", color_scheme="dark")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_titles_of_axes_fit_a_narrow_screen(open_page: OpenPage, language: str) -> None:
    """However long they are; what does not fit goes on in a line of its own."""
    beyond = """name => [...document.querySelectorAll(`#${name} svg`)].flatMap(svg => {
      const outer = svg.getBoundingClientRect();
      return [...svg.querySelectorAll('text')].filter(text => {
        const box = text.getBoundingClientRect();
        return box.left < outer.left - 1 || box.right > outer.right + 1 || box.bottom > outer.bottom + 1;
      }).map(text => text.textContent);
    })"""
    for name, run in {"curves": longbench_run("a", has_ledger=False), "heatmaps": needle_run("a", some)}.items():
        content = content_of([run], language=language)

        page = open_page(content, name, viewport={"width": 360, "height": 740})

        assert page.locator(f"#{name} svg .axis").count() > 1
        assert [] == page.evaluate(beyond, name)
