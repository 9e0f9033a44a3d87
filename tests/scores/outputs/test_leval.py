"""L-Eval's prediction files: what is taken, what fails, what is refused, and where it is named."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import score_predictions
from evalkit.errors import DataError
from evalkit.scores import read_outputs
from evalkit.tasks import load_benchmark

GOOD = {"query": "?", "gt": "B", "tiny_pred": "A", "evaluation": "exam"}
Write = Callable[..., Path]


@pytest.fixture
def write(bare: Path) -> Write:
    """Writer of one file of L-Eval outputs: `write("coursera.pred.jsonl", {...}, {...})`; its folder."""

    def go(name: str, *records: Any) -> Path:
        folder = bare / "tiny"
        folder.mkdir(exist_ok=True)
        lines = [record if isinstance(record, str) else json.dumps(record) + "\n" for record in records]
        (folder / name).write_text("".join(lines), "utf-8")
        return folder

    return go


def answers(folder: Path, **options: Any) -> dict[str, list[tuple[str, str, tuple[str, ...]]]]:
    """Task → id, prediction and targets of each answer."""
    read = read_outputs(folder, load_benchmark("leval"), "leval", **options)
    return {
        task: [(answer.id, answer.prediction, answer.targets) for answer in given.answers]
        for task, given in read.tasks.items()
    }


@pytest.mark.parametrize("name", ["coursera.jsonl", "coursera.pred.jsonl", "LEval_coursera.pred.jsonl"])
def test_a_file_belongs_to_the_task_it_is_named_after(write: Write, name: str) -> None:
    """L-Eval's own name or OpenCompass's."""
    assert {"coursera": [("leval/coursera/0", "A", ("B",))]} == answers(write(name, GOOD))


@pytest.mark.parametrize(
    "records",
    [
        [GOOD | {"other_pred": "E"}],
        [GOOD, {"gt": "C", "evaluation": "exam", "other_pred": "E"}],
    ],
)
def test_predictions_of_two_models_in_one_file_are_refused(write: Write, records: list[Any]) -> None:
    """The official code takes the first field and would mix them; both are named."""
    with pytest.raises(DataError, match=r"tpo\.jsonl: predictions in 2 fields \('tiny_pred', 'other_pred'\)"):
        answers(write("tpo.jsonl", *records))


def test_two_files_of_one_task_are_refused(write: Write) -> None:
    """Which one is to be scored cannot be told."""
    write("coursera.jsonl", GOOD)

    with pytest.raises(DataError, match=r"coursera\.jsonl and coursera\.pred\.jsonl are both outputs of coursera"):
        answers(write("coursera.pred.jsonl", GOOD))


def test_a_compressed_file_is_read(write: Write) -> None:
    """As `x.jsonl.gz`."""
    folder = write("coursera.jsonl", GOOD)
    with gzip.open(folder / "tpo.pred.jsonl.gz", "wt") as stream:
        stream.write(json.dumps(GOOD))

    assert {"coursera", "tpo"} == set(answers(folder))


@pytest.mark.parametrize("prediction", [None, 3, ["B"], {"text": "B"}, "missing"])
def test_a_row_without_a_text_is_a_failed_sample(write: Write, prediction: Any) -> None:
    """It stops nothing else, is not graded, and is counted."""
    bad = GOOD | {"gt": "A", "tiny_pred": prediction}
    if prediction == "missing":
        del bad["tiny_pred"]

    task = score_predictions(write("coursera.jsonl", GOOD | {"tiny_pred": "B"}, bad), "leval").tasks["coursera"]

    assert (100.0, 1, 1) == (task.score, task.n, task.failed)


def test_an_empty_text_is_an_answer(write: Write) -> None:
    """A model may say nothing."""
    task = score_predictions(write("coursera.jsonl", GOOD | {"tiny_pred": ""}), "leval").tasks["coursera"]

    assert (0.0, 1, 0, 1) == (task.score, task.n, task.failed, task.empty)


@pytest.mark.parametrize("gold", [None, "", [], [""]])
def test_a_row_without_gold_is_a_failed_sample(write: Write, gold: Any) -> None:
    """It is left out, not graded as wrong."""
    task = score_predictions(write("coursera.jsonl", GOOD | {"tiny_pred": "B"}, GOOD | {"gt": gold}), "leval").tasks[
        "coursera"
    ]

    assert (100.0, 1, 1) == (task.score, task.n, task.failed)


def test_only_failures_that_the_protocol_has_count(write: Write) -> None:
    """The official rules pass over what people judge, answered or not."""
    judged = {"gt": "x", "tiny_pred": None, "evaluation": "human"}
    folder = write("natural_question.jsonl", GOOD | {"evaluation": "f1"}, judged)

    assert [0, 1] == [
        score_predictions(folder, "leval", protocol).tasks["natural_question"].failed
        for protocol in ("official", "opencompass")
    ]


def test_a_list_of_gold_answers_is_taken_whole(write: Write) -> None:
    """The best of them counts."""
    folder = write("natural_question.jsonl", GOOD | {"gt": ["x", "y"], "evaluation": "f1"})

    assert ("x", "y") == answers(folder)["natural_question"][0][2]


def test_without_the_data_every_sample_is_its_own_cluster(write: Write) -> None:
    """And the score says so."""
    read = read_outputs(write("coursera.jsonl", GOOD, GOOD), load_benchmark("leval"), "leval").tasks["coursera"]

    assert ("sample", 2) == (read.cluster_unit, len({answer.document for answer in read.answers}))


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ([{"gt": "B", "evaluation": "exam"}], "coursera.jsonl:1: no field with a name like 'MODEL_pred'"),
        (
            [GOOD, '{"gt": "B", "tiny_pred": "A", "tiny_pred": "B"}\n'],
            "coursera.jsonl:2: field 'tiny_pred' is given twice",
        ),
        ([GOOD, GOOD | {"gt": 3}], "coursera.jsonl:2: field 'gt' is an integer"),
        ([GOOD | {"gt": [1]}], "coursera.jsonl:1: 'gt' is neither a text nor a list of texts"),
        ([{key: value for key, value in GOOD.items() if key != "evaluation"}], "field 'evaluation' is missing"),
        ([GOOD, "{broken\n"], "coursera.jsonl:2: not JSON"),
        ([GOOD, '{"gt": "B"'], "coursera.jsonl:2: the last line is cut off"),
        ([], "has no records"),
    ],
)
def test_a_bad_record_is_named_by_file_line_and_field(write: Write, records: list[Any], problem: str) -> None:
    """One line; nothing is skipped and nothing is taken for an answer."""
    with pytest.raises(DataError) as caught:
        answers(write("coursera.jsonl", *records))

    assert problem in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_a_file_of_no_known_task_is_refused_or_left_out_when_asked(write: Write) -> None:
    """The nearest task is suggested."""
    write("coursera.jsonl", GOOD)
    folder = write("courser.pred.jsonl", GOOD)

    with pytest.raises(DataError, match=r"did you mean 'coursera'.*--ignore-unknown"):
        answers(folder)

    assert ["coursera"] == list(answers(folder, ignore_unknown=True))


def test_a_folder_without_outputs_is_refused(bare: Path) -> None:
    """With what is expected there."""
    with pytest.raises(DataError, match=r"no \*.jsonl file"):
        answers(bare)
