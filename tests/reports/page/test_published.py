"""Published scores on the page: those of the leaderboard, runs among them, sources as texts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalkit.errors import UserError
from evalkit.published import published_sources
from evalkit.reports import rank_scores
from evalkit.reports.leaderboard._tables import text_tables
from evalkit.reports.page import PageRun, content_of, labels_of, page_html
from evalkit.reports.page._published import published_part
from evalkit.scores import Measured
from tests.reports.page.made_runs import made_run, made_scores, made_task
from tests.reports.page.parsed import ParsedPage, parsed
from tests.verdicts.sides import made_side

WORDS = labels_of("en")


def own(model: str = "mine") -> PageRun:
    """A run of three tasks of LongBench."""
    measured = made_side({"trec": [50.0] * 200, "lcc": [25.0] * 500, "lsht": [100.0] * 200}).measured
    scores = measured.scores.model_copy(update={"model": model})
    return PageRun(model, made_run(scores).folder, scores, measured.spec, Measured(**vars(measured)), None, [])


def shown(*boards: str, runs: tuple[PageRun, ...] = (), is_published: bool = False) -> ParsedPage:
    """The section of these boards."""
    return parsed(published_part(runs, boards, WORDS, is_published=is_published), runs=runs)


@pytest.mark.parametrize("benchmark", ["leval", "longbench", "longbench-e", "needle", "needlebench-32k"])
def test_every_number_is_that_of_the_leaderboard(benchmark: str) -> None:
    """Ranks, overall scores, groups and tasks in full, for each model; a dash where there is none."""
    board = rank_scores(benchmark)

    page = shown(benchmark)

    assert [table.title for table in text_tables(board)] == [table.caption for table in page.tables]
    for ranking, table in zip(board.rankings, page.tables, strict=True):
        assert [each.row.name for each in ranking.rows] == [*table.lines]
        for each in ranking.rows:
            cells, row = table.lines[each.row.name], each.row
            values = {cell.value for cell in cells.values()} - {None}
            known = {name for name in row.groups if name in board.spec.groups}
            assert values == {
                *row.tasks.values(), row.overall.score, each.mean_rank,
                *(row.groups[name].score for name in known if len(board.spec.groups) > 1),
            } - {None}  # fmt: skip
            for task, score in row.tasks.items():
                assert score == cells[task].value
                assert f"{score:.2f}" == cells[task].text


def test_captions_are_in_the_words_of_the_page() -> None:
    """What is ranked over what, beside the names."""
    part = published_part((), ["longbench"], labels_of("zh"), is_published=False)

    captions = [table.caption for table in parsed(part, language="zh").tables]

    assert "LongBench · 按 opencompass 评分 · 11 个模型在 21 个任务上的平均排名，越低越好" in captions


def test_figures_are_of_the_same_numbers() -> None:
    """A bar for each model that has the score, as long as the score on 0–100."""
    board = rank_scores("leval")
    scores = {each.row.name: each.row.overall.score for each in board.rankings[0].rows}

    page = shown("leval")

    columns = [attributes for _, attributes in page.elements if attributes.get("class") == "filled"]
    values = [float(each["data-value"]) for tag, each in page.elements if tag == "span" and "data-value" in each]
    assert [*scores.values()] == values[: len(scores)]
    assert [round(value, 3) for value in values] == [float(each["width"]) for each in columns]


def test_runs_stand_among_published_models() -> None:
    """Marked as this page's, in the rank that their scores give them; a run of another benchmark is on no board."""
    other = made_run(made_scores({"a": made_task()}))
    mine = own()

    page = shown(runs=(mine, other), is_published=True)

    marked = [
        table.rows[place][0].text for table in page.tables for place, kind in enumerate(table.kinds) if kind == "own"
    ]
    assert ["mine · official"] == marked
    table = next(each for each in page.tables if "mine · official" in each.lines)
    cells = table.lines["mine · official"]
    assert "this page" == cells["from"].text
    assert [50.0, 25.0, 100.0] == [cells[task].value for task in ("trec", "lcc", "lsht")]
    assert cells["narrativeqa"].value is None


def test_sources_are_cited_and_nothing_is_asked_from_them() -> None:
    """Title, date and address of every source, as text; no attribute has an address of elsewhere."""
    board = rank_scores("longbench")
    sources = {name for each in board.rows for name in (*each.row.sources, *each.row.printed_in)}

    page = shown("longbench")

    for name in sources:
        source = published_sources()[name]
        assert source.title in page.text
        assert source.url in page.text
    assert len(sources) > 2
    policy = {"content"}  # digests in base64, which may have slashes
    values = [value for _, each in page.elements for name, value in each.items() if name not in policy]
    assert not [value for value in values if "//" in value]


def test_boards_without_runs_are_a_page_of_their_own() -> None:
    """One section, titled by the benchmarks."""
    content = content_of([], boards=["leval", "longbench"])

    page = ParsedPage(page_html(content))

    assert ["published"] == [part.name for part in content.parts]
    assert ["L-Eval", "LongBench"] == [title for title in ("L-Eval", "LongBench") if title in page.text]


def test_without_published_numbers_there_is_no_section() -> None:
    """For a run of a benchmark that has none, and where nobody asks."""
    other = made_run(made_scores({"a": made_task()}))

    assert published_part([other], [], WORDS, is_published=True) is None
    assert published_part([own()], [], WORDS, is_published=False) is None


def test_an_unknown_board_is_refused_in_one_line() -> None:
    """With the names that there are."""
    with pytest.raises(UserError, match="leval") as refusal:
        published_part([], ["levl"], WORDS, is_published=False)

    assert 1 == len(str(refusal.value).splitlines())


def test_names_of_runs_are_texts() -> None:
    """A model's name among the published ones makes no element."""
    hostile = '<svg onload=alert(1)>"&'
    run = replace(own(hostile), name=hostile)

    page = shown(runs=(run,), is_published=True)

    assert f"{hostile} · official" in page.text
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
