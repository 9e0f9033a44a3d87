"""The list of samples: filters, search, order, links, and how little of it stands in the document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from evalkit.reports.page import Content, content_of, read_runs
from tests.browser.conftest import OpenPage, until
from tests.browser.made import plain_answers, score_folder
from tests.browser.made_samples import FLAGS, TASKS, Columns, columns_of, content_of_samples, one_sample

if TYPE_CHECKING:
    from playwright.sync_api import Page

LEFT, RIGHT = columns_of(400, seed=1), columns_of(400, seed=2)
PAIRS = [{"left": 0, "right": 1}]
TALL = {"width": 1200, "height": 6000}
"""A window in which a list is read with little scrolling."""

READ_LIST = """async () => {
  const found = [];
  const scroller = document.querySelector("#samples .scroller");
  if (!scroller) return found;
  for (let top = 0; top <= scroller.scrollHeight; top += scroller.clientHeight / 2) {
    scroller.scrollTop = top;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    for (const link of scroller.querySelectorAll(".row a")) if (!found.includes(link.title)) found.push(link.title);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def two_runs() -> Content:
    return content_of_samples({"left": LEFT, "right": RIGHT}, PAIRS)


def ids_listed(page: Page) -> list[str]:
    """Ids of the whole list, read by scrolling through it."""
    return list(page.evaluate(READ_LIST))


def rows(columns: Columns) -> Iterator[dict[str, Any]]:
    """The samples, one by one."""
    for index in range(len(columns["task"])):
        yield {name: column[index] for name, column in columns.items()} | {"index": index}


def id_of(row: dict[str, Any]) -> str:
    return f"made/{TASKS[row['task']]}/{row['key']}"


def plain(text: Any) -> str:
    return text if isinstance(text, str) else "" if text is None else f"{text[0]} … {text[1]}"


def holds(row: dict[str, Any], *words: str) -> bool:
    """Whether every word stands in some text of the sample, whatever the case."""
    texts = [plain(row[name]) for name in ("answer", "head", "tail", "reasoning", "seen", "error")]
    whole = "\n".join([id_of(row), *row["targets"], *texts]).lower()
    return all(word.lower() in whole for word in words)


def is_within(value: float | None, low: float, high: float) -> bool:
    return value is not None and low <= value <= high


def has(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda row: bool(row["flags"] & FLAGS[name])


def is_flipped(row: dict[str, Any]) -> bool:
    other = RIGHT["score"][row["index"]]
    return row["score"] is not None and other is not None and row["score"] != other


FILTERS: list[tuple[dict[str, str], Callable[[dict[str, Any]], object]]] = [
    ({"task": "multi"}, lambda row: row["task"] == 1),
    ({"task": "both"}, lambda row: row["task"] in (0, 1)),
    ({"length": "2000"}, lambda row: row["length"] == 2000),
    ({"length": "1500-4000"}, lambda row: is_within(row["length"], 1500, 4000)),
    ({"depth": "33.3333"}, lambda row: round(row["depth"], 4) == 33.3333),
    ({"depth": str(200 / 3)}, lambda row: row["depth"] == 200 / 3),
    ({"language": "zh"}, lambda row: row["language"] == "zh"),
    ({"needles": "3"}, lambda row: row["needles"] == 3),
    ({"tokens": "2000-2100"}, lambda row: is_within(row["before"], 2000, 2100)),
    ({"tokens": "4000-"}, lambda row: is_within(row["before"], 4000, 1e9)),
    ({"tokens": "-1100"}, lambda row: is_within(row["before"], 0, 1100)),
    ({"most": "49.9"}, lambda row: is_within(row["score"], 0, 49.9)),
    ({"below": "50"}, lambda row: row["score"] is not None and row["score"] < 50),
    ({"least": "100"}, lambda row: row["score"] == 100),
    ({"least": "20", "most": "80"}, lambda row: is_within(row["score"], 20, 80)),
    *[({name: "1"}, has(name)) for name in FLAGS],
    ({"depth": "50"}, lambda row: row["depth"] == 50 or 50 in (row["depths"] or ())),
    ({"scored": "1"}, lambda row: row["score"] is not None),
    ({"scored": "0"}, lambda row: row["score"] is None),
    ({"empty": "1"}, lambda row: row["answer"] == " \n"),
    ({"cut": "0"}, lambda row: not row["flags"] & FLAGS["cut"]),
    ({"flipped": "0"}, is_flipped),
    ({"q": "PRAGUE straße"}, lambda row: holds(row, "prague", "straße")),
    ({"q": "会议 far end"}, lambda row: holds(row, "会议", "far", "end")),
    ({"q": "lisbon"}, lambda row: holds(row, "lisbon")),
    ({"q": "made/multi/7"}, lambda row: "made/multi/7" in id_of(row)),
    ({"q": "server", "failed": "1", "task": "single"}, lambda row: row["task"] == 0 and has("failed")(row)),
    ({"cut": "1", "most": "60", "language": "en", "q": "river"},
     lambda row: row["flags"] & 1 and is_within(row["score"], 0, 60) and row["language"] == "en" and holds(row, "river")
     ),
]  # fmt: skip


def test_every_filter_finds_what_a_filter_of_the_columns_finds(open_page: OpenPage, two_runs: Content) -> None:
    """Each query alone, in the order of the run; the count says how many."""
    page = open_page(two_runs, "samples", viewport=TALL)
    for query, is_wanted in FILTERS:
        expected = [id_of(row) for row in rows(LEFT) if is_wanted(row)]
        assert 0 < len(expected) < 400, query

        page.evaluate("route => Page.go(route)", f"samples?{urlencode(query)}")
        until(page, f"document.querySelector('#samples .count').textContent.startsWith('{len(expected)} of 400')")

        assert expected == ids_listed(page), query


def test_controls_write_the_query_and_back_takes_it_away(open_page: OpenPage, two_runs: Content) -> None:
    """Selects, presets, flags, ranges and search put what they ask for into the URL, which alone says what is shown."""
    page = open_page(two_runs, "samples")
    count, fragment = page.locator("#samples .count"), lambda: page.url.partition("#")[2]

    page.get_by_label("Task").select_option("multi")
    assert "samples?task=multi" == fragment()
    page.get_by_role("button", name="wrong (below 50)").click()
    assert "samples?task=multi&below=50" == fragment()
    page.locator("[data-filter=cut]").click()
    page.locator("[data-filter=cut]").click()
    assert "samples?task=multi&below=50&cut=0" == fragment()
    page.get_by_label("Prompt tokens: from").fill("2000")
    page.get_by_label("Prompt tokens: from").press("Enter")
    assert "samples?task=multi&tokens=2000-&below=50&cut=0" == fragment()
    page.get_by_role("searchbox").press_sequentially("river", delay=20)
    until(page, "location.hash.includes('q=river')")

    expected = [
        id_of(row) for row in rows(LEFT)
        if row["task"] == 1 and (row["before"] or 0) >= 2000 and is_within(row["score"], 0, 49.999)
        and not row["flags"] & FLAGS["cut"] and holds(row, "river")
    ]  # fmt: skip
    assert expected == ids_listed(page)
    assert "not cut" == page.locator("[data-filter=cut]").text_content()
    page.go_back()
    until(page, "location.hash.endsWith('cut=0')")
    assert "" == page.get_by_role("searchbox").input_value()
    assert "2000" == page.get_by_label("Prompt tokens: from").input_value()
    page.go_back()
    until(page, "!location.hash.includes('tokens')")
    assert "" == page.get_by_label("Prompt tokens: from").input_value()
    page.get_by_role("button", name="Clear filters").click()
    assert "400 of 400 samples" == count.text_content()
    assert "samples" == fragment()


def test_headings_sort_and_samples_without_a_score_come_last(open_page: OpenPage, two_runs: Content) -> None:
    """Up, down, and back to the order of the run; ids in the order of their numbers."""
    page = open_page(two_runs, "samples", viewport=TALL)
    scored = [row for row in rows(LEFT) if row["score"] is not None]
    unscored = [id_of(row) for row in rows(LEFT) if row["score"] is None]
    heading = page.locator("[data-sort=score]")

    heading.click()
    assert [id_of(row) for row in sorted(scored, key=lambda row: row["score"])] + unscored == ids_listed(page)
    heading.click()
    assert [id_of(row) for row in sorted(scored, key=lambda row: -row["score"])] + unscored == ids_listed(page)
    assert "descending" == page.locator("[role=columnheader].score").get_attribute("aria-sort")
    heading.click()
    assert [id_of(row) for row in rows(LEFT)] == ids_listed(page)
    page.locator("[data-sort=id]").click()
    assert [f"made/multi/{number}" for number in (1, 4, 7, 10, 13)] == ids_listed(page)[:5]


def test_rows_say_what_the_sample_is(open_page: OpenPage, two_runs: Content) -> None:
    """Score with two decimals, place, flags, answer and gold answer of the same sample."""
    page = open_page(two_runs, "samples")
    for row in list(rows(LEFT))[:8]:
        cell = page.locator(f".row:has(a[title='{id_of(row)}']) .sample-cell")
        names = cell.evaluate_all("cells => cells.map(cell => cell.classList[1])")
        told = dict(zip(names, cell.all_text_contents(), strict=True))

        assert told["score"] == ("–" if row["score"] is None else f"{row['score']:.2f}")
        assert told["length"] == ("" if row["length"] is None else f"{row['length']:,}")
        assert told["gold"] == row["targets"][0]
        answer = "no answer" if row["answer"] is None else plain(row["answer"]).partition(" …")[0]
        assert " ".join(answer.split()) == told["answer"]
        assert ("evidence lost" in told["flags"]) == bool(row["flags"] & FLAGS["lost"])


def test_twenty_thousand_samples_are_a_few_rows(open_page: OpenPage) -> None:
    """Wherever it is scrolled to, only what is in sight is in the document; the last row is the last sample."""
    page = open_page(content_of_samples({"many": columns_of(20_000)}), "samples")
    drawn = "document.querySelectorAll('#samples .row').length"
    assert page.evaluate(drawn) < 60

    for share in (0.5, 1):
        page.locator(".scroller").evaluate("(list, share) => { list.scrollTop = share * list.scrollHeight; }", share)
        page.wait_for_timeout(50)
        assert 5 < page.evaluate(drawn) < 60

    assert "made/multi/19999" == page.locator(".row a").last.get_attribute("title")
    assert "20001" == page.locator(".scroller").get_attribute("aria-rowcount")
    page.emulate_media(media="print")
    assert (
        page.evaluate("document.querySelector('#samples .rows').scrollHeight") < 3000
    )  # not twenty thousand rows high


def test_only_filters_that_tell_samples_apart_are_shown(open_page: OpenPage) -> None:
    """One task, one language, no flags, equal scores: only what differs can be asked for."""
    same = columns_of(30)
    for name, value in {"task": 0, "language": "en", "needles": 1, "flags": 0, "score": 100.0, "before": 10}.items():
        same[name] = [value] * 30
    page = open_page(content_of_samples({"same": same}), "samples")

    labels = page.locator(".filters .field > span:first-child").all_text_contents()
    assert ["Length", "Depth"] == labels
    assert 0 == page.locator(".toggle").count()


def test_many_depths_of_prompts_with_several_needles_are_a_range(open_page: OpenPage) -> None:
    """Also where no prompt has a depth of its own."""
    columns = {
        "task": [0] * 50, "key": [f"{index}" for index in range(50)], "score": [50.0] * 50, "flags": [0] * 50,
        "depths": [[index, 99.5] for index in range(50)],
    }  # fmt: skip
    page = open_page(content_of_samples({"run": columns}), "samples")

    ends = [page.get_by_label(f"Depth: {end}").get_attribute("placeholder") for end in ("from", "up to")]
    assert ["0", "99.5"] == ends
    page.get_by_label("Depth: up to").fill("5")
    page.get_by_label("Depth: up to").press("Enter")
    until(page, "location.hash.endsWith('depth=-5')")
    assert "6 of 50 samples" in page.inner_text("#samples .count")


@pytest.mark.parametrize(
    ("columns", "fragment", "told"),
    [
        ({"task": [], "key": []}, "samples", "There are no samples: no answers are kept in runs/only."),
        (one_sample(), "samples?task=other", "No sample is like this."),
        (one_sample(), "samples?least=abc", "No sample is like this."),
        (one_sample(), "samples?run=7", "There is no such run in this page."),
    ],
)
def test_nothing_to_show_is_said(open_page: OpenPage, columns: Columns, fragment: str, told: str) -> None:
    """Neither an empty list nor a wrong link shows a blank page."""
    page = open_page(content_of_samples({"only": columns}), fragment)

    assert told in (page.locator("#samples .nothing").text_content() or "")


def test_searching_shortened_texts_is_said_to_be_partial(open_page: OpenPage, two_runs: Content) -> None:
    """Whoever searches is told that shortened texts are searched as far as they are here."""
    page = open_page(two_runs, "samples?q=river")

    assert page.get_by_text("Texts that are shortened here are searched only as far").is_visible()
    page.get_by_role("button", name="Clear filters").click()
    assert not page.get_by_text("Texts that are shortened here are searched only as far").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_scrolls_down_only(open_page: OpenPage, two_runs: Content, scheme: str) -> None:
    """At 360 pixels nothing is wider than the screen, and filters are folded."""
    page = open_page(two_runs, "samples", viewport={"width": 360, "height": 700}, color_scheme=scheme)
    width = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"

    assert page.evaluate(width)
    assert not page.get_by_label("Task").is_visible()
    page.locator(".row a").first.click()
    page.wait_for_selector("#sample-heading")
    assert page.evaluate(width)


def test_what_curves_and_pairs_link_to_is_what_they_count(open_page: OpenPage, tmp_path: Path) -> None:
    """As many samples are listed as a point of a curve, of a task or of a group, and the flips of a pair are of."""
    folders = [score_folder(tmp_path / f"run-{side}", plain_answers(side)) for side in (0, 1)]
    page = open_page(content_of(read_runs(folders)), "samples")

    counts = page.evaluate("""() => Page.data.curves.flatMap((curve) => curve.points.map(
        (point) => [curve.task, point.n, Page.selected(curve.run, point.filter).length]))""")
    assert {"hotpotqa", "2wikimqa"} <= {task for task, _, _ in counts}
    assert [n for _, n, _ in counts] == [listed for _, _, listed in counts]
    listed = page.evaluate("() => Page.selected(1, { flipped: '0' }).length")
    told = page.evaluate("() => Object.values(Page.data.pairs[0].tasks).map(({ wins, losses }) => wins + losses)")
    assert 0 < listed == sum(told)
