"""Outputs made elsewhere, read as answers: what is taken, what is refused, and where it is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import DataError, UnknownNameError
from evalkit.scores import find_outputs, read_outputs
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
        for task, given in read.items()
    }


@pytest.mark.parametrize("name", ["coursera.jsonl", "coursera.pred.jsonl", "LEval_coursera.pred.jsonl"])
def test_a_file_belongs_to_the_task_it_is_named_after(write: Write, name: str) -> None:
    """L-Eval's own name or OpenCompass's."""
    assert {"coursera": [("leval/coursera/0", "A", ("B",))]} == answers(write(name, GOOD))


def test_the_first_field_of_the_first_record_that_holds_predictions_counts_for_all(write: Write) -> None:
    """As the official code finds it, whatever the model is called."""
    folder = write("tpo.jsonl", GOOD, {"gt": "C", "evaluation": "exam", "tiny_pred": "D", "other_pred": "E"})

    assert ["A", "D"] == [prediction for _, prediction, _ in answers(folder)["tpo"]]


def test_a_list_of_gold_answers_is_taken_whole(write: Write) -> None:
    """The best of them counts."""
    folder = write("natural_question.jsonl", GOOD | {"gt": ["x", "y"], "evaluation": "f1"})

    assert ("x", "y") == answers(folder)["natural_question"][0][2]


def test_without_the_data_every_sample_is_its_own_cluster(write: Write) -> None:
    """And the score says so."""
    read = read_outputs(write("coursera.jsonl", GOOD, GOOD), load_benchmark("leval"), "leval")["coursera"]

    assert ("sample", 2) == (read.cluster_unit, len({answer.document for answer in read.answers}))


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ([{"gt": "B", "evaluation": "exam"}], "coursera.jsonl:1: no field with a name like 'MODEL_pred'"),
        ([GOOD, {"gt": "B", "evaluation": "exam"}], "coursera.jsonl:2: field 'tiny_pred' is missing"),
        ([GOOD, GOOD | {"tiny_pred": None}], "coursera.jsonl:2: field 'tiny_pred' is null"),
        ([GOOD, GOOD | {"gt": 3}], "coursera.jsonl:2: field 'gt' is an integer"),
        ([GOOD | {"gt": []}], "coursera.jsonl:1: field 'gt' is a list"),
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


def test_an_unknown_format_suggests_the_nearest(write: Write) -> None:
    """Formats are a closed set."""
    with pytest.raises(UnknownNameError, match="did you mean 'leval'"):
        read_outputs(write("coursera.jsonl", GOOD), load_benchmark("leval"), "lval")


def test_outputs_are_found_as_given_in_the_data_folder_and_in_the_cache(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order; what is nowhere is named with the places looked at."""
    monkeypatch.setenv("EVALKIT_DATA", str(tmp_path / "data"))
    place = Path("leval_predictions/tiny")
    found = []
    for root in (tmp_path / "cache", tmp_path / "data", bare):
        (root / place).mkdir(parents=True)
        found.append(find_outputs(place))

    assert [tmp_path / "cache" / place, tmp_path / "data" / place, place] == found
    with pytest.raises(DataError, match=r"no such folder.*evalkit data fetch other"):
        find_outputs(Path("other/tiny"))
    with pytest.raises(DataError, match="a file, but outputs are a folder"):
        (bare / "file").write_text("")
        find_outputs(Path("file"))
