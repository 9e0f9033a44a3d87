"""Answers held against the benchmark's data, where that is on this machine."""

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
QUESTIONS = [(f"Which is option number {number} of the text?", "ABCD"[number % 4]) for number in range(269)]
"""Question and gold answer of every sample of tpo."""


@pytest.fixture
def data(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writer of a benchmark's data file of two documents, so many questions of which it holds."""

    def go(name: str = "Exam/tpo.jsonl", questions: Sequence[tuple[str, str]] = QUESTIONS) -> None:
        halves = [questions[:100], questions[100:]]
        records = [
            {"instructions": [q for q, _ in half], "outputs": [a for _, a in half], "input": "x", "evaluation": "exam"}
            for half in halves
            if half
        ]
        (bare / "data" / "leval" / "Exam").mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(record) + "\n" for record in records)
        (bare / "data" / "leval" / name).write_text(text)
        monkeypatch.setenv("EVALKIT_DATA", str(bare / "data"))

    return go


@pytest.fixture
def write(bare: Path) -> Write:
    """Writer of one file of outputs; its folder."""

    def go(rows: Sequence[Row], name: str = "tpo") -> Path:
        (bare / "m").mkdir(exist_ok=True)
        (bare / "m" / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return bare / "m"

    return go


def rows(questions: Sequence[tuple[str, str]] = QUESTIONS) -> list[Row]:
    """Right answers."""
    return [{"query": query, "gt": gold, "m_pred": gold, "evaluation": "exam"} for query, gold in questions]


def test_answers_in_order_have_the_documents_of_the_data(write: Write, data: Callable[..., None]) -> None:
    """Gaps do no harm."""
    data()

    task = score_predictions(write(rows()[::2]), "leval").tasks["tpo"]

    assert (135, "document", 2, []) == (task.n, task.cluster_unit, task.clusters, task.notes)


def test_another_order_is_said(write: Write, data: Callable[..., None]) -> None:
    """Several processes may write one file; the questions tell the documents all the same."""
    data()

    task = score_predictions(write(rows()[::-1]), "leval").tasks["tpo"]

    assert (100.0, "document", 2) == (task.score, task.cluster_unit, task.clusters)
    assert ["the predictions are not in the order of the data"] == task.notes


def test_documents_that_cannot_be_told_are_said(write: Write, data: Callable[..., None]) -> None:
    """Letters alone are those of many questions."""
    data()

    task = score_predictions(write([row | {"query": "q"} for row in rows()[::-1]]), "leval").tasks["tpo"]

    assert (269, "sample") == (task.n, task.cluster_unit)
    assert "which document some are about cannot be told" in task.notes[0]


def test_a_query_may_wrap_the_question(write: Write, data: Callable[..., None]) -> None:
    """Some models are asked in a frame."""
    data()
    framed = [row | {"query": f"Document is as follows. {row['query']} Answer:"} for row in rows()[::-1]]

    assert "document" == score_predictions(write(framed), "leval").tasks["tpo"].cluster_unit


@pytest.mark.parametrize(("change", "complaint"), [
    (lambda made: [*made[:5], made[5] | {"gt": "ABD"}], r"tpo\.jsonl:6: gold answer 'ABD' with its question is not in"),
    (lambda made: [*made[:5], made[5] | {"gt": "D", "m_pred": "D"}], r"tpo\.jsonl:6: gold answer 'D' with its"),
    (lambda made: [made[0], *made[:268]], r"tpo\.jsonl:2: its sample was answered before in this file"),
    (lambda made: [*made[:80], *made[:80]], r"tpo\.jsonl:81: the gold answers start over as from"),
    (lambda made: [made[0] | {"query": "A question of another task, by its length"}, *made[1:]], "question is not in"),
])  # fmt: skip
def test_what_does_not_belong_is_refused(
    write: Write, data: Callable[..., None], change: Callable[[list[Row]], list[Row]], complaint: str
) -> None:
    """Edited, doubled, and of another task: the line is named."""
    data()

    with pytest.raises(DataError, match=complaint):
        score_predictions(write(change(rows())), "leval")


def test_a_part_of_the_data_refuses_nothing_and_says_what_it_lacks(write: Write, data: Callable[..., None]) -> None:
    """The rest may be right or not."""
    data(questions=QUESTIONS[:50])

    task = score_predictions(write(rows()), "leval").tasks["tpo"]

    assert (269, "sample") == (task.n, task.cluster_unit)
    assert "219 of 269 predictions are not in the data at hand" in task.notes[0]


def test_another_evaluation_than_the_datas_is_said(write: Write, data: Callable[..., None]) -> None:
    """The data's chooses the metric, whatever the file says."""
    data()
    folder = write([row | ({"evaluation": "f1"} if index % 2 else {}) for index, row in enumerate(rows())])

    task = score_predictions(folder, "leval").tasks["tpo"]

    assert ["134 rows have another 'evaluation' than the data ('f1'): the data's counts"] == task.notes


def test_without_the_data_this_is_said(write: Write) -> None:
    """And how to get it."""
    notes = score_predictions(write(rows()), "leval").notes

    assert notes[0].startswith("tpo: without the data at hand only counts and doubled rows were checked")
    assert notes[0].endswith("evalkit data fetch leval")


QUALITY = [(question, f"({letter}) because") for question, letter in QUESTIONS[:202]]


@pytest.fixture
def store(bare: Path, data: Callable[..., None]) -> Callable[[list[str]], Path]:
    """Writer of OpenCompass's file of quality with these gold letters beside the data; its folder."""
    data("Exam/quality.jsonl", QUALITY)

    def go(letters: list[str]) -> Path:
        (bare / "m").mkdir(exist_ok=True)
        value = {str(index): {"prediction": "A", "gold": letter} for index, letter in enumerate(letters)}
        (bare / "m" / "LEval_quality.json").write_text(json.dumps(value))
        return bare / "m"

    return go


def test_stored_gold_is_compared_as_the_loader_makes_it(store: Callable[[list[str]], Path]) -> None:
    """The data has "(B) because", the row "B"."""
    task = score_predictions(store([gold[1] for _, gold in QUALITY[:29]]), "opencompass").tasks["quality"]

    assert (29, 0, "document") == (task.n, task.failed, task.cluster_unit)


def test_a_row_whose_gold_is_not_that_of_its_number_is_refused(store: Callable[[list[str]], Path]) -> None:
    """OpenCompass keeps the order; the data's gold answer is shown."""
    letters = [gold[1] for _, gold in QUALITY]
    letters[3] = "A"

    with pytest.raises(DataError, match=r"row 3: gold answer '\(A\)' is not in quality's data.*sample 3 has '\(D\)'"):
        score_predictions(store(letters), "opencompass")
