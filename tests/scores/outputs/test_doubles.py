"""Whether rows are as many samples, told without the benchmark's data."""

from __future__ import annotations

import json
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
    """Writer of one task file: `write("hotpotqa", rows)`; its folder."""

    def go(task: str, rows: Sequence[Row]) -> Path:
        folder = bare / "m"
        folder.mkdir(exist_ok=True)
        (folder / f"{task}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return folder

    return go


def rows(count: int, pred: str = "x", length: int | None = 9000) -> list[Row]:
    """LongBench rows of as many samples, their lengths `length` upwards."""
    lengths = [{} if length is None else {"length": length + number} for number in range(count)]
    return [{"pred": pred, "answers": [f"answer {number}"]} | lengths[number] for number in range(count)]


@pytest.mark.parametrize("length", [9000, None])
@pytest.mark.parametrize(("first", "second"), [(50, 70), (70, 50), (60, 60)])
def test_a_second_run_in_the_same_file_is_refused(write: Write, first: int, second: int, length: int | None) -> None:
    """pred.py appends; both runs together are short enough for one, and would be mixed."""
    folder = write("musique", rows(first, "", length) + rows(second, "answer", length))

    place = rf"musique\.jsonl:{first + 1}: the gold answers start over as from .*musique\.jsonl:1: two runs in one file"
    with pytest.raises(DataError, match=place):
        score_predictions(folder, "longbench")


def test_a_file_of_many_equal_gold_answers_is_no_second_run(write: Write) -> None:
    """Paragraph numbers come often, and lengths tell the samples apart."""
    made = [{"pred": "1", "answers": [f"Paragraph {n % 2}"], "length": 9000 + n} for n in range(120)]

    task = score_predictions(write("passage_retrieval_en", made), "longbench").tasks["passage_retrieval_en"]

    assert 120 == task.n


@pytest.mark.parametrize(("made", "place"), [
    (rows(1) * 200, "musique.jsonl:2: is the same as .*musique.jsonl:1, and 198 more rows are like that"),
    ([row for row in rows(80) for _ in (0, 1)], "musique.jsonl:2: is the same as .*:1, and 79 more"),
    ([*rows(80), rows(80)[7]], "musique.jsonl:81: is the same as .*:8;"),
    ([*rows(80), rows(80, "y")[7]], "musique.jsonl:81: is of the same sample as .*:8;"),
    (rows(1, length=None) * 5, "musique.jsonl:2: is the same as"),
])  # fmt: skip
def test_rows_that_come_twice_are_refused(write: Write, made: list[Row], place: str) -> None:
    """Whatever their number: n may not exceed the distinct samples."""
    with pytest.raises(DataError, match=place):
        score_predictions(write("musique", made), "longbench")


@pytest.mark.parametrize("length", [None, 5000])
def test_gold_answers_that_come_more_often_than_in_the_task_are_refused(write: Write, length: int | None) -> None:
    """Two runs whose rows are mixed are noticed without lengths as well; the samples of qmsum differ in their gold."""
    one, other = ([{"pred": text, "answers": [f"gold {number}"]} for number in range(70)] for text in "ab")
    made = [
        row | ({} if length is None else {"length": length}) for pair in zip(one, other, strict=True) for row in pair
    ]

    with pytest.raises(DataError, match=r"qmsum\.jsonl:2: has the same gold answer as .*:1, and 69 more rows"):
        score_predictions(write("qmsum", made), "longbench")


def test_the_benchmarks_own_repetitions_are_let_through(write: Write) -> None:
    """One sample of multifieldqa_en has the gold answer and length of another."""
    made = rows(30, length=4000)

    assert 31 == score_predictions(write("multifieldqa_en", [*made, made[3]]), "longbench").tasks["multifieldqa_en"].n
    with pytest.raises(DataError, match="is the same"):
        score_predictions(write("multifieldqa_en", [*made, made[3], made[4]]), "longbench")


def test_a_failed_row_beside_its_answer_is_no_double(write: Write) -> None:
    """It inflates no count of scored samples."""
    made = rows(10)

    task = score_predictions(write("musique", [{**made[0], "pred": None}, *made]), "longbench").tasks["musique"]

    assert (10, 1) == (task.n, task.failed)


def test_questions_tell_samples_of_leval_apart(write: Write) -> None:
    """An answer that was changed by hand is still the same sample's."""
    record = {"query": "Which of these four is the right one?", "gt": "B", "m_pred": "B", "evaluation": "exam"}
    others = [record | {"query": f"Question number {number} about the text"} for number in range(9)]

    assert 10 == score_predictions(write("tpo", [record, *others]), "leval").tasks["tpo"].n
    with pytest.raises(DataError, match=r"tpo\.jsonl:11: is of the same sample as .*tpo\.jsonl:1;"):
        score_predictions(write("tpo", [record, *others, record | {"m_pred": "A"}]), "leval")


@pytest.mark.parametrize(("options", "made", "complaint"), [
    ({}, rows(50, length=100), "50 predictions for texts of length below 4,000, but hotpotqa has 16.*need --e"),
    ({"benchmark": "longbench-e"}, rows(140), "140 predictions for .* from 8,000, but hotpotqa has 100.*without --e"),
])  # fmt: skip
def test_lengths_tell_longbench_from_longbench_e(
    write: Write, options: dict[str, str], made: list[Row], complaint: str
) -> None:
    """LongBench-E has as many short texts as long ones; where it has fewer samples than the rows, it is the other."""
    with pytest.raises(DataError, match=complaint):
        score_predictions(write("hotpotqa", made), "longbench", **options)  # type: ignore[arg-type]
