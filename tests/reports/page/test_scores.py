"""Score tables of the page: the terminal's, every number in full, each leading to its samples."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from evalkit.reports import buckets_table, terminal_table
from evalkit.reports.page import PageRun, labels_of
from evalkit.reports.page._scores import scores_part
from evalkit.scores import (
    BenchmarkScores,
    BucketScore,
    DrawSpread,
    ExtraScore,
    OverallScore,
    TaskDraws,
)
from evalkit.tasks import load_spec
from tests.reports.page.made_runs import made_run, made_scores, made_task, means_of
from tests.reports.page.parsed import ParsedPage, ParsedTable, parsed

WORDS = labels_of("en")
HOSTILE = '"><script>alert(1)</script><a href="javascript:alert(2)" onclick=\'x\'>{{ 7 * 7 }}&#x202e;'


@pytest.fixture
def scores() -> BenchmarkScores:
    """Two tasks, one of them with failures, draws, an extra metric and answers at the limit; a group; overall."""
    draws = TaskDraws(scores=[40.0, 50.0], spread=7.0710678, range=(40.0, 50.0), per_sample=2, answers=300, failed=8)
    extra = {"recall": ExtraScore(score=12.3456789, n=150, failed=2, ci95=None, ci95_kind=None, clusters=3)}
    tasks = {
        "a": made_task(cut=3, lost_to_reasoning=1),
        "b": made_task(score=7 / 9, n=150, failed=4, cut=0, lost_to_reasoning=0, draws=draws, extra=extra, ci95=None),
    }
    spread = DrawSpread(scores=[20.0, 25.6], spread=3.9597979, range=(20.0, 25.6))
    overall = OverallScore(score=22.8, rule="mean of groups", ci95=(20.125, 25.0), draws=spread)
    return made_scores(tasks, partial=True, groups={"g": means_of(["a", "b"])}, overall=overall)


def shown(*runs: object) -> ParsedPage:
    """The section of these runs."""
    return parsed(scores_part(list(runs), WORDS), runs=list(runs))  # type: ignore[arg-type]


def columns(table: ParsedTable) -> dict[str, list[str]]:
    """Heading → texts of its cells."""
    return {heading: [row[place].text for row in table.rows[1:]] for place, heading in enumerate(table.headings)}


def test_every_number_is_there_in_full(scores: BenchmarkScores) -> None:
    """Scores, both ends of intervals, counts, spreads and extra metrics are those of `scores.json`, digit for digit."""
    said = scores.to_json()

    table = shown(made_run(scores)).tables[0]

    rows = {
        "a": said["tasks"]["a"],
        "b": said["tasks"]["b"],
        "Group g": said["groups"]["g"],
        "overall": said["overall"],
    }
    assert [*rows] == [*table.lines]
    for name, row in rows.items():
        cells = table.lines[name]
        assert row["score"] == cells["score"].value
        ends = [cells["95% interval"].attributes.get(key) for key in ("data-low", "data-high")]
        assert (row["ci95"] or [None, None]) == [None if end is None else float(end) for end in ends]
        for heading, key in {"samples": "n", "at the limit": "cut", "starved": "lost_to_reasoning"}.items():
            assert row.get(key) == cells[heading].value, (name, heading)
    assert 12.3456789 == table.lines["b"]["recall"].value
    assert [7.0710678, 3.9597979] == [table.lines[name]["spread of 2 draws"].value for name in ("b", "overall")]


def test_texts_are_those_of_the_terminal(scores: BenchmarkScores) -> None:
    """Also where they say PARTIAL, failed, or why there is no interval."""
    run = made_run(scores)
    terminal = terminal_table(scores, run.spec)

    table = shown(run).tables[0]

    page = columns(table)
    for column in terminal.columns:
        heading = str(column.header).strip()
        assert [str(cell).strip() for cell in column.cells] == page[heading], heading
    assert str(terminal.title) == table.caption
    assert "22.80 (PARTIAL 350/400)" in page["score"]


def test_intervals_are_drawn_on_one_scale() -> None:
    """The bar spans the interval on 0–100, whatever lies outside is cut there."""
    tasks = {"a": made_task(), "out": made_task(score=102.0, ci95=(98.0, 107.0))}

    lines = shown(made_run(made_scores(tasks))).tables[0].lines

    drawn = {name: lines[name]["0 – 100"].rects for name in lines}
    assert [("39.14", "11.52"), ("98.0", "2.0")] == [(span["x"], span["width"]) for _, span, _ in drawn.values()]
    assert ["44.355", "99.0"] == [point["x"] for _, _, point in drawn.values()]
    assert {"0 0 100 12"} == {
        attributes["viewbox"] for tag, attributes in shown(made_run(made_scores(tasks))).elements if tag == "svg"
    }


def test_names_and_counts_lead_to_samples(scores: BenchmarkScores) -> None:
    """Each with the run, the task and what is counted; nowhere where the page has no samples."""
    table = shown(made_run(scores)).tables[0]
    bare = made_run(scores, name="bare")
    without = shown(type(bare)(bare.name, bare.folder, bare.scores, bare.spec, None, None, [])).tables[0]

    assert "#samples?run=0&task=a" == table.lines["a"]["task"].href
    assert "#samples?run=0&task=a&limit=1&scored=1" == table.lines["a"]["at the limit"].href
    assert "#samples?run=0&task=a&starved=1&scored=1" == table.lines["a"]["starved"].href
    assert "" == table.lines["b"]["starved"].href
    assert [""] * 4 == [row[0].href for row in without.rows[1:]]


def test_several_runs_stand_side_by_side(scores: BenchmarkScores) -> None:
    """A column each with its own numbers, the best marked among those that are whole; every run follows by itself."""
    whole = made_scores({"a": made_task(score=50.0), "b": made_task(score=1.0)}, model="other")
    third = made_scores({"a": made_task(score=49.0), "b": made_task(score=0.5)}, model="third")
    runs = [made_run(scores), made_run(whole, "two"), made_run(third, "three")]

    tables = shown(*runs).tables

    assert 4 == len(tables)
    lines = tables[0].lines
    names = [f"{run.name} {model}" for run, model in zip(runs, ("tiny", "other", "third"), strict=True)]
    assert ["task", "metric", *names] == tables[0].headings
    assert [44.855123, 50.0, 49.0] == [lines["a"][name].value for name in names]
    assert ["two other"] == [name for name, cell in lines["a"].items() if "best" in cell.kinds]
    assert "0.78 (150/200, 4 failed)" == lines["b"][names[0]].text.strip()  # higher than 0.5, and not of all samples
    assert ["two other"] == [name for name, cell in lines["b"].items() if "best" in cell.kinds]
    assert "#samples?run=2&task=b" == lines["b"]["three third"].href
    assert [run.scores.tasks["a"].score for run in runs] == [each.lines["a"]["score"].value for each in tables[1:]]


def test_no_score_is_the_best_among_other_rules_or_questions() -> None:
    """One task under two protocols, or on two grids: nothing is marked, and of one protocol with two windows it is."""
    one, other = (made_scores({"a": made_task(score=score)}, model=f"m{score}") for score in (40.0, 50.0))
    grids = [
        {"identity": {"model": "m"}, "settings": {"options": {"depths": depths}}} for depths in ("0:100:10", "0:100:25")
    ]

    def marked(*runs: PageRun) -> int:
        return sum("best" in cell.kinds for row in shown(*runs).tables[0].rows[1:] for cell in row)

    assert 1 == marked(made_run(one), made_run(other, "b"))
    assert 1 == marked(made_run(one), made_run(other.model_copy(update={"protocol": "full+max-seq-len-9"}), "b"))
    assert 0 == marked(made_run(one), made_run(other.model_copy(update={"protocol": "else"}), "b"))
    assert 1 == marked(made_run(one, manifest=grids[0]), made_run(other, "b", manifest=grids[0]))
    assert 0 == marked(made_run(one, manifest=grids[0]), made_run(other, "b", manifest=grids[1]))


def test_runs_of_two_benchmarks_are_not_compared(scores: BenchmarkScores) -> None:
    """One part for each, in the order in which they come."""
    other = scores.model_copy(update={"benchmark": "else"})

    page = shown(made_run(scores), made_run(other, "b"))

    assert [["task", "score"]] * 2 == [table.headings[:2] for table in page.tables]


@pytest.mark.parametrize("count", [3, 20])
def test_parts_are_those_of_the_terminal(count: int) -> None:
    """Score and samples of every length in full, down the page where there are many; each leads to its samples."""
    buckets = {str(100 * place): BucketScore(score=place / 7, n=place) for place in range(1, count + 1)}
    scores = made_scores({"a": made_task(buckets=buckets)})
    terminal = buckets_table(scores)
    assert terminal is not None

    table = shown(made_run(scores)).tables[1]

    cells = {cell.text: cell for row in table.rows[1:] for cell in row[1:]}
    assert {part.score for part in buckets.values()} == {cell.value for cell in cells.values()}
    assert {str(cell) for column in list(terminal.columns)[1:] for cell in column.cells} == set(cells)
    assert {f"#samples?run=0&task=a&length={name}&scored=1" for name in buckets} == {
        cell.href for cell in cells.values()
    }


def test_parts_that_count_names_are_no_lengths() -> None:
    """The Ancestral Trace Challenge has no lengths: its parts lead to the samples of as many names."""
    scores = made_scores(
        {"en": made_task(buckets={"2": BucketScore(score=50.0, n=40)})}, benchmark="needlebench-atc-v2"
    )
    run = replace(made_run(scores), spec=load_spec("needlebench-atc-v2"))

    page = shown(run)

    assert "#samples?run=0&task=en&needles=2&scored=1" == page.tables[1].rows[1][1].href
    assert "tokens, nominal" not in page.text


def test_names_of_others_are_texts() -> None:
    """No element, no attribute and no address comes of a name, and the name is read as it is."""
    scores = made_scores({HOSTILE: made_task(metric=HOSTILE)}, model=HOSTILE, protocol=HOSTILE)
    harmless = made_scores({"a": made_task()})

    page = shown(made_run(scores, HOSTILE), made_run(scores, "second"))

    plain = shown(made_run(harmless), made_run(harmless, "second"))
    assert [tag for tag, _ in plain.elements] == [tag for tag, _ in page.elements]
    names = {name for _, attributes in page.elements for name in attributes}
    assert not [name for name in names if name.startswith("on") or name == "style"]
    cell = page.tables[0].rows[1][0]
    assert HOSTILE == cell.text
    assert {"run": ["0"], "task": [HOSTILE]} == parse_qs(cell.href.partition("?")[2])
    assert all(address.startswith("#") for _, attributes in page.elements if (address := attributes.get("href")))


def test_counts_that_nobody_knows_have_no_column() -> None:
    """Of outputs made elsewhere nobody knows how many were cut at the limit or starved."""
    table = shown(made_run(made_scores({"a": made_task()}))).tables[0]

    assert ["task", "score", "95% interval", "0 – 100", "metric", "samples"] == table.headings


def test_signs_are_explained_where_they_are_seen(scores: BenchmarkScores) -> None:
    """Of a run that has them; nothing is said of what is not there. The page's words for means are used."""
    few = made_scores({"a": made_task(ci95=None)}, overall=OverallScore(score=44.5, rule="mean over all samples"))
    plain = made_scores({"a": made_task()})

    legends = {
        name: scores_part([made_run(run)], words).values["legend"]  # type: ignore[union-attr]
        for name, run, words in (
            ("many", scores, WORDS), ("few", few, WORDS), ("plain", plain, WORDS), ("zh", few, labels_of("zh"))
        )
    }  # fmt: skip
    page = parsed(scores_part([made_run(few)], labels_of("zh")), runs=[made_run(few)], language="zh")

    assert [WORDS["scores_scale"]] == legends["plain"]
    assert {WORDS[f"scores_about_{name}"] for name in ("partial", "cut", "lost_to_reasoning")} <= set(legends["many"])
    assert WORDS["scores_about_few"] in legends["few"]
    assert labels_of("zh")["scores_about_few"] in legends["zh"]
    assert "全部样本的均值" == page.tables[0].rows[-1][4].text
