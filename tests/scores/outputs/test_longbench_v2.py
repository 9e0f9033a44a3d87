"""LongBench v2's result files."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit import score_predictions
from evalkit.errors import DataError

Write = Callable[..., Path]


@pytest.fixture
def write(bare: Path) -> Write:
    """Writer of one model's file into the folder `model`."""

    def one(name: str, *records: dict[str, Any]) -> Path:
        folder = bare / "model"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
        return folder

    return one


V2 = {"_id": "a", "difficulty": "easy", "length": "short", "answer": "B", "response": "The correct answer is (B)"}


def test_longbench_v2_results_are_scored_from_their_responses(write: Write) -> None:
    """By both rules; what the official code noted as its judgement is not trusted."""
    folder = write("my-model_cot", V2, V2 | {"_id": "b", "length": "long", "response": "Surely B.", "judge": True})

    scores = score_predictions(folder, "longbench-v2")

    task = scores.tasks["questions"]
    assert (50.0, 2, 503) == (task.score, task.n, task.expected)
    assert task.buckets is not None
    assert (100.0, 0.0) == (task.buckets["short"].score, task.buckets["long"].score)


def test_several_files_of_longbench_v2_want_folders_of_their_own(write: Write) -> None:
    """One file is one model or variant; which is meant cannot be told."""
    write("one", V2)

    with pytest.raises(DataError, match=r"2 \*\.jsonl files \(one\.jsonl, two\.jsonl\)"):
        score_predictions(write("two", V2), "longbench-v2")


@pytest.mark.parametrize("times", [2, 503])
def test_one_sample_answered_more_than_once_is_refused(write: Write, times: int) -> None:
    """503 answers to one question are not the benchmark."""
    with pytest.raises(DataError, match=r"m\.jsonl:2: sample 'a' was answered before \(.*m\.jsonl:1\)"):
        score_predictions(write("m", *[V2] * times), "longbench-v2")


@pytest.mark.parametrize("failure", [{"response": None}, {"response": 5}, {"pred": "B"}])
def test_a_row_without_a_response_is_a_failed_sample(write: Write, failure: dict[str, Any]) -> None:
    """What the official code noted as its option does not stand in for it."""
    bad = {name: value for name, value in V2.items() if name != "response"} | {"_id": "b"} | failure

    task = score_predictions(write("m", V2, bad), "longbench-v2").tasks["questions"]

    assert (100.0, 1, 1) == (task.score, task.n, task.failed)


def test_an_answer_stands_for_the_failures_of_its_sample(write: Write) -> None:
    """pred.py appends, so a sample that failed at first is there again; it is counted once, and that is said."""
    task = score_predictions(write("m", V2 | {"response": None}, V2), "longbench-v2").tasks["questions"]

    assert (1, 0) == (task.n, task.failed)
    assert "1 rows are failures of a sample that is there again: left out" in task.notes


@pytest.fixture
def data(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the benchmark's data: the question `a`, whose answer is B."""
    columns = ("question", "context", "choice_A", "choice_B", "choice_C", "choice_D", "domain")
    record = {**dict.fromkeys(columns, "x"), "_id": "a", "answer": "B", "difficulty": "easy", "length": "short"}
    (bare / "data" / "longbench_v2").mkdir(parents=True)
    (bare / "data" / "longbench_v2" / "data.json").write_text(json.dumps([record]))
    monkeypatch.setenv("EVALKIT_DATA", str(bare / "data"))


@pytest.mark.usefixtures("data")
def test_an_edited_gold_answer_is_refused(write: Write) -> None:
    """The id tells which question it was."""
    with pytest.raises(DataError, match=r"m\.jsonl:1: gold answer 'A' is not that of .*data\.json: it was edited"):
        score_predictions(write("m", V2 | {"answer": "A"}), "longbench-v2")


@pytest.mark.usefixtures("data")
def test_what_a_part_of_the_data_lacks_is_said(write: Write) -> None:
    """The other questions may be real or not."""
    task = score_predictions(write("m", V2, V2 | {"_id": "zz"}), "longbench-v2").tasks["questions"]

    assert (2, "sample") == (task.n, task.cluster_unit)
    assert "1 of 2 predictions are not in the data at hand" in task.notes[0]


@pytest.mark.usefixtures("data")
def test_answers_to_known_questions_have_documents(write: Write) -> None:
    """Found by their ids."""
    assert "document" == score_predictions(write("m", V2), "longbench-v2").tasks["questions"].cluster_unit


def results(ids: Sequence[str], questions: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Records of as many samples, in the fields of pred.py, with letters and lengths as different as the data's."""
    drawn = random.Random(1)
    return [
        {
            "_id": name, "domain": "Single-Document QA", "sub_domain": "Academic",
            "difficulty": drawn.choice(["easy", "hard"]), "length": drawn.choice(["short", "medium", "long"]),
            "question": questions[index] if questions else f"What is said about {name}?",
            **{f"choice_{letter}": f"the {letter} of it" for letter in "ABCD"}, "answer": drawn.choice("ABCD"),
            "response": "The correct answer is (B)", "pred": "B", "judge": False, "context": "…",
        }
        for index, name in enumerate(ids)
    ]  # fmt: skip


IDS = [f"66f{number:021x}" for number in range(503)]


@pytest.mark.parametrize("without", [(), ("question",), ("question", "choice_A", "choice_B", "choice_C", "choice_D")])
def test_a_whole_result_file_passes_without_the_data(write: Write, without: Sequence[str]) -> None:
    """Its 503 rows have 24 kinds of difficulty, length and letter; their ids tell them apart."""
    made = [{name: value for name, value in row.items() if name not in without} for row in results(IDS)]

    scores = score_predictions(write("m", *made), "longbench-v2")

    assert (503, 0) == (scores.tasks["questions"].n, scores.tasks["questions"].failed)
    looked_at = " and the ids of samples" if without else ", ids of samples and doubled questions"
    assert f"without the data at hand only counts{looked_at} were checked" in scores.notes[0]


@pytest.mark.parametrize("known", [100, 503])
def test_a_whole_result_file_passes_with_the_data(
    write: Write, bare: Path, monkeypatch: pytest.MonkeyPatch, known: int
) -> None:
    """A part of it, or all."""
    monkeypatch.setenv("EVALKIT_DATA", str(bare / "data"))
    (bare / "data" / "longbench_v2").mkdir(parents=True)
    made = results(IDS)
    (bare / "data" / "longbench_v2" / "data.json").write_text(json.dumps(made[:known]))

    task = score_predictions(write("m", *made), "longbench-v2").tasks["questions"]

    assert (503, "document" if known == 503 else "sample") == (task.n, task.cluster_unit)


def test_an_id_that_comes_twice_is_refused_in_a_whole_file(write: Write) -> None:
    """Of the first half twice, and of a single row."""
    for ids in (IDS[:250] * 2, [*IDS[:502], IDS[3]]):
        with pytest.raises(DataError, match="was answered before"):
            score_predictions(write("m", *results(ids)), "longbench-v2")


@pytest.mark.parametrize(("shuffles", "complaint"), [
    (False, r"m\.jsonl:251: the gold answers start over"),
    (True, r"asks the same as .* more than the 50 of the task"),
])  # fmt: skip
def test_the_same_questions_under_other_ids_are_refused(write: Write, shuffles: bool, complaint: str) -> None:
    """Whatever their order."""
    made = [row | {"_id": name} for row, name in zip(results(IDS[:250]) * 2, IDS, strict=False)]
    if shuffles:
        random.Random(3).shuffle(made)

    with pytest.raises(DataError, match=complaint):
        score_predictions(write("m", *made), "longbench-v2")


def test_one_question_of_several_texts_is_no_double(write: Write) -> None:
    """Those about games are asked in the same words, with the same options."""
    asked = ["Which player wins the most golds in the game?" if n % 25 == 0 else f"What is {n}?" for n in range(503)]

    assert 503 == score_predictions(write("m", *results(IDS, asked)), "longbench-v2").tasks["questions"].n
