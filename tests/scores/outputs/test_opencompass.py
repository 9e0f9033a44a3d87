"""OpenCompass's output folders, scored again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import score_predictions
from evalkit.errors import DataError

Write = Callable[..., Path]
RIGHT = {"origin_prompt": "…", "prediction": "Paris", "gold": ["Paris"]}
WRONG = {"origin_prompt": "…", "prediction": "Rome", "gold": ["Paris"]}


@pytest.fixture
def write(bare: Path) -> Write:
    """Writer of one prediction file as OpenCompass names it; gives back its folder."""

    def one(name: str, *rows: object, model: str = "m") -> Path:
        folder = bare / "outputs" / "default" / "20240911_102030" / "predictions" / model
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps({str(index): row for index, row in enumerate(rows)})
        (folder / f"{name}.json").write_text(content, encoding="utf-8")
        return folder

    return one


@pytest.mark.parametrize("levels_up", range(5))
def test_any_folder_of_one_models_outputs_will_do(write: Write, levels_up: int) -> None:
    """The model's own, `predictions`, the run's, the experiment's, or the whole output folder."""
    model = write("LongBench_hotpotqa", RIGHT, WRONG)

    scores = score_predictions([model, *model.parents][levels_up], "opencompass")

    assert ("m", "longbench", 50.0) == (scores.model, scores.benchmark, scores.tasks["hotpotqa"].score)


def test_the_benchmark_is_told_by_the_names(write: Write) -> None:
    """L-Eval's gold answers are texts."""
    folder = write("LEval_tpo", {"prediction": "The answer is B", "gold": "B"})

    scores = score_predictions(folder, "opencompass")

    assert ("leval", 0.0) == (scores.benchmark, scores.tasks["tpo"].score)


def test_classes_come_with_the_gold_answer(write: Write) -> None:
    """OpenCompass packs both into one column for trec and lsht."""
    gold = {"answers": ["Food"], "all_classes": ["Food", "Date"]}
    folder = write("LongBench_trec", {"prediction": "\nFood\nx", "gold": gold})

    assert 100.0 == score_predictions(folder, "opencompass").tasks["trec"].score


def test_parts_of_a_task_are_one_task(write: Write) -> None:
    """Large tasks are split; rows of the second part follow those of the first, as numbers order them."""
    write("LongBench_repobench-p_0", *[{"prediction": "a", "gold": ["a"]}] * 11)
    folder = write("LongBench_repobench-p_1", {"prediction": "", "gold": ["a"]})

    task = score_predictions(folder, "opencompass").tasks["repobench-p"]

    assert (12, 1) == (task.n, task.empty)


def test_a_missing_part_is_named(write: Write) -> None:
    """The rows behind it would stand for other samples."""
    write("LongBench_lcc_0", RIGHT)
    folder = write("LongBench_lcc_2", RIGHT)

    with pytest.raises(DataError, match=r"part LongBench_lcc_1\.json is missing"):
        score_predictions(folder, "opencompass")


def test_outputs_of_two_benchmarks_want_a_choice(write: Write) -> None:
    """Then the other's files are left alone."""
    write("LEval_tpo", {"prediction": "B", "gold": "B"})
    folder = write("LongBench_hotpotqa", RIGHT)

    with pytest.raises(DataError, match="holds outputs of leval, longbench: choose one with --benchmark"):
        score_predictions(folder, "opencompass")
    assert ["tpo"] == list(score_predictions(folder, "opencompass", benchmark="leval").tasks)


def test_outputs_of_two_models_want_a_choice(write: Write) -> None:
    """The message shows them."""
    write("LongBench_hotpotqa", RIGHT, model="other")
    folder = write("LongBench_hotpotqa", RIGHT)

    with pytest.raises(DataError, match=r"holds outputs of 2 models \(.*/m, .*/other\): name one"):
        score_predictions(folder.parent, "opencompass")


def test_an_unknown_file_is_named_or_left_out(write: Write) -> None:
    """As in other formats."""
    write("gsm8k", RIGHT)
    folder = write("LongBench_hotpotqa", RIGHT)

    with pytest.raises(DataError, match=r"gsm8k\.json: unknown task of longbench"):
        score_predictions(folder, "opencompass")
    assert ["hotpotqa"] == list(score_predictions(folder, "opencompass", ignore_unknown=True).tasks)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([RIGHT, {"prediction": "x"}], "2 predictions but 1 gold answers; need as many"),
        ([{"prediction": ["x"], "gold": ["x"]}], "row 0: 'prediction' is not a text"),
        ([{"prediction": "x", "gold": [1]}], "row 0: 'gold' is neither a text nor a list of texts"),
        ([{"prediction": "x", "gold": {"answers": None}}], "row 0: 'gold' is neither"),
        ([], "not an object from row number to prediction"),
        ([{"prediction": float("nan"), "gold": ["x"]}], "NaN is not JSON"),
    ],
)
def test_bad_rows_are_named(write: Write, rows: list[Any], complaint: str) -> None:
    """The file, the row and the field."""
    folder = write("LongBench_hotpotqa", *rows)

    with pytest.raises(DataError, match=complaint):
        score_predictions(folder, "opencompass", benchmark="longbench")


def test_a_file_that_is_no_json_is_named(write: Write) -> None:
    """One line, with the file."""
    folder = write("LongBench_hotpotqa", RIGHT)
    (folder / "LongBench_hotpotqa.json").write_bytes(b'{"0": ')

    with pytest.raises(DataError, match=r"LongBench_hotpotqa\.json: not JSON"):
        score_predictions(folder, "opencompass")


@pytest.mark.parametrize("options", [{}, {"benchmark": "longbench"}])
def test_a_folder_without_known_files_is_refused(bare: Path, options: dict[str, str]) -> None:
    """Nothing is scored silently."""
    (bare / "LEval_tpo2.json").write_text("{}", encoding="utf-8")

    with pytest.raises(DataError, match=r"no file is named like|unknown task"):
        score_predictions(bare, "opencompass", **options)


def test_a_folder_without_outputs_is_refused(bare: Path) -> None:
    """The message says where OpenCompass puts them."""
    with pytest.raises(DataError, match=r"no \*\.json file; OpenCompass's predictions are in predictions/MODEL/"):
        score_predictions(bare, "opencompass")
