"""OpenCompass's output folders, scored again."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import score_predictions
from evalkit.data import read_wheel_text
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


@pytest.mark.parametrize(
    ("gold", "expected"), [(("Rome", "Paris"), (1, "document")), (("Rome", "Berlin"), (2, "sample"))]
)
def test_rows_get_the_documents_of_samples_only_where_their_gold_answers_agree(
    write: Write, bare: Path, monkeypatch: pytest.MonkeyPatch, gold: tuple[str, ...], expected: tuple[int, str]
) -> None:
    """Outputs of other data never get the documents and lengths of samples they do not answer."""
    rows = [
        {"input": answer, "context": "same", "answers": [answer], "length": 1, "language": "en"}
        for answer in ("Rome", "Paris")
    ]
    (bare / "data" / "longbench").mkdir(parents=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (bare / "data" / "longbench" / "qasper.jsonl").write_text(text, encoding="utf-8")
    monkeypatch.setenv("EVALKIT_DATA", str(bare / "data"))
    folder = write("LongBench_qasper", *({"prediction": "Rome", "gold": [answer]} for answer in gold))

    task = score_predictions(folder, "opencompass").tasks["qasper"]

    assert expected == (task.clusters, task.cluster_unit)


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

    with pytest.raises(DataError, match="holds outputs of leval, longbench: choose one with benchmark="):
        score_predictions(folder, "opencompass")
    assert ["tpo"] == list(score_predictions(folder, "opencompass", benchmark="leval").tasks)


def test_outputs_of_two_models_want_a_choice(write: Write) -> None:
    """The message shows them."""
    write("LongBench_hotpotqa", RIGHT, model="other")
    folder = write("LongBench_hotpotqa", RIGHT)

    with pytest.raises(DataError, match=r"holds outputs of 2 models \(.*/m, .*/other\): name one"):
        score_predictions(folder.parent, "opencompass")


def test_other_data_sets_are_left_out_and_counted(write: Write) -> None:
    """Most folders hold them."""
    write("gsm8k", RIGHT)
    write("mmlu", RIGHT)
    folder = write("LongBench_hotpotqa", RIGHT)

    scores = score_predictions(folder, "opencompass")

    assert ["hotpotqa"] == list(scores.tasks)
    assert "2 other data sets in the folder are left out: gsm8k, mmlu" == scores.notes[0]


@pytest.mark.parametrize(("names", "complaint"), [
    (("LongBench_lcc", "LongBench_lcc_0"), "LongBench_lcc.json and its part LongBench_lcc_0.json are both there"),
    (("LongBench_lcc_1",), r"part LongBench_lcc_0\.json is missing"),
])  # fmt: skip
def test_parts_that_do_not_make_one_file_are_refused(write: Write, names: tuple[str, ...], complaint: str) -> None:
    """One of two would silently win."""
    folders = [write(name, RIGHT) for name in names]

    with pytest.raises(DataError, match=complaint):
        score_predictions(folders[0], "opencompass")


@pytest.mark.parametrize(("text", "complaint"), [
    ('{"0": {"prediction": "x", "gold": "x"}, "00": {"prediction": "y", "gold": "x"}}', "not an object from row"),
    ('{"0": {"prediction": "x", "gold": "x"}, "0": {"prediction": "y", "gold": "x"}}', "field '0' is given twice"),
    ('{"0": {"prediction": "x", "prediction": "y", "gold": "x"}}', "field 'prediction' is given twice"),
    ('{"%s": {"prediction": "x", "gold": "x"}}' % ("9" * 5000), "not an object from row number"),
    ('{"0": {"gold": "x"}}', "no row has a 'prediction'"),
    ('{"0": {"prediction": "x"}}', "no row has a 'gold' answer"),
    ('{"0": 5}', "row 0: not an object with prediction and gold"),
])  # fmt: skip
def test_damaged_files_are_refused(write: Write, text: str, complaint: str) -> None:
    """No row silently wins over another."""
    folder = write("LEval_tpo", RIGHT)
    (folder / "LEval_tpo.json").write_text(text)

    with pytest.raises(DataError, match=complaint):
        score_predictions(folder, "opencompass")


@pytest.mark.parametrize("row", [
    {"prediction": None, "gold": ["y"]}, {"prediction": ["x"], "gold": ["y"]}, {"gold": ["y"]},
    {"prediction": "x"}, {"prediction": "x", "gold": []}, {"prediction": "x", "gold": {"answers": None}},
])  # fmt: skip
def test_a_row_without_prediction_or_gold_is_a_failed_sample(write: Write, row: dict[str, Any]) -> None:
    """It stops nothing else, and is not graded."""
    task = score_predictions(write("LongBench_hotpotqa", RIGHT, row), "opencompass").tasks["hotpotqa"]

    assert (100.0, 1, 1) == (task.score, task.n, task.failed)


@pytest.mark.parametrize("protocol", ["opencompass", "official"])
def test_the_gold_letter_of_quality_is_taken_as_stored(write: Write, protocol: str) -> None:
    """The loader has cut "(B) because …" to the letter; it is not cut again."""
    rows = [{"prediction": "B", "gold": "B"}, {"prediction": "C", "gold": "A"}]

    task = score_predictions(write("LEval_quality", *rows), "opencompass", protocol).tasks["quality"]

    assert (50.0, 2, 0) == (task.score, task.n, task.failed)


@pytest.mark.usefixtures("upstream")
def test_no_other_loader_changes_the_gold_answer() -> None:
    """Read from the pinned release: each builds its rows from the data's own answers."""
    changing = set()
    for collection, folder, column in (("leval", "leval", "answer"), ("longbench", "longbench", "answers")):
        for name in LOADERS[collection]:
            tree = ast.parse(read_wheel_text(f"opencompass/datasets/{folder}/{name}.py"))
            stored = [
                value
                for node in ast.walk(tree)
                if isinstance(node, ast.Dict)
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == column
            ]
            assert stored, name
            if not all(isinstance(value, ast.Name) and value.id == column for value in stored):
                changing.add(name)

    assert {"leval_quality"} == changing


LOADERS = {
    "leval": [
        f"leval_{name}" for name in (
            "coursera", "financial_qa", "gov_report_summ", "gsm100", "legal_contract_qa", "meeting_summ", "multidoc_qa",
            "narrattive_qa", "natural_question", "news_summ", "paper_assistant", "patent_summ", "quality",
            "review_summ", "scientific_qa", "topic_retrieval", "tpo", "tvshow_summ",
        )
    ],
    "longbench": [
        f"longbench_{name}" for name in (
            "2wikim_qa", "dureader", "gov_report", "hotpot_qa", "lcc", "lsht", "multi_news", "multifieldqa_en",
            "multifieldqa_zh", "musique", "narrative_qa", "passage_count", "passage_retrieval_en",
            "passage_retrieval_zh", "qasper", "qmsum", "repobench", "samsum", "trec", "trivia_qa", "vcsum",
        )
    ],
}  # fmt: skip
"""Modules of the loaders."""


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([{"prediction": "x", "gold": [1]}], "row 0: 'gold' is neither a text nor a list of texts"),
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


@pytest.mark.parametrize(
    ("gold", "problem"),
    [
        ({"answers": ["Food"], "all_classes": [1]}, "'all_classes' is neither a text nor a list of texts"),
        ({"answers": ["Food"], "all_classes": 5}, "'all_classes' is neither a text nor a list of texts"),
        ({"answers": 5, "all_classes": ["Food"]}, "'gold' is neither a text nor a list of texts"),
    ],
)
def test_classes_of_the_wrong_kind_are_one_line(write: Write, gold: object, problem: str) -> None:
    """Named with file and row."""
    folder = write("LongBench_trec", {"prediction": "Food", "gold": gold})

    with pytest.raises(DataError, match=rf"LongBench_trec\.json: row 0: {problem}"):
        score_predictions(folder, "opencompass")


def test_a_row_number_without_end_is_one_line(write: Write) -> None:
    """Python refuses to read numbers of 5,000 digits."""
    folder = write("LongBench_hotpotqa", RIGHT)
    (folder / "LongBench_hotpotqa.json").write_text(json.dumps({"9" * 5000: RIGHT}), "utf-8")

    with pytest.raises(DataError, match="not an object from row number to prediction"):
        score_predictions(folder, "opencompass")
