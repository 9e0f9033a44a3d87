"""Whether OpenCompass's rows, which name no sample, are as many samples; told without the benchmark's data."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit import score_predictions
from evalkit.errors import DataError

Row = dict[str, Any]
Write = Callable[..., Path]


@pytest.fixture
def write(bare: Path) -> Write:
    """Writer of OpenCompass files: `write(LongBench_hotpotqa=rows)`; their folder."""

    def go(**files: Sequence[Row]) -> Path:
        folder = bare / "m"
        folder.mkdir(exist_ok=True)
        for name, rows in files.items():
            (folder / f"{name}.json").write_text(json.dumps({str(number): row for number, row in enumerate(rows)}))
        return folder

    return go


def facts(count: int, prediction: str = "x") -> list[Row]:
    """Rows of as many samples, their prompts left out."""
    return [{"origin_prompt": "…", "prediction": prediction, "gold": [f"gold {n}"]} for n in range(count)]


def letters(count: int) -> list[Row]:
    """Rows of an exam with one of four letters as gold answer and as prediction."""
    drawn = random.Random(7)
    return [{"prediction": drawn.choice("ABCD"), "gold": drawn.choice("ABCD")} for _ in range(count)]


def asked(rows: Sequence[Row]) -> list[Row]:
    """The rows with a whole prompt each."""
    return [
        row | {"origin_prompt": f"{'Read this text. ' * 20}{'more ' * n}Question {n}"} for n, row in enumerate(rows)
    ]


@pytest.mark.parametrize(("name", "rows"), [
    ("LongBench_hotpotqa", facts(100) * 2),
    ("LongBench_hotpotqa", facts(100) + facts(100, "of a second run")),
    ("LongBench_hotpotqa", [*facts(120), *facts(120)[40:70]]),
    ("LEval_coursera", letters(80) * 2),
    ("LEval_tpo", letters(200) + letters(269)[20:60]),
    ("LEval_tpo", letters(10) * 26),
    ("LongBenchv2", letters(250) * 2),
])  # fmt: skip
def test_a_stretch_of_gold_answers_that_comes_again_is_refused(write: Write, name: str, rows: list[Row]) -> None:
    """Whatever the predictions, wherever it stands, and however few the distinct gold answers are."""
    with pytest.raises(DataError, match=r"row \d+: the gold answers of \d+ rows from here on are those from .*twice"):
        score_predictions(write(**{name: rows}), "opencompass")


def test_parts_that_hold_the_same_rows_are_refused(write: Write) -> None:
    """The second part was copied from the first, or from one between."""
    folder = write(LongBench_lcc_0=facts(100), LongBench_lcc_1=letters(9), LongBench_lcc_2=facts(100))

    with pytest.raises(DataError, match=r"lcc_2\.json: row 0: .* 100 rows .*lcc_0\.json: row 0 on: the same samples"):
        score_predictions(folder, "opencompass")


@pytest.mark.parametrize(("name", "row"), [
    ("LongBench_hotpotqa", facts(1)[0]), ("LongBench_trec", {"prediction": "Food", "gold": {"answers": ["Food"],
     "all_classes": ["Food", "Date"]}}), ("LEval_tpo", {"prediction": "A", "gold": "B"}),
])  # fmt: skip
def test_one_row_again_and_again_is_refused(write: Write, name: str, row: Row) -> None:
    """There is no stretch of different rows in it."""
    with pytest.raises(DataError, match=r"row 1: is the same as .*row 0, and 98 more rows are like that"):
        score_predictions(write(**{name: [row] * 100}), "opencompass")


def test_every_row_twice_is_refused_where_gold_answers_are_known_to_differ(write: Write) -> None:
    """24 samples of qasper have the gold answers of an earlier one."""
    rows = [row | {"gold": [*row["gold"], "or this"]} for row in facts(25) for _ in (0, 1)]
    folder = write(LongBench_qasper=rows)

    with pytest.raises(DataError, match=r"row 1: has the same gold answer .* 24 more .*than the 24 of the task"):
        score_predictions(folder, "opencompass")
    assert 49 == score_predictions(write(LongBench_qasper=rows[:-1]), "opencompass").tasks["qasper"].n


def test_the_first_of_several_gold_answers_comes_more_often(write: Write) -> None:
    """37 samples of qasper have the first gold answer of an earlier one; 44 are let through, every row twice is not."""
    rows = [*facts(156), *random.Random(1).sample(facts(156), 44)]

    assert 200 == score_predictions(write(LongBench_qasper=rows), "opencompass").tasks["qasper"].n
    with pytest.raises(DataError, match=r"has the same gold answer .* 99 more .*; or these are another task's"):
        score_predictions(write(LongBench_qasper=[row for row in facts(100) for _ in (0, 1)]), "opencompass")


@pytest.mark.parametrize("as_turns", [False, True])
def test_a_prompt_that_comes_twice_is_refused(write: Write, as_turns: bool) -> None:
    """Other predictions and any order do not hide it; prompts are texts, or turns of a chat."""
    rows = asked(letters(60))
    rows[41] = rows[7] | {"prediction": "something else"}
    if as_turns:
        rows = [row | {"origin_prompt": [{"role": "HUMAN", "prompt": row["origin_prompt"]}]} for row in rows]

    with pytest.raises(DataError, match=r"row 41: has the same prompt and gold answer as .*row 7; keep the rows"):
        score_predictions(write(LEval_tpo=rows), "opencompass")


def test_questions_that_leval_asks_twice_are_let_through(write: Write) -> None:
    """16 of financial_qa's 68 have document, question and gold answer of another; a seventeenth has not."""
    rows = asked(facts(68))
    rows[34:50] = rows[:16]
    folder = write(LEval_financialqa=rows)

    assert 68 == score_predictions(folder, "opencompass").tasks["financial_qa"].n
    rows[60] = rows[20]
    with pytest.raises(DataError, match="16 more rows are like that, more than the 16 of the task"):
        score_predictions(write(LEval_financialqa=rows), "opencompass")


@pytest.mark.parametrize(("prompts", "looked_at"), [
    (["the instructions only"] * 30, "counts and whether a stretch of gold answers comes again"),
    (["b" * 999 + "x", *["a" * 1000] * 29], "counts and whether a stretch of gold answers comes again"),
    (["p" * (300 + n) for n in range(30)], "counts and doubled prompts"),
])  # fmt: skip
def test_the_note_claims_what_was_looked_at(write: Write, prompts: list[str], looked_at: str) -> None:
    """Stand-ins, and prompts that were cut to one length, tell no samples apart and refuse nothing."""
    rows = [row | {"origin_prompt": prompt} for row, prompt in zip(letters(30), prompts, strict=True)]

    notes = score_predictions(write(LongBenchv2=rows), "opencompass").notes

    assert [True] == [f"without the data at hand only {looked_at} were checked, not gold" in note for note in notes]


def test_each_task_says_what_was_looked_at_there(write: Write) -> None:
    """Tasks of one folder may hold different things."""
    notes = score_predictions(write(LEval_tpo=asked(letters(30)), LEval_quality=letters(30)), "opencompass").notes

    assert ["quality", "tpo"] == sorted(note.split(":")[0] for note in notes)


def test_sorted_gold_answers_are_no_second_run(write: Write) -> None:
    """Equal neighbours agree with each other however they are moved."""
    gold = [{"answers": [f"class {n // 25}"], "all_classes": [f"class {k}" for k in range(8)]} for n in range(170)]
    rows = [{"prediction": f"class {n % 8}", "gold": each} for n, each in enumerate(gold)]

    assert 170 == score_predictions(write(LongBench_trec=rows), "opencompass").tasks["trec"].n


def test_too_many_rows_are_refused_without_advice_for_another_tool(write: Write) -> None:
    """pred.py and --e have nothing to do with OpenCompass's files."""
    with pytest.raises(DataError, match=r"201 predictions, but hotpotqa has 200 answers; keep the rows of one run$"):
        score_predictions(write(LongBench_hotpotqa=facts(201)), "opencompass")
