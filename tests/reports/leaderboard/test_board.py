"""Leaderboards: means as printed or by the benchmark's rule, who is ranked among whom, order, and what is said."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from evalkit.errors import UnknownNameError, UserError
from evalkit.published import published, published_groups
from evalkit.reports import Leaderboard, ModelColumn, Ranked, rank_scores
from evalkit.scores import BenchmarkScores, BucketScore, GroupScore, OverallScore, TaskScore
from evalkit.tasks import load_spec

PAGE = "opencompass-long-context"

EIGHT = {
    "leval": {
        "gpt-4": 25.0, "gpt-3.5-turbo-16k": 32.0, "chatglm2-6b-32k": 68.5, "vicuna-7b-v1.5-16k": 77.0,
        "xgen-7b-8k": 100.5, "internlm-chat-7b-8k": 112.0, "longchat-7b-v1.5-32k": 113.5, "chatglm2-6b": 119.5,
    },
    "longbench": {
        "gpt-4": 28.0, "gpt-3.5-turbo-16k": 42.5, "chatglm2-6b-32k": 68.5, "vicuna-7b-v1.5-16k": 95.0,
        "longchat-7b-v1.5-32k": 107.5, "internlm-chat-7b-8k": 132.0, "chatglm2-6b": 136.0, "xgen-7b-8k": 146.5,
    },
}  # fmt: skip
"""Sums of the ranks over the 18 and 21 tasks of the page's tables, ranked by scipy from the page's text."""

TASKS = {"leval": 18, "longbench": 21}


def by_key(board: Leaderboard) -> dict[str, Ranked]:
    """Key → row."""
    return {each.row.key: each for each in board.rows}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., ModelColumn]:
    """Maker of a run: `run("longbench", {"lcc": 50.0})`; tasks that are not named are missing."""

    def make(
        benchmark: str,
        tasks: Mapping[str, float],
        *,
        n: int | None = None,
        protocol: str = "opencompass",
        model: str = "mine",
        folder: str = "mine",
        notes: tuple[str, ...] = (),
    ) -> ModelColumn:
        spec = load_spec(benchmark)
        made = {
            task: TaskScore(
                score=score, metric="m", n=200 if n is None else n, failed=0, expected=200, ci95=None, clusters=1,
                cluster_unit="document", empty=0, notes=list(notes),
            )
            for task, score in tasks.items()
        }  # fmt: skip
        scores = BenchmarkScores(
            benchmark=benchmark,
            protocol=protocol,
            model=model,
            tasks=made,
            groups={name: GroupScore(score=1.0, tasks=spec.members(name)) for name in spec.groups},
            overall=OverallScore(score=12.0, rule=spec.overall),
            partial=n is not None,
            missing=[task for task in spec.tasks if task not in tasks],
        )
        return ModelColumn(tmp_path / folder, scores, spec, {})

    return make


@pytest.mark.parametrize("benchmark", sorted(EIGHT))
def test_the_eight_models_of_the_page_have_its_mean_ranks(benchmark: str) -> None:
    """Mean of each model's rank over the tasks, ties sharing the mean of their places."""
    board = rank_scores(benchmark, source=PAGE)

    assert list(EIGHT[benchmark]) == [each.row.key for each in board.rows if each.mean_rank is not None]
    sums = {each.row.key: sum(each.ranks.values()) for each in board.rows}
    assert EIGHT[benchmark] == sums
    for each in board.rows:
        assert EIGHT[benchmark][each.row.key] / TASKS[benchmark] == pytest.approx(each.mean_rank, abs=1e-12)


@pytest.mark.parametrize(("benchmark", "title"), [("leval", "L-Eval"), ("longbench", "LongBench")])
def test_mean_ranks_are_those_of_the_printed_tables(benchmark: str, title: str) -> None:
    """Read anew from the text of the page, and ranked by scipy."""
    stats = pytest.importorskip("scipy.stats")
    data = os.environ.get("EVALKIT_DATA")
    pages = sorted((Path(data).parent / "seeds").glob("001_*.txt")) if data else []
    if not pages:
        pytest.skip("the page's text is not beside EVALKIT_DATA")
    heads, scores = _printed_table(pages[0].read_text("utf-8"), title)

    ranks = [stats.rankdata([-score for score in line], method="average") for line in scores]

    expected = {head.lower(): sum(line[index] for line in ranks) / len(ranks) for index, head in enumerate(heads)}
    found = {each.row.key: each.mean_rank for each in rank_scores(benchmark, source=PAGE).rows}
    assert found == pytest.approx(expected)


def _printed_table(text: str, title: str) -> tuple[list[str], list[list[float]]]:
    """Models and lines of scores of the Markdown table whose first heading is `title`."""
    block = re.search(rf"^\| {title} +\|.*?(?=^(?!\|)|\Z)", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    lines = [[cell.strip() for cell in line.strip("| ").split("|")] for line in block[0].strip().splitlines()]
    numbers = [line[1:] for line in lines[2:] if line[0]]
    return lines[0][1:], [[float(cell) for cell in line] for line in numbers]


UNCHECKED = {"leval": 0, "longbench": 0}
"""Printed means without a note of dashes that nothing can be held against."""


@pytest.mark.parametrize("benchmark", ["leval", "longbench"])
def test_every_printed_mean_is_recomputed_to_its_digits(benchmark: str) -> None:
    """From the printed task scores by the benchmark's rule; the last digit may be cut off in place of rounded."""
    rows = by_key(rank_scores(benchmark))
    checked = 0
    for row in (each.row for each in rows.values()):
        for name, mean in {**row.groups, "overall": row.overall}.items():
            if mean.origin != "printed" or mean.recomputed is None or mean.score is None:
                continue
            unit = 10.0 ** -len(mean.printed.partition(".")[2])
            assert abs(mean.recomputed - mean.score) < unit, (row.key, name, mean)
            checked += 1

    printed = [score for score in published_groups(benchmark) if "dash" not in score.note]
    assert len(printed) - UNCHECKED[benchmark] == checked


def test_the_printed_overall_stands_as_printed() -> None:
    """Index-1.9B-32K on LongBench: 35.2356, which its 21 tasks make."""
    row = rank_scores("longbench").to_json()["models"]["index-1.9b-32k"]

    assert 35.2356 == row["overall"]
    assert 35.2356 == pytest.approx(row["recomputed"]["overall"], abs=5e-5)
    assert "printed" == row["origin"]["overall"]
    assert ("index", "index-report", "native", True) == (
        row["protocol"], row["source"], row["rope"], row["published"]
    )  # fmt: skip


def test_an_overall_that_nobody_prints_is_made_by_the_benchmarks_rule() -> None:
    """L-Eval: the mean of the closed and the open mean, not of 18 tasks; and it says so."""
    row = by_key(rank_scores("leval"))["chatglm2-6b"].row
    spec = load_spec("leval")
    means = [
        sum(score for task, score in row.tasks.items() if spec.tasks[task].group == group) / count
        for group, count in (("closed", 5), ("open", 13))
    ]

    assert sum(means) / 2 == pytest.approx(row.overall.score)
    assert "computed" == row.overall.origin


def test_a_dash_is_no_score_and_gives_no_rank() -> None:
    """Index-1.9B without scaling has dashes in two tasks; its printed means, which count them as 0, stay."""
    board = rank_scores("longbench")
    row = by_key(board)["index-1.9b"]

    assert not {"lsht", "passage_count"} & set(row.row.tasks)
    assert (None, {}) == (row.mean_rank, row.ranks)
    assert "no score for 2 of 21 tasks (lsht, passage_count)" == row.unranked
    assert 7.65 == row.row.overall.score
    assert row.row.overall.recomputed is None
    assert any(note.startswith("index-1.9b: as printed, though a task has no score") for note in board.notes)


def test_a_model_without_rank_stands_below_the_ranked() -> None:
    """Also where its overall score is higher than theirs."""
    rows = rank_scores("longbench").rows

    assert [False] * 11 == [each.mean_rank is None for each in rows[:11]]
    assert "index-1.9b" in [each.row.key for each in rows[11:]]


def test_each_rope_setting_is_a_row_of_its_own() -> None:
    """The plain name is the model as released."""
    rows = by_key(rank_scores("longbench"))

    assert {"index-1.9b": "native", "index-1.9b+rope-dynamic:8": "dynamic:8"} == {
        key: each.row.rope for key, each in rows.items() if each.row.model == "index-1.9b"
    }
    assert 10.9 == rows["index-1.9b+rope-dynamic:8"].row.overall.score


def test_means_of_another_publication_join_the_scores_they_are_made_of() -> None:
    """The report prints means of the page's GPT-4 column: one row, both sources."""
    row = by_key(rank_scores("longbench"))["gpt-4"].row

    assert (PAGE, "index-report") == row.sources
    assert 51.0301 == row.overall.score
    assert 51.0301 == pytest.approx(row.overall.recomputed, abs=5e-5)


def test_a_source_that_prints_a_score_again_counts_too() -> None:
    """The extension table repeats Index-1.9B-32K beside its own two columns."""
    rows = by_key(rank_scores("longbench", source="index-report-extension"))

    assert {"index-1.9b-32k", "index-1.9b", "index-1.9b+rope-dynamic:8"} == set(rows)


def test_keys_do_not_depend_on_what_is_shown() -> None:
    """A filter takes rows away and names none anew."""
    everything = set(by_key(rank_scores("leval")))

    assert set(by_key(rank_scores("leval", protocol="official"))) < everything
    assert set(by_key(rank_scores("leval", source=PAGE))) < everything


def test_scores_under_other_rules_have_a_ranking_of_their_own() -> None:
    """L-Eval's own F1 is never ranked against OpenCompass's ROUGE-1."""
    board = rank_scores("leval")

    scorings = {ranking.scoring: [each.row.key for each in ranking.rows] for ranking in board.rankings}
    assert "gpt4-32k" in scorings["official"]
    assert "gpt-4" in scorings["opencompass"]
    assert 18 == len(board.rankings[0].tasks)


def test_a_protocol_alone_is_ranked_within_itself() -> None:
    """Index and Qwen2, both run by the report."""
    rows = rank_scores("leval", protocol="index").rows

    assert ["qwen2-1.5b-instruct", "index-1.9b-32k"] == [each.row.key for each in rows]
    assert 18 * 3 == sum(sum(each.ranks.values()) for each in rows)


def test_chosen_tasks_are_what_is_ranked() -> None:
    """A group stands for its tasks; OpenCompass's names are known."""
    board = rank_scores("leval", tasks=["closed", "LEval_nq"])

    closed = ["coursera", "gsm100", "quality", "tpo", "topic_retrieval_longchat"]
    assert (*closed, "natural_question") == board.rankings[0].tasks


def test_tasks_that_a_protocol_lacks_leave_its_rows_unranked() -> None:
    """OpenCompass has no CodeU."""
    board = rank_scores("leval", protocol="opencompass", tasks=["codeU"])

    assert {(None, "its protocol has none of these tasks")} == {(each.mean_rank, each.unranked) for each in board.rows}


def test_a_run_is_ranked_among_the_published(run: Callable[..., ModelColumn]) -> None:
    """Best in every task: rank 1, and everyone else one place down."""
    best = run("longbench", dict.fromkeys(load_spec("longbench").tasks, 99.0))

    board = rank_scores("longbench", [best], source=PAGE)

    rows = by_key(board)
    assert 1.0 == rows["mine · opencompass"].mean_rank
    assert 28.0 / 21 + 1 == pytest.approx(rows["gpt-4"].mean_rank)
    found = board.to_json()["models"]["mine · opencompass"]
    assert (12.0, False, None) == (found["overall"], found["published"], found["source"])
    assert "run" == found["origin"]["overall"]


@pytest.mark.parametrize(
    ("tasks", "n", "notes", "reason"),
    [
        (21, 50, (), "PARTIAL: narrativeqa 50/200, qasper 50/200, multifieldqa_en 50/200, multifieldqa_zh 50/200…"),
        (20, None, (), "no score for 1 of 21 tasks (repobench-p)"),
        (
            21, None, ("the data is not the pinned one: a part of the benchmark, or altered",),
            "PARTIAL: narrativeqa other data, qasper other data, multifieldqa_en other data, multifieldqa_zh other "
            "data…",
        ),
    ],
)  # fmt: skip
def test_a_run_that_is_not_whole_gets_no_rank(
    run: Callable[..., ModelColumn], tasks: int, n: int | None, notes: tuple[str, ...], reason: str
) -> None:
    """Samples, tasks or the pinned data missing: it is shown, with the reason, and moves nobody's rank."""
    names = list(load_spec("longbench").tasks)[:tasks]
    part = run("longbench", dict.fromkeys(names, 99.0), n=n, notes=notes)

    rows = by_key(rank_scores("longbench", [part], source=PAGE))

    assert (None, reason) == (rows["mine · opencompass"].mean_rank, rows["mine · opencompass"].unranked)
    assert 28.0 / 21 == pytest.approx(rows["gpt-4"].mean_rank)


def test_runs_with_one_name_are_told_apart_by_their_folders(run: Callable[..., ModelColumn], tmp_path: Path) -> None:
    """So that no key stands for two."""
    twins = [run("longbench", {"lcc": 1.0}, folder=name) for name in ("one", "two")]

    keys = set(by_key(rank_scores("longbench", twins)))

    assert {f"mine · opencompass ({tmp_path / name})" for name in ("one", "two")} <= keys


def test_a_run_of_another_benchmark_is_refused(run: Callable[..., ModelColumn]) -> None:
    """Its tasks are not these."""
    with pytest.raises(UserError, match="a run of leval, not of longbench"):
        rank_scores("longbench", [run("leval", {"tpo": 1.0})])


def test_a_run_of_another_protocol_is_left_out_and_named(run: Callable[..., ModelColumn]) -> None:
    """Overrides do not change the protocol."""
    runs = [
        run("longbench", {"lcc": 1.0}, protocol="index+rope-dynamic:4", model="kept"),
        run("longbench", {"lcc": 1.0}, folder="other"),
    ]

    board = rank_scores("longbench", runs, protocol="index")

    assert "kept · index+rope-dynamic:4" in by_key(board)
    assert "mine · opencompass: left out, not of protocol index" in board.notes


@pytest.mark.parametrize("name", ["overall", "lsht", "LongBench_lsht", "code"])
def test_rows_are_sorted_by_any_score(name: str) -> None:
    """Highest first; rows without the score come last."""
    rows = [each.row for each in rank_scores("longbench", sort=name).rankings[0].rows]
    task = name.removeprefix("LongBench_")

    values = [
        row.overall.score if name == "overall" else row.groups["code"].score if name == "code" else row.tasks.get(task)
        for row in rows
    ]
    there = [value for value in values if value is not None]
    assert all(first >= second for first, second in pairwise(there))
    assert [None] * (len(values) - len(there)) == values[len(there) :]


def test_rows_are_sorted_by_model() -> None:
    """Whatever the case of the letters."""
    names = [each.row.name for each in rank_scores("longbench", sort="model").rankings[0].rows]

    assert sorted(names, key=str.casefold) == names


def test_needle_grids_are_by_length() -> None:
    """The heat map's column means, and their mean as printed."""
    board = rank_scores("needlebench-32k")
    row = by_key(board)["index-1.9b-32k"].row

    assert ["9000", "13000", "17000", "21000", "25000", "29000", "31000", "32000"] == board.tasks
    assert 97.01 == row.groups["single"].score
    assert 97.0125 == pytest.approx(row.groups["single"].recomputed)
    assert row.overall.score is None


def test_lengths_of_a_run_are_compared_by_the_digits_that_are_printed(tmp_path: Path) -> None:
    """The README prints one decimal: 89.96 is its 90.0, and shares the first rank."""
    spec = load_spec("needle")
    group = GroupScore(
        score=77.0,
        tasks=["single"],
        buckets={"2048": BucketScore(score=89.96, n=90), "4096": BucketScore(score=39.96, n=90)},
    )
    scores = BenchmarkScores(
        benchmark="needle",
        protocol="keyword+rope-dynamic:2",
        model="needle-tiny",
        tasks={},
        groups={"retrieval": group},
        overall=OverallScore(score=77.0, rule=spec.overall),
        partial=False,
    )

    board = rank_scores("needle", [ModelColumn(tmp_path, scores, spec, {"rope": "dynamic:2"})])

    rows = by_key(board)
    assert ("2048", "4096") == board.rankings[0].tasks
    assert 1.5 == rows["needle-tiny+rope-dynamic:2"].mean_rank
    assert (1.5, "dynamic:2") == (
        rows["needle-tiny · keyword+rope-dynamic:2"].mean_rank,
        rows["needle-tiny · keyword+rope-dynamic:2"].row.rope,
    )


def test_ranges_of_a_task_are_scores_of_their_own(tmp_path: Path) -> None:
    """LongBench-E is published by length: each task and range is one."""
    spec = load_spec("longbench-e")
    buckets = {name: BucketScore(score=99.9, n=100) for name in ("0-4k", "4-8k", "8k+")}
    task = TaskScore(
        score=99.9, metric="m", n=300, failed=0, expected=300, ci95=None, clusters=1, cluster_unit="document", empty=0,
        buckets=buckets,
    )  # fmt: skip
    scores = BenchmarkScores(
        benchmark="longbench-e", protocol="official", model="mine", tasks=dict.fromkeys(spec.tasks, task), groups={},
        overall=OverallScore(score=99.9, rule=spec.overall), partial=False,
    )  # fmt: skip

    board = rank_scores("longbench-e", [ModelColumn(tmp_path, scores, spec, {})])

    assert ["qasper 0-4k", "qasper 4-8k", "qasper 8k+", "multifieldqa_en 0-4k"] == board.tasks[:4]
    ranks = {key: each.mean_rank for key, each in by_key(board).items()}
    assert {"mine · official", "llama3-8b-instruct"} == set(ranks)
    assert ranks["mine · official"] is not None
    assert 1.0 < ranks["mine · official"] + 0.05 < 1.1  # one range is printed as 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"benchmark": "longbnch"}, "did you mean 'longbench'"),
        ({"benchmark": "longbench", "protocol": "indx"}, "did you mean 'index'"),
        ({"benchmark": "longbench", "source": "index-reprt"}, "did you mean 'index-report'"),
        ({"benchmark": "longbench", "sort": "meanrank"}, "did you mean 'mean-rank'"),
        ({"benchmark": "longbench", "tasks": ["lshtt"]}, "did you mean 'lsht'"),
    ],
)
def test_a_name_that_is_not_there_is_refused_with_the_nearest(arguments: dict[str, str], message: str) -> None:
    """One line each."""
    with pytest.raises(UnknownNameError, match=message):
        rank_scores(**arguments)  # type: ignore[arg-type]


def test_the_frame_has_every_score_once() -> None:
    """Tasks as printed, with ranks; overall with the mean rank."""
    frame = rank_scores("longbench").to_pandas()

    tasks = frame[frame.kind == "task"]
    assert len(published("longbench")) == len(tasks)
    best = frame[(frame.kind == "overall") & (frame.key == "gpt-4")].iloc[0]
    assert best["rank"] == pytest.approx(tasks[tasks.key == "gpt-4"]["rank"].mean())


def test_a_notebook_shows_names_as_they_are(run: Callable[..., ModelColumn]) -> None:
    """Mark-up in a model's name is text."""
    board = rank_scores("longbench", [run("longbench", {"lcc": 1.0}, model="<b>ant</b>")])

    assert "&lt;b&gt;ant&lt;/b&gt;" in board._repr_html_()
    assert "<b>" not in board._repr_html_()
    assert repr(board).startswith("<Leaderboard longbench: ")
