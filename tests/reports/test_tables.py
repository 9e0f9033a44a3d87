"""Score tables: every number with its count, its coverage and its interval, in every format the same."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evalkit.errors import UserError
from evalkit.reports import caption, protocols_list, protocols_table, score_frame, terminal_table, write_tables
from evalkit.scores import BenchmarkScores, DrawSpread, ExtraScore, GroupScore, OverallScore, TaskDraws, TaskScore
from evalkit.tasks import BenchmarkSpec


@pytest.fixture
def spec() -> BenchmarkSpec:
    """Two groups; one title that LaTeX and Markdown would misread."""
    rules = {"meaning": "", "source": "", "scoring": ""}
    return BenchmarkSpec.model_validate({
        "name": "quiz", "title": "Quiz", "kind": "quiz", "about": "", "source": "", "default_protocol": "full",
        "tasks": {"task_1": {"group": "one"}, "task_2": {"group": "two"}},
        "groups": {"one": {"title": "100% A & B_1 #$ {x}"}, "two": {"title": "Two | three"}},
        "overall": "mean of groups", "protocols": {"full": rules},
    })  # fmt: skip


NONE = {"n": 0, "ci95": None, "ci95_kind": None, "clusters": 2}


def task(**fields: Any) -> TaskScore:
    """The score of one task."""
    values = {
        "score": 44.855, "metric": "qa_f1", "n": 200, "failed": 0, "expected": 200, "ci95": (39.14, 50.66),
        "clusters": 20, "cluster_unit": "document", "empty": 0, "ci95_kind": "cluster t",
    }  # fmt: skip
    return TaskScore(**values | fields)


@pytest.fixture
def scores() -> BenchmarkScores:
    """One whole task and one with failures, without an interval."""
    return BenchmarkScores(
        schema=1, benchmark="quiz", protocol="full", model="tiny", partial=True, missing=["task_3"],
        tasks={"task_1": task(), "task_2": task(score=None, failed=3, expected=5, **NONE)},
        groups={
            "one": GroupScore(score=44.855, tasks=["task_1"], ci95=(39.14, 50.66), ci95_kind="bound"),
            "two": GroupScore(score=None, tasks=["task_2", "task_3"]),
        },
        overall=OverallScore(score=None, rule="mean of groups"),
    )  # fmt: skip


def shown(table: object) -> str:
    """What a terminal 200 columns wide shows."""
    from rich.console import Console

    text = io.StringIO()
    Console(file=text, width=200).print(table)
    return text.getvalue()


def test_the_terminal_shows_score_interval_metric_and_samples(scores: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """No score without its count; where there is no interval, why; where samples failed, how many."""
    lines = {line.split()[0]: " ".join(line.split()) for line in shown(terminal_table(scores, spec)).splitlines()}

    assert "task_1 44.85 39.1 – 50.7 qa_f1 200/200" == lines["task_1"]
    assert "task_2 – (2 documents) qa_f1 0/5, 3 failed" == lines["task_2"]
    assert "overall – mean of groups" == lines["overall"]


def test_intervals_of_groups_and_bounds_are_said(scores: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """A bound says that it is one; a group with a score and no interval says why."""
    groups = scores.groups | {"two": GroupScore(score=1.0, tasks=["task_2", "task_3"])}

    text = " ".join(shown(terminal_table(scores.model_copy(update={"groups": groups}), spec)).split())

    assert "#$ {x} 44.85 39.1 – 50.7 (bound) mean" in text
    assert "Two | three 1.00 (PARTIAL 0/5) (too few clusters in a task) mean" in text


def test_the_caption_says_what_is_missing(scores: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """Benchmark, model and protocol always; coverage where it is not full."""
    assert "Quiz · tiny · protocol full · PARTIAL, 2 of 3 tasks" == caption(scores, spec)
    assert "Quiz · tiny · protocol full" == caption(scores.model_copy(update={"partial": False}), spec)


def test_the_frame_keeps_numbers_unrounded(scores: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """One row for each task, group and the overall score."""
    frame = score_frame(scores, spec)

    assert ["task", "task", "group", "group", "overall"] == list(frame["kind"])
    assert 44.855 == frame["score"][0]
    assert frame["score"].isna().tolist() == [False, True, False, True, True]


def test_a_group_counts_the_samples_of_its_tasks(scores: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """Scored, failed and expected are sums; one unknown number of samples makes their sum unknown, not smaller."""
    both = {"one": GroupScore(score=None, tasks=["task_1", "task_2"])}
    known = scores.model_copy(update={"groups": both})
    unknown = known.model_copy(update={"tasks": scores.tasks | {"task_2": task(n=7, failed=1, expected=None)}})
    missing = known.model_copy(update={"groups": scores.groups})

    counts = [
        score_frame(each, spec).query("kind == 'group'")[["n", "failed", "expected"]].astype(object).values.tolist()
        for each in (known, unknown, missing)
    ]

    assert [[[200, 3, 205]], [[207, 1, None]], [[200, 0, 200], [0, 3, None]]] == [
        [[None if pd.isna(value) else value for value in row] for row in rows] for rows in counts
    ]


def test_a_group_with_a_part_of_its_samples_shows_how_many_were_scored(
    scores: BenchmarkScores, spec: BenchmarkSpec
) -> None:
    """Of how many there should be; a task whose size nobody knows counts those it has on both sides."""
    tasks = {
        "task_1": task(n=11, failed=9, expected=20), "task_2": task(n=5, expected=5), "task_3": task(n=7, expected=None)
    }  # fmt: skip
    groups = {
        "one": GroupScore(score=None, tasks=["task_1", "task_2", "task_3", "task_4"]),
        "two": GroupScore(score=50.0, tasks=["task_2"]),
    }

    text = shown(terminal_table(scores.model_copy(update={"tasks": tasks, "groups": groups}), spec))

    assert "3/4 tasks, 23/32 samples" in text
    assert "1/1 tasks\n" in text.replace(" \n", "\n")


@pytest.mark.parametrize(("starved", "is_said"), [(None, False), (0, False), (2, False), (3, True)])
def test_more_than_a_hundredth_starved_stands_in_the_caption(
    scores: BenchmarkScores, spec: BenchmarkSpec, starved: int | None, is_said: bool
) -> None:
    """With what to do; any starved answer is counted beside its task."""
    name, first = next(iter(scores.tasks.items()))
    tasks = scores.tasks | {name: first.model_copy(update={"lost_to_reasoning": starved, "n": 200})}
    changed = scores.model_copy(update={"tasks": tasks})

    assert is_said == ("STARVED 3/200 answers: raise --max-reasoning-tokens" in caption(changed, spec))
    assert bool(starved) == (f", {starved} starved" in shown(terminal_table(changed, spec)))


def test_tables_are_written_in_three_formats(scores: BenchmarkScores, spec: BenchmarkSpec, tmp_path: Path) -> None:
    """The CSV has every digit and empty cells for what is not known."""
    paths = write_tables(tmp_path, scores, spec)

    assert ["scores.csv", "scores.md", "scores.tex"] == [path.name for path in paths]
    rows = list(csv.DictReader(io.StringIO(paths[0].read_text("utf-8"))))
    assert [
        "benchmark", "model", "protocol", "partial", "kind", "name", "score", "ci95_low", "ci95_high", "ci95_kind",
        "metric", "n", "failed", "expected", "cut", "starved",
    ] == list(rows[0])  # fmt: skip
    assert ("44.855", "39.14", "200") == (rows[0]["score"], rows[0]["ci95_low"], rows[0]["n"])
    assert ("", "3") == (rows[1]["score"], rows[1]["failed"])
    assert [("39.14", "cluster t"), ("", ""), ("39.14", "bound")] == [
        (row["ci95_low"], row["ci95_kind"]) for row in rows[:3]
    ]
    assert "| **Two \\| three** | **–** |  | mean |" in paths[1].read_text("utf-8")
    assert "44.85 & 39.1 -- 50.7 (bound) & mean" in paths[2].read_text("utf-8")


def test_markdown_rows_have_as_many_cells_as_the_head(
    scores: BenchmarkScores, spec: BenchmarkSpec, tmp_path: Path
) -> None:
    """Whatever titles contain."""
    text = write_tables(tmp_path, scores, spec)[1].read_text("utf-8")

    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {6} == {line.replace("\\|", "").count("|") for line in rows}


def test_latex_escapes_what_it_would_misread(scores: BenchmarkScores, spec: BenchmarkSpec, tmp_path: Path) -> None:
    """All special characters, and nothing twice."""
    text = write_tables(tmp_path, scores, spec)[2].read_text("utf-8")

    assert r"100\% A \& B\_1 \#\$ \{x\}" in text
    assert r"task\_1 & 44.85 & 39.1 -- 50.7 & qa\_f1 & 200/200 \\" in text


def test_a_file_in_the_way_of_the_folder_is_one_line(
    scores: BenchmarkScores, spec: BenchmarkSpec, tmp_path: Path
) -> None:
    """Results stay where they are."""
    (tmp_path / "tables").write_text("mine")

    with pytest.raises(UserError, match=r"tables/scores.csv: cannot be written"):
        write_tables(tmp_path, scores, spec)


@pytest.fixture
def extended(scores: BenchmarkScores) -> BenchmarkScores:
    """The scores with two extra metrics on one task and one of them on the other."""
    whole = ExtraScore(score=71.5, n=200, failed=0, ci95=(60.04, 80.06), ci95_kind="cluster t", clusters=20)
    partial = ExtraScore(score=50.0, n=2, failed=3, ci95=None, ci95_kind=None, clusters=2, errors=["quiz/task_2/0: no"])
    extras = {"task_1": {"my|metric": whole, "judge_1": partial}, "task_2": {"judge_1": partial}}
    tasks = {name: task.model_copy(update={"extra": extras[name]}) for name, task in scores.tasks.items()}
    return scores.model_copy(update={"tasks": tasks})


def test_extra_metrics_are_columns_with_their_counts(extended: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """Score, interval (or why there is none), samples and failures; a dash for a task without."""
    lines = shown(terminal_table(extended, spec)).splitlines()

    first, second = (next(line for line in lines if line.startswith(name)) for name in ("task_1", "task_2"))
    assert all(name in lines[1] for name in ("my|metric", "judge_1"))
    assert "71.50 (60.0 – 80.1), n 200" in first
    assert "50.00 (2 clusters), n 2, 3 failed" in first
    assert re.search(r"–\s+50\.00 \(2 clusters\), n 2, 3 failed", second)


def test_extra_metrics_are_in_every_file(extended: BenchmarkScores, spec: BenchmarkSpec, tmp_path: Path) -> None:
    """As rows of the CSV file, as columns of the others, whose rows all have as many cells as headings."""
    table, markdown, latex = (path.read_text() for path in write_tables(tmp_path, extended, spec))

    rows = [row for row in csv.DictReader(io.StringIO(table)) if row["kind"] == "extra"]
    assert [("task_1", "my|metric", "71.5", "200"), ("task_1", "judge_1", "50.0", "2")] == [
        (row["name"], row["metric"], row["score"], row["n"]) for row in rows[:2]
    ]
    assert {7} == {line.replace(r"\|", "").count("|") - 1 for line in markdown.splitlines() if line.startswith("|")}
    assert {6} == {line.replace(r"\&", "").count("&") for line in latex.splitlines() if line.endswith(r"\\")}
    assert r"\begin{tabular}{lrllrll}" in latex


def test_a_table_without_extra_metrics_is_as_ever(scores: BenchmarkScores, spec: BenchmarkSpec, tmp_path: Path) -> None:
    """Five columns, and no row of theirs."""
    table, _, latex = (path.read_text() for path in write_tables(tmp_path, scores, spec))

    assert "extra" not in table
    assert r"\begin{tabular}{lrllr}" in latex


def test_protocols_stand_side_by_side(scores: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """Score, metric and samples under each; a dash where a protocol lacks the task, and who is partial."""
    other = scores.model_copy(
        update={
            "protocol": "short", "partial": False, "missing": [], "tasks": {"task_1": task(score=50.0, metric="rouge")},
            "groups": {
                "one": GroupScore(score=50.0, tasks=["task_1"]), "two": GroupScore(score=None, tasks=[]),
            },
            "overall": OverallScore(score=50.0, rule="mean of groups"),
        }
    )  # fmt: skip

    table = protocols_table([scores, other], spec)

    assert "Quiz · tiny · the same answers under 2 protocols · PARTIAL under full" == table.title
    assert ["task", "full", "metric", "samples", "short", "metric", "samples"] == [
        column.header for column in table.columns
    ]
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    assert [
        ("task_1", "44.85", "qa_f1", "200/200", "50.00", "rouge", "200/200"),
        ("task_2", "–", "qa_f1", "0/5, 3 failed", "–", "", ""),
        ("100% A & B_1 #$ {x}", "44.85", "mean", "1/1 tasks", "50.00", "mean", "1/1 tasks"),
        ("Two | three", "–", "mean", "1/2 tasks, 0/5 samples", "–", "mean", "0/0 tasks"),
        ("overall", "–", "", "", "50.00", "", ""),
    ] == rows


def test_a_benchmark_without_an_overall_rule_shows_no_overall_score(
    scores: BenchmarkScores, spec: BenchmarkSpec
) -> None:
    """Its authors give none."""
    bare = spec.model_copy(update={"overall": ""})
    without = scores.model_copy(update={"overall": OverallScore(score=None, rule="")})

    assert "overall" not in shown(protocols_table([without], bare)) + shown(terminal_table(without, bare))


def test_groups_without_any_of_their_tasks_are_left_out_of_the_table(
    scores: BenchmarkScores, spec: BenchmarkSpec
) -> None:
    """Nothing was run of them, and the caption says what is missing."""
    one = scores.model_copy(update={"tasks": {"task_1": task()}})

    text = shown(terminal_table(one, spec))

    assert "100% A & B_1" in text
    assert "Two | three" not in text


def test_the_markdown_is_all_of_the_table(scores: BenchmarkScores, spec: BenchmarkSpec, tmp_path: Path) -> None:
    """Caption, head, tasks, and the means in bold."""
    text = write_tables(tmp_path, scores, spec)[1].read_text("utf-8")

    assert [
        "Quiz · tiny · protocol full · PARTIAL, 2 of 3 tasks", "",
        "| task | score | 95% interval | metric | samples |", "| --- | ---: | --- | --- | ---: |",
        "| task_1 | 44.85 | 39.1 – 50.7 | qa_f1 | 200/200 |",
        "| task_2 | – | (2 documents) | qa_f1 | 0/5, 3 failed |",
        "| **100% A & B_1 #$ {x}** | **44.85** | 39.1 – 50.7 (bound) | mean | 1/1 tasks |",
        "| **Two \\| three** | **–** |  | mean | 1/2 tasks, 0/5 samples |",
        "| **overall** | **–** |  | mean of groups |  |",
    ] == text.splitlines()  # fmt: skip


def test_the_latex_is_a_table_of_its_own(scores: BenchmarkScores, spec: BenchmarkSpec, tmp_path: Path) -> None:
    """Caption, rules between head, tasks and means; without means no rule for them."""
    lines = write_tables(tmp_path, scores, spec)[2].read_text("utf-8").splitlines()
    alone = scores.model_copy(update={"groups": {}, "overall": OverallScore(score=None, rule="")})

    bare = write_tables(tmp_path, alone, spec)[2].read_text("utf-8").splitlines()

    assert [r"\begin{table}", r"\centering"] == lines[:2]
    assert r"\caption{Quiz $\cdot$ tiny $\cdot$ protocol full $\cdot$ PARTIAL, 2 of 3 tasks}" == lines[2]
    assert [r"\bottomrule", r"\end{tabular}", r"\end{table}"] == lines[-3:]
    assert (2, 1) == (lines.count(r"\midrule"), bare.count(r"\midrule"))


def test_every_row_says_whose_it_is(scores: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """Benchmark, model, protocol and coverage come first, so that tables of several runs can be joined."""
    frame = score_frame(scores, spec)

    assert ["benchmark", "model", "protocol", "partial", "kind", "name"] == list(frame.columns[:6])
    assert {("quiz", "tiny", "full", True)} == set(
        frame[["benchmark", "model", "protocol", "partial"]].itertuples(index=False, name=None)
    )
    assert "mean of groups" == frame["name"].iloc[-1]


@pytest.fixture
def limited(scores: BenchmarkScores) -> BenchmarkScores:
    """Every number is over a part: 60 of 220 samples of one task, the other whole."""
    return scores.model_copy(
        update={
            "missing": [], "tasks": {"task_1": task(score=100.0, n=60, expected=220), "task_2": task(score=9.0)},
            "groups": {
                "one": GroupScore(score=100.0, tasks=["task_1"]), "two": GroupScore(score=9.0, tasks=["task_2"]),
            },
            "overall": OverallScore(score=54.5, rule="mean of groups"),
        }
    )  # fmt: skip


def test_means_over_a_part_say_so_beside_the_number(limited: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """It shall not be copied without; a group that is whole has no mark."""
    lines = [" ".join(line.split()) for line in shown(terminal_table(limited, spec)).splitlines()]

    assert any("{x} 100.00 (PARTIAL 60/220)" in line for line in lines)
    assert any("Two | three 9.00 (too few" in line for line in lines)
    assert any("overall 54.50 (PARTIAL 260/420)" in line for line in lines)


def test_numbers_end_below_each_other(limited: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """Also where something stands behind them."""
    lines = shown(terminal_table(limited, spec)).splitlines()

    ends = {
        line.index(number) + len(number) for number in ("100.00", "9.00", "54.50") for line in lines if number in line
    }
    assert 1 == len(ends)


def test_the_files_mark_partial_means_too(limited: BenchmarkScores, spec: BenchmarkSpec, tmp_path: Path) -> None:
    """Markdown and LaTeX; the CSV has the counts of the overall score in their columns."""
    paths = write_tables(tmp_path, limited, spec)

    rows = list(csv.DictReader(io.StringIO(paths[0].read_text("utf-8"))))
    assert ("54.5", "260", "420") == (rows[-1]["score"], rows[-1]["n"], rows[-1]["expected"])
    assert "| **overall** | **54.50 (PARTIAL 260/420)** |" in paths[1].read_text("utf-8")
    assert "overall & 54.50 (PARTIAL 260/420) &" in paths[2].read_text("utf-8")


def test_altered_data_makes_the_overall_score_partial(limited: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """Though no sample is known to be missing."""
    altered = limited.model_copy(update={"tasks": {"task_1": task(), "task_2": task()}})

    assert "54.50 (PARTIAL)" in shown(terminal_table(altered, spec))


def test_the_caption_is_ascii_for_latex(scores: BenchmarkScores, spec: BenchmarkSpec, tmp_path: Path) -> None:
    """Signs that its default fonts lack, or print as other ones, are commands."""
    named = scores.model_copy(update={"model_title": "a|b <c> × d ≥ e…"})

    text = write_tables(tmp_path, named, spec)[2].read_text("utf-8")

    wanted = r"a\textbar{}b \textless{}c\textgreater{} $\times$ d $\geq$ e\dots{} [tiny] $\cdot$ protocol full"
    assert rf"\caption{{Quiz $\cdot$ {wanted} $\cdot$ PARTIAL, 2 of 3 tasks}}" in text
    assert text.isascii()


def test_a_model_has_its_title_with_the_name_in_the_caption(scores: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """As figures have it."""
    named = scores.model_copy(update={"model_title": "My model", "partial": False})

    assert "Quiz · My model [tiny] · protocol full" == caption(named, spec)


def test_protocols_go_below_each_other_for_a_narrow_terminal(limited: BenchmarkScores, spec: BenchmarkSpec) -> None:
    """The same cells; a task is named once, each row with its protocol and its count."""
    other = limited.model_copy(update={"protocol": "short"})

    table = protocols_list([limited, other], spec)

    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    assert ["task", "protocol", "score", "metric", "samples"] == [column.header for column in table.columns]
    assert [("task_1", "full", "100.00", "qa_f1", "60/220"), ("", "short", "100.00", "qa_f1", "60/220")] == rows[:2]
    assert [("overall", "full", "54.50", "", "PARTIAL 260/420"), ("", "short", "54.50", "", "PARTIAL 260/420")] == rows[
        -2:
    ]
    assert protocols_table([limited, other], spec).title == table.title


def test_several_draws_are_told_beside_each_score(scores: BenchmarkScores, spec: BenchmarkSpec, tmp_path: Path) -> None:
    """How many there are and how far they lie apart, in every format; what lacks draws is marked by a dash."""
    spread = {"scores": [40.0, 50.0], "spread": 7.0711, "range": (40.0, 50.0)}
    draws = TaskDraws(**spread, per_sample=2, answers=397, failed=3)
    drawn = scores.model_copy(
        update={
            "tasks": {"task_1": task(draws=draws), "task_2": scores.tasks["task_2"]},
            "groups": {**scores.groups, "one": scores.groups["one"].model_copy(update={"draws": DrawSpread(**spread)})},
        }
    )

    lines = {line.split()[0]: " ".join(line.split()) for line in shown(terminal_table(drawn, spec)).splitlines()}
    csv_path, markdown_path, latex_path = write_tables(tmp_path, drawn, spec)

    assert lines["task_1"].endswith("200/200 × 2, 3 draws missing ± 7.07 (40.00 – 50.00)")
    assert lines["task_2"].endswith("–")
    assert "± 7.07 (40.00 – 50.00)" in lines["100%"]
    assert "PARTIAL" in lines["100%"]
    row = next(csv.DictReader(io.StringIO(csv_path.read_text("utf-8"))))
    assert ("7.0711", "40.0", "50.0") == (row["spread"], row["lowest_draw"], row["highest_draw"])
    for path in (markdown_path, latex_path):
        assert "spread of 2 draws" in path.read_text("utf-8")
    assert "spread" not in shown(terminal_table(scores, spec))
    assert "spread" not in score_frame(scores, spec)
