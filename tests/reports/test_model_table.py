"""Tables over models: what stands in a cell, in a heading and below, and the three kinds of file."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalkit
from evalkit.reports import (
    ModelColumn,
    model_column,
    model_list,
    model_tables,
    models_table,
    write_model_tables,
)
from evalkit.scores import TaskAnswers, score_benchmark
from evalkit.scores._flags import AnswerFlags
from evalkit.tasks import Answer, load_benchmark

Column = Callable[..., ModelColumn]


@pytest.fixture
def column(toy: str, tmp_path: Path) -> Column:
    """Maker of runs of the toy benchmark: `column("ant", right=3, of=24)`."""
    benchmark = load_benchmark(toy)

    def make(
        model: str,
        *,
        right: int = 12,
        of: int = 24,
        failed: int = 0,
        tasks: tuple[str, ...] = ("tales", "sagas"),
        label: str = "plain",
        starved: int | None = None,
        folder: str = "",
        asked: dict[str, Any] | None = None,
        **identity: Any,
    ) -> ModelColumn:
        texts = ["yes" if index < right else "" for index in range(of)]
        answers = [Answer(f"toy/t/{index}", f"doc{index}", text, ("yes",)) for index, text in enumerate(texts)]
        ids = frozenset(answer.id for answer in answers[: starved or 0])
        flags = None if starved is None else AnswerFlags(reasoned_away=ids)
        given = {task: TaskAnswers(answers, failed, flags=flags) for task in tasks}
        scores, _ = score_benchmark(benchmark, "plain", given, model=model, label=label)
        place = tmp_path / (folder or model)
        return ModelColumn(place, scores, benchmark.spec, {"model": model, **identity}, asked or {})

    return make


def cells(table: Any) -> list[list[str]]:
    """Headings and rows of a terminal table."""
    columns = [[str(column.header), *map(str, column.cells)] for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def test_starved_answers_stand_in_the_title_and_below(column: Column) -> None:
    """Of the column that has the most, with what to do; none where no column has more than a few."""
    (table,) = model_tables([column("ant", starved=0), column("bee", starved=3), column("cow")])
    (calm,) = model_tables([column("ant", starved=0), column("cow")])

    assert "STARVED up to 6/48 answers: raise --max-reasoning-tokens, or switch thinking off" in table.title
    assert ("bee: 6 of 48 answers are empty because reasoning took all tokens",) == table.notes
    assert "STARVED" not in calm.title


def test_models_are_columns_and_tasks_groups_overall_rows(column: Column) -> None:
    """As in a paper; the title says benchmark and protocol."""
    table = model_tables([column("ant"), column("bee", right=24)])[0]

    assert "Toy · protocol plain" == table.title
    assert [
        ["task", "metric", "ant", "bee"],
        ["tales", "overlap", "50.00", "100.00"],
        ["sagas", "overlap", "50.00", "100.00"],
        ["Short", "mean", "50.00", "100.00"],
        ["Long", "mean", "50.00", "100.00"],
        ["overall", "mean of group means", "50.00", "100.00"],
    ] == cells(models_table(table))


def test_a_number_that_lacks_samples_says_so_beside_itself(column: Column) -> None:
    """Scored of all, and the failed ones; means too, and the title says what the brackets are."""
    table = model_tables([column("ant"), column("bee", of=12, right=12, failed=2, tasks=("tales",))])[0]

    found = {row[0]: row[3] for row in cells(models_table(table))[1:]}
    assert "Toy · protocol plain · PARTIAL, 1–2 of 2 tasks: (scored/all samples)" == table.title
    assert "100.00 (12/24, 2 failed)" == found["tales"] == found["Short"]
    assert ["–", "–", "–"] == [found[name] for name in ("sagas", "Long", "overall")]


def test_missing_tasks_are_counted_in_the_title(column: Column) -> None:
    """Where no number lacks samples, there are no brackets to explain."""
    table = model_tables([column("ant", tasks=("tales",)), column("bee", tasks=("tales",))])[0]

    assert "Toy · protocol plain · PARTIAL, 1 of 2 tasks" == table.title


def test_intervals_are_there_when_asked_for(column: Column) -> None:
    """Behind the number; a bound is called one."""
    table = model_tables([column("ant"), column("bee")])[0]

    assert "50.00 [29.1 – 70.9]" == cells(models_table(table, intervals=True))[1][2]


def test_turned_models_are_rows(column: Column) -> None:
    """The metric has no room there."""
    table = model_tables([column("ant"), column("bee", right=24)])[0]

    turned = cells(models_table(table, transpose=True))
    assert ["model", "tales", "sagas", "Short", "Long", "overall"] == turned[0]
    assert ["bee", "100.00", "100.00", "100.00", "100.00", "100.00"] == turned[2]


def test_runs_under_other_settings_say_so_in_their_headings(column: Column) -> None:
    """The label of a run has every override."""
    table = model_tables([column("ant"), column("ant", label="plain+rope-dynamic:4")])[0]

    assert ("ant · plain", "ant · plain+rope-dynamic:4") == table.headings
    assert "Toy · 2 protocols or settings" == table.title


def test_runs_that_have_the_same_name_are_told_apart_by_folder(column: Column) -> None:
    """Two columns never have one heading."""
    table = model_tables([column("ant", folder="a"), column("ant", folder="b"), column("bee")])[0]

    assert [True, True, False] == ["(" in heading for heading in table.headings]
    assert 3 == len(set(table.headings))


def test_what_else_can_change_a_score_is_said_where_it_differs(column: Column) -> None:
    """But not what belongs to the model, nor what the heading says already."""
    same = {"backend": "hf", "rope_model": {"theta": 1}, "max_new_tokens": None}
    ant = column("ant", weights="w1", tokenizer="t1", max_seq_len=512, data={"a": "1", "b": "2"}, **same)
    bee = column("bee", weights="w2", tokenizer="t2", max_seq_len=None, data={"b": "3"}, **same)

    notes = model_tables([ant, bee])[0].notes

    assert ("max_seq_len differs: 512 (ant), not set (bee)", "data differs: b") == notes


def test_other_samples_are_said_where_the_count_hides_them(column: Column) -> None:
    """A grid of other depths is whole, and another grid."""
    ant = column("ant", asked={"lengths": "128", "depths": "0,100"})
    bee = column("bee", asked={"lengths": "128", "depths": "0,50,100"})

    assert ("depths differs: 0,100 (ant), 0,50,100 (bee)",) == model_tables([ant, bee])[0].notes


@pytest.mark.filterwarnings("ignore::evalkit.EvalkitWarning")
def test_what_a_run_folder_was_asked_for_is_read_from_its_manifest(tmp_path: Path) -> None:
    """What is bound to the run is in its identity; the draw counts where samples are missing."""
    small = {"lengths": [128], "depths": [0, 100], "repeats": 1}
    run = evalkit.evaluate("needle-tiny", "needle", options=small, samples="random:1", out=tmp_path / "run")

    assert {
        "lengths": "128", "depths": "0,100", "repeats": "1", "lang": "en", "samples": "random:1",
    } == model_column(tmp_path / "run", run.scores["needle"]).asked  # fmt: skip


def test_each_benchmark_has_a_table_of_its_own(column: Column, toy: str, tmp_path: Path) -> None:
    """Their numbers are not comparable."""
    twin = tmp_path / "twin.yaml"
    twin.write_text(Path(toy).read_text().replace("name: toy", "name: twin"))
    scores, _ = score_benchmark(load_benchmark(str(twin)), "plain", {}, model="ant")
    other = ModelColumn(tmp_path, scores, load_benchmark(str(twin)).spec, {})

    assert ["toy", "twin"] == [table.benchmark for table in model_tables([column("ant"), other, column("bee")])]


def test_a_narrow_terminal_gets_models_below_each_other(column: Column) -> None:
    """The same cells."""
    table = model_tables([column("ant"), column("bee", right=24)])[0]

    listed = cells(model_list(table))
    assert [["tales", "ant", "50.00"], ["", "bee", "100.00"]] == listed[1:3]


def test_csv_holds_whole_numbers_and_counts(column: Column, tmp_path: Path) -> None:
    """A row for each task, group and overall; columns for each run."""
    table = model_tables([column("ant", right=8), column("bee", of=12)])
    write_model_tables(tmp_path / "t.csv", table, intervals=True)

    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert ["task", "task", "group", "group", "overall"] == [row["kind"] for row in rows]
    assert 100 / 3 == pytest.approx(float(rows[0]["ant"]))
    assert ("24", "0", "12") == tuple(rows[0][name] for name in ("ant n", "ant failed", "bee n"))
    assert float(rows[0]["ant ci95_low"]) < 100 / 3 < float(rows[0]["ant ci95_high"])


def test_markdown_and_latex_escape_what_they_would_misread(column: Column, tmp_path: Path) -> None:
    """Names hold bars and underscores; what differs between the runs stands with the table."""
    tables = model_tables([column("a|b_c", backend="hf"), column("bee", backend="vllm")])
    for name in ("t.md", "t.tex"):
        write_model_tables(tmp_path / name, tables)

    markdown, latex = (tmp_path / "t.md").read_text(), (tmp_path / "t.tex").read_text()
    assert r"| task | metric | a\|b_c | bee |" in markdown
    assert "| --- | --- | ---: | ---: |" in markdown
    assert r"- backend differs: hf (a\|b_c), vllm (bee)" in markdown
    assert r"a\textbar{}b\_c & bee \\" in latex
    assert r"\begin{tabular}{llrr}" in latex
    assert (1, 2, 1) == tuple(latex.count(rf"\{rule}rule") for rule in ("top", "mid", "bottom"))
    assert "backend differs" in latex.partition("caption")[2].partition("\n")[0]


def test_tables_of_several_benchmarks_share_a_file(column: Column, toy: str, tmp_path: Path) -> None:
    """One below the other."""
    twin = tmp_path / "twin.yaml"
    twin.write_text(Path(toy).read_text().replace("title: Toy", "title: Twin").replace("name: toy", "name: twin"))
    scores, _ = score_benchmark(load_benchmark(str(twin)), "plain", {}, model="ant")
    other = ModelColumn(tmp_path, scores, load_benchmark(str(twin)).spec, {})

    write_model_tables(tmp_path / "t.md", model_tables([column("ant"), other]), transpose=True)

    text = (tmp_path / "t.md").read_text()
    assert text.index("Toy · protocol plain") < text.index("Twin · protocol plain")
