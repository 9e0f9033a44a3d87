"""The section `pairs` in a browser: counts, order, marks, keys, narrow and without scripts."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evalkit.reports.page import Content, PageRun, content_of, read_runs
from evalkit.verdicts import Comparison, Side, compare_sides
from tests.browser.conftest import OpenPage, until
from tests.reports.page.folders import score_folder, some_answers

if TYPE_CHECKING:
    from playwright.sync_api import Page

MOST_STEPS = 250_000
"""Of words.js."""


def held_samples(runs: Sequence[PageRun]) -> list[dict[str, list[Any]]]:
    """The runs' samples as the page's data holds them, to be changed."""
    (part,) = (part for part in content_of(runs).parts if part.name == "samples")
    return deepcopy(list(part.data["samples"]))


def with_samples(runs: Sequence[PageRun], samples: Sequence[Any]) -> Content:
    """A page over the runs, with these samples."""
    made = content_of(runs)
    parts = [replace(part, data={"samples": samples}) if part.name == "samples" else part for part in made.parts]
    return replace(made, parts=parts)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[PageRun]:
    """Two runs of three tasks, 56 samples each."""
    folder = tmp_path_factory.mktemp("pairs")
    return read_runs([score_folder(folder / name, some_answers(side)) for side, name in enumerate(("left", "right"))])


@pytest.fixture(scope="module")
def compared(runs: Sequence[PageRun]) -> Comparison:
    """What `evalkit compare` finds."""
    left, right = (Side(run.name, run.measured, None) for run in runs if run.measured is not None)
    return compare_sides(left, right)


def raw_scores(folder: Path) -> dict[str, float]:
    """Sample id → score, as `scores.jsonl` has it."""
    rows = map(json.loads, (folder / "scores.jsonl").read_text("utf-8").splitlines())
    return {row["id"]: row["score"] for row in rows}


def shown(page: Page) -> int:
    """How many samples the list has, over all its pages."""
    return int(page.locator(".pairs-count p").first.inner_text().split()[0].replace(",", ""))


def listed(page: Page) -> list[str]:
    """Ids in the list, over all its pages."""
    found = []
    while True:
        found += page.locator(".pairs-row").evaluate_all("rows => rows.map((row) => row.dataset.sample)")
        after = page.get_by_role("button", name="Next page")
        if not after.is_visible() or after.is_disabled():
            return found
        after.click()


def test_counts_equal_a_count_of_the_scores(open_page: OpenPage, runs: Sequence[PageRun]) -> None:
    """Wins, losses and ties of every task: in the table, and in the list as it is filtered."""
    left, right = (raw_scores(run.folder) for run in runs)
    page = open_page(content_of(runs), "pairs")

    for task in ("hotpotqa", "lcc", "repobench-p"):
        moves = [left[name] - right[name] for name in left if name.split("/")[1] == task]
        counts = [sum(move > 0 for move in moves), sum(move < 0 for move in moves), sum(move == 0 for move in moves)]
        row = page.get_by_role("row").filter(has=page.get_by_role("button", name=task, exact=True))
        assert " / ".join(map(str, counts)) in row.inner_text()

        row.get_by_role("button", name=task).click()
        seen = []
        for side in ("left", "right"):
            page.get_by_label("Higher score").select_option(side)
            seen.append(shown(page))
        page.get_by_label("Higher score").select_option("")
        flips = shown(page)
        page.get_by_label("Show ties too").check()
        assert [*counts, sum(counts)] == [*seen, shown(page) - flips, shown(page)]
        page.get_by_label("Show ties too").uncheck()


def test_flips_stand_in_the_order_of_compare(
    open_page: OpenPage, runs: Sequence[PageRun], compared: Comparison
) -> None:
    """The largest differences first, of equal ones both directions in turn; also for the samples list."""
    page = open_page(content_of(runs), "pairs")

    assert [flip.id for flip in compared.flips] == listed(page)
    ids = page.evaluate("Page.flips(0).map((pair) => pair.map((at, run) => Page.sample(run, at).id))")
    assert [[flip.id, flip.id] for flip in compared.flips] == ids
    assert len(ids) > 25


def test_other_ids_and_draws_are_joined_as_they_were_compared(open_page: OpenPage, runs: Sequence[PageRun]) -> None:
    """A sample's scores are then those that Python gives; each draw of the longer side stands beside one."""
    one = {"task": [0, 0], "flags": [0, 0], "key": ["0", "1"], "score": [50.0, 0.0], "answer": ["a", "b"]}
    several = {
        "task": [0] * 3, "flags": [0] * 3, "key": ["0", "0", "1"], "draw": [0, 1, 0], "score": [0.0, 100.0, 100.0],
        "answer": ["c", "d", "e"],
    }  # fmt: skip
    made = with_samples(runs, [one, several])
    (pairs,) = (part for part in made.parts if part.name == "pairs")
    rows = [["longbench/hotpotqa/0", "longbench/hotpotqa/1", 50.0, 100.0],
            ["longbench/hotpotqa/1", "longbench/hotpotqa/0", 0.0, 75.0]]  # fmt: skip
    told = {**pairs.data["pairs"][0], "joined": {"hotpotqa": rows}}
    parts = [replace(part, data={"pairs": [told]}) if part is pairs else part for part in made.parts]

    page = open_page(replace(made, parts=parts), "pairs?sample=longbench%2Fhotpotqa%2F1")

    assert [[1, 0], [1, 1], [0, 2]] == page.evaluate("Page.flips(0)")
    assert "0.00 · 75.00" in page.locator("[aria-expanded=true]").inner_text()
    card = page.locator(".pairs-card.right")
    assert "75.00 points; this draw 100.00" in card.locator("h4").inner_text()  # the first draw that differs
    assert "d" == card.locator(".pairs-answer").inner_text()
    assert "#sample/1/longbench%2Fhotpotqa%2F0/1" == card.get_by_role("link").get_attribute("href")
    page.get_by_label("Scores are means").select_option("0")
    assert "this draw 0.00" in card.locator("h4").inner_text()
    assert "c" == card.locator(".pairs-answer").inner_text()


def longest_common(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of a longest common subsequence, by the table of all beginnings."""
    row = [0] * (len(right) + 1)
    for word in left:
        last, row = row, [0]
        for place, other in enumerate(right):
            row.append(last[place] + 1 if word == other else max(last[place + 1], row[place]))
    return row[-1]


def test_words_alike_are_a_longest_common_subsequence(open_page: OpenPage, runs: Sequence[PageRun]) -> None:
    """Of random texts; what is marked and what is not make up each text, and what is not is alike."""
    page, draw = open_page(content_of(runs), "pairs"), random.Random(5)
    texts = [
        [" ".join(draw.choices("abcdefgh"[: draw.randint(2, 8)], k=draw.randint(0, 60))) for _ in range(2)]
        for _ in range(200)
    ]

    found = page.evaluate("(texts) => texts.map(([left, right]) => Page.wordDifference(left, right))", texts)

    for (left, right), difference in zip(texts, found, strict=True):
        assert longest_common(left.split(), right.split()) == difference["same"]
        assert difference["isWhole"]
        whole = ["".join(text for text, _ in difference[side]) for side in ("left", "right")]
        assert [left, right] == whole
        alike = [
            [word for text, same in difference[side] if same for word in text.split()] for side in ("left", "right")
        ]
        assert alike[0] == alike[1] and difference["same"] == len(alike[0])


def test_words_are_those_of_their_scripts(open_page: OpenPage, runs: Sequence[PageRun]) -> None:
    """Latin words whole, Chinese signs and punctuation singly, white space never."""
    page = open_page(content_of(runs), "pairs")

    found = page.evaluate("Page.wordDifference('The Beijing 北京大学, café 12', 'The  Beijings 北方大学. café\\n12')")

    assert [
        ["The ", True], ["Beijing", False], [" 北", True], ["京", False], ["大学", True], [",", False],
        [" café 12", True],
    ] == found["left"]  # fmt: skip
    assert ["Beijings", "方", "."] == [text for text, is_same in found["right"] if not is_same]


@pytest.mark.parametrize("alphabet", ["chinese", "latin"])
def test_unrelated_long_texts_are_not_compared_to_the_end(
    open_page: OpenPage, runs: Sequence[PageRun], alphabet: str
) -> None:
    """Steps are counted, and end; only what they begin and end with counts as alike, and the page says so."""
    draw = random.Random(6)
    if alphabet == "chinese":
        texts = [
            "同".join(["始", "".join(chr(draw.randint(0x4E01, 0x9000)) for _ in range(10_000)), "终"]) for _ in "ab"
        ]
    else:
        texts = [f"same {' '.join(f'{draw.random():.9f}'[2:] for _ in range(1_000))} end" for _ in "ab"]
    held = held_samples(runs)
    for columns_of_run, text in zip(held, texts, strict=True):
        columns_of_run["answer"][0] = text
    page = open_page(with_samples(runs, held), "pairs?sample=longbench%2Fhotpotqa%2F0")

    found = page.evaluate("(texts) => Page.wordDifference(...texts)", texts)

    assert not found["isWhole"]
    assert MOST_STEPS < found["steps"] <= MOST_STEPS + 10_000
    assert [True, False, True] == [is_same for _, is_same in found["left"]]
    assert texts == ["".join(text for text, _ in found[side]) for side in ("left", "right")]
    assert page.get_by_text("Too different to mark word by word").is_visible()


def test_both_answers_stand_side_by_side(open_page: OpenPage, runs: Sequence[PageRun], compared: Comparison) -> None:
    """With their scores, the gold answer, what the metric saw, and links; swapped, the sides are exchanged."""
    held = held_samples(runs)
    held[0]["answer"][6] = "<b>I</b> think it is Paris"
    held[1]["answer"][6] = "I think  so: London"
    held[0]["seen"][6], held[1]["seen"][6] = None, "london"
    page = open_page(with_samples(runs, held), "pairs?sample=longbench%2Fhotpotqa%2F6")
    (flip,) = (each for each in compared.flips if each.id == "longbench/hotpotqa/6")

    cards = [page.locator(f".pairs-card.{side}") for side in ("left", "right")]

    assert ["<b>I</b> think it is Paris", "I think  so: London"] == [
        card.locator(".pairs-answer").first.text_content() for card in cards
    ]
    assert ["<b>", "</b>", "it is Paris"] == cards[0].locator("del").all_text_contents()
    assert ["so: London"] == cards[1].locator("ins").all_text_contents()
    assert "dotted" in cards[0].locator("del").first.evaluate("(each) => getComputedStyle(each).textDecoration")
    for card, score, name in zip(cards, (flip.left, flip.right), ("left", "right"), strict=True):
        assert f"{score:.2f} points" in card.inner_text()
        assert f"#sample/{name == 'right':d}/longbench%2Fhotpotqa%2F6" == card.get_by_role("link").get_attribute("href")
    assert flip.targets == page.locator(".pairs-gold li").all_text_contents()
    assert "What the metric saw" not in cards[0].inner_text()
    assert "london" == cards[1].locator(".pairs-seen .pairs-answer").text_content()

    overall = page.locator(".pairs-table tbody tr").first.locator("td").all_inner_texts()
    page.get_by_role("button", name="Swap sides").click()
    assert "I think  so: London" == cards[0].locator(".pairs-answer").first.text_content()
    swapped = page.locator(".pairs-table tbody tr").first.locator("td").all_inner_texts()
    assert [overall[2], overall[1]] == swapped[1:3]
    assert overall[3].translate(str.maketrans("+−", "−+")) == swapped[3]
    wins, losses, ties = overall[-1].split(" / ")
    assert f"{losses} / {wins} / {ties}" == swapped[-1]
    assert "swap=1" in page.url


def test_keys_go_from_sample_to_sample(open_page: OpenPage, runs: Sequence[PageRun], compared: Comparison) -> None:
    """Enter opens, j and k go on and back over the ends of pages, Escape closes; keys in the search are letters."""
    page = open_page(content_of(runs), "pairs")
    ids = [flip.id for flip in compared.flips]

    def opened() -> list[str]:
        return page.locator("[aria-expanded=true]").evaluate_all("rows => rows.map((row) => row.dataset.sample)")

    def focused() -> str | None:
        return page.evaluate("document.activeElement.dataset.sample ?? null")

    page.locator(".pairs-row").first.focus()
    page.keyboard.press("Enter")
    assert ([ids[0]], ids[0]) == (opened(), focused())
    for place in range(1, 27):
        page.keyboard.press("j")
        assert ([ids[place]], ids[place]) == (opened(), focused())
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert [ids[24]] == opened()
    page.keyboard.press("Escape")
    assert ([], ids[24]) == (opened(), focused())
    page.keyboard.press("/")
    page.keyboard.type("jk")
    assert [] == opened()
    page.get_by_text("No sample matches.").wait_for()


def test_an_address_shows_what_it_says(open_page: OpenPage, runs: Sequence[PageRun], compared: Comparison) -> None:
    """Filters, a search, and a sample that is a tie; the address follows what is chosen."""
    ids = {flip.id for flip in compared.flips}
    assert runs[0].measured is not None
    tie = next(name for name in runs[0].measured.values["lcc"].ids if name not in ids)
    page = open_page(content_of(runs), "pairs?task=lcc&won=right&q=return")

    lost = [flip.id for flip in compared.flips if flip.task == "lcc" and flip.difference < 0]
    assert lost == listed(page) != []
    page.evaluate("(id) => Page.go(`pairs?pair=0&task=hotpotqa&sample=${encodeURIComponent(id)}`)", tie)
    page.locator("[aria-expanded=true]").wait_for()
    assert tie == page.locator("[aria-expanded=true]").get_attribute("data-sample")
    assert page.get_by_text("Both answers are the same.").is_visible()
    until(page, "scrollY > 0")  # to the sample
    page.get_by_role("combobox", name="Task").select_option("lcc")
    assert "task=lcc" in page.url
    page.get_by_role("button", name="Clear filters").click()
    assert len(ids) == shown(page)


def test_the_pair_is_chosen_among_several(open_page: OpenPage, runs: Sequence[PageRun]) -> None:
    """Each with its own numbers; an address of a pair that is not there shows the first."""
    several = [*runs, replace(runs[0], name="again")]
    page = open_page(content_of(several), "pairs?pair=7")

    page.get_by_label("Pair").select_option(label="left and again")
    assert 0 == shown(page)
    page.get_by_label("Pair").select_option(label="right and again")
    assert page.locator(".pairs-side").all_inner_texts()[0].startswith("◧right")
    assert shown(page) > 0


def test_narrow_dark_and_printed(open_page: OpenPage, runs: Sequence[PageRun]) -> None:
    """Nothing is wider than 360 pixels; colours change; paper has no filters and whole answers."""
    made, fragment = content_of(runs), "pairs?sample=longbench%2Fhotpotqa%2F6"
    narrow = open_page(made, fragment, viewport={"width": 360, "height": 740})
    dark = open_page(made, fragment, color_scheme="dark")

    assert narrow.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    colour = "getComputedStyle(document.querySelector('.pairs-answer del, .pairs-answer ins')).backgroundColor"
    assert narrow.evaluate(colour) != dark.evaluate(colour)
    dark.emulate_media(media="print")
    assert not dark.get_by_role("searchbox").is_visible()
    assert dark.locator(".pairs-row").first.is_visible() and dark.locator(".pairs-cards").is_visible()


def test_without_scripts_the_tables_stand(open_page: OpenPage, runs: Sequence[PageRun], compared: Comparison) -> None:
    """Every score and difference as the terminal prints it."""
    page = open_page(content_of(runs), java_script_enabled=False)

    rows = [re.split(r"\t", row) for row in page.locator("#pairs tbody tr").all_inner_texts()]

    group = compared.groups["code"]
    scores = {**compared.tasks, compared.group_titles["code"]: group}
    assert list(scores) == [row[0] for row in rows]
    for row, score in zip(rows, scores.values(), strict=True):
        difference = f"{score.difference:+.2f}".replace("-", "−") if round(score.difference, 2) else "0.00"
        assert [str(score.n), f"{score.left:.2f}", f"{score.right:.2f}", difference] == row[1:5]
