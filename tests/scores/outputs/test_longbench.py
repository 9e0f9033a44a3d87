"""LongBench's prediction folders, scored from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import score_predictions
from evalkit.errors import DataError

RECORD = {"pred": "Paris", "answers": ["Paris"], "all_classes": None, "length": 5000}
Write = Callable[..., Path]


def numbered(count: int, *, start: int = 0, **fields: Any) -> list[dict[str, Any]]:
    """Records of as many samples, told apart by their gold answers."""
    return [{"answers": ["Paris", f"capital {number}"], **fields} for number in range(start, start + count)]


@pytest.fixture
def write(bare: Path) -> Write:
    """Writer of one task file into the folder `model`: `write("hotpotqa", {"pred": …}, …)`."""

    def one(task: str, *records: dict[str, Any] | str) -> Path:
        folder = bare / "model"
        folder.mkdir(exist_ok=True)
        lines = (record if isinstance(record, str) else json.dumps(RECORD | record) for record in records)
        (folder / f"{task}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return folder

    return one


def test_a_folder_of_predictions_is_scored(write: Write) -> None:
    """Each file is a task; what is missing makes the result partial, and means that lack a member are not given."""
    folder = write("hotpotqa", {}, {"pred": "Rome"})

    scores = score_predictions(folder, "longbench", "official")

    assert (50.0, 2, 200) == (scores.tasks["hotpotqa"].score, scores.tasks["hotpotqa"].n, 200)
    assert scores.partial
    assert scores.overall.score is None


def test_scores_by_length(write: Write) -> None:
    """With --e each answer enters the range of its record's length."""
    folder = write("hotpotqa", {"length": 1}, {"length": 4000, "pred": "Rome"}, {"length": 9000}, {"length": 7999})

    buckets = score_predictions(folder, "longbench", benchmark="longbench-e").tasks["hotpotqa"].buckets

    assert buckets is not None
    assert {"0-4k": (100.0, 1), "4-8k": (50.0, 2), "8k+": (100.0, 1)} == {
        name: (bucket.score, bucket.n) for name, bucket in buckets.items()
    }


def test_the_flag_for_longbench_e_prints_the_ranges(write: Write, evalkit: Callable[..., Any]) -> None:
    """An empty range has no score, not a zero."""
    outcome = evalkit("score", write("hotpotqa", {"length": 1}), "--format", "longbench", "--e")

    assert 0 == outcome.code
    assert ["hotpotqa", "(PARTIAL)", "100.00", "(1)", "–", "–"] == outcome.out.splitlines()[-1].split()


def test_all_protocols_are_shown_side_by_side(write: Write, evalkit: Callable[..., Any]) -> None:
    """The same answers under each of them, in one table and one object."""
    folder = write("lcc", {"pred": "    limits.append(15.0)", "answers": ["    i1 = iso.get_default()"]})

    outcome = evalkit("score", folder, "--format", "longbench", "--protocol", "all", "--json", "-")

    scores = {name: value["tasks"]["lcc"]["score"] for name, value in json.loads(outcome.out)["protocols"].items()}
    assert {"opencompass": 49.0, "index": 49.0, "official": 33.0} == scores


def test_the_backend_of_code_similarity_can_be_set(write: Write, evalkit: Callable[..., Any]) -> None:
    """And the result says that it was."""
    folder = write("lcc", {"pred": "    limits.append(15.0)", "answers": ["    i1 = iso.get_default()"]})
    options = ("--protocol", "official", "--code-backend", "levenshtein", "--json", "-")

    scores = json.loads(evalkit("score", folder, "--format", "longbench", *options).out)

    assert (49.0, "official+code-backend-levenshtein") == (scores["tasks"]["lcc"]["score"], scores["protocol"])


def test_many_empty_predictions_are_pointed_out(write: Write, evalkit: Callable[..., Any]) -> None:
    """They are scored as the protocol does, and counted."""
    outcome = evalkit(
        "score", write("hotpotqa", *numbered(2, pred=""), *numbered(20, start=5)), "--format", "longbench"
    )

    assert 0 == outcome.code
    assert "evalkit: hotpotqa: 2 of 22 predictions are empty\n" in outcome.err


def test_a_recursion_zero_is_pointed_out(write: Write, evalkit: Callable[..., Any]) -> None:
    """The published scorer's failure is reproduced, with a warning that says how often."""
    deep = " ".join(f"w{number}" for number in range(1200))

    outcome = evalkit("score", write("gov_report", {"pred": deep}, {}), "--format", "longbench")

    assert "gov_report: 1 of 2 samples need more than 991 recursive calls" in outcome.err


def test_what_the_official_code_fails_on_is_counted_as_failed(write: Write, evalkit: Callable[..., Any]) -> None:
    """A gold answer without a number raises IndexError upstream."""
    folder = write("passage_retrieval_en", {"answers": ["none"]}, {"pred": "3", "answers": ["Paragraph 3"]})

    outcome = evalkit("score", folder, "--format", "longbench", "--json", "-")

    task = json.loads(outcome.out)["tasks"]["passage_retrieval_en"]
    assert (1, 100.0, 1, 1) == (outcome.code, task["score"], task["n"], task["failed"])


@pytest.mark.parametrize(
    ("task", "line", "complaint"),
    [
        ("hotpotqa", '{"pred": "x"}', "model/hotpotqa.jsonl:1: field 'answers' is missing, here and in all lines"),
        ("hotpotqa", '{"pred": "x", "answers": [1]}', "hotpotqa.jsonl:1: 'answers' is neither a text nor a list"),
        ("hotpotqa", '{"pred": "x", "answers": ["x"], "pred": "y"}', "field 'pred' is given twice"),
        ("hotpotqa", '{"pred": "x", "answ', "hotpotqa.jsonl:1: not JSON"),
        (
            "trec",
            '{"pred": "x", "answers": ["x"], "all_classes": ["y"]}',
            "gold answer 'x' is none of its 'all_classes'",
        ),
        ("hotpotqa", '{"pred": NaN, "answers": []}', "NaN is not JSON"),
        ("trec", '{"pred": "x", "answers": ["x"]}', "field 'all_classes' is missing"),
        ("lsht", '{"pred": "x", "answers": ["x"], "all_classes": null}', "field 'all_classes' is null"),
        ("hotpotqa", '{"pred": "x", "answers": ["x"], "length": "5"}', "field 'length' is a string"),
        ("quality", '{"pred": "x", "answers": ["x"]}', "no task of longbench, but one of leval"),
    ],
)
def test_bad_records_are_named(write: Write, evalkit: Callable[..., Any], task: str, line: str, complaint: str) -> None:
    """One line: file, line, field."""
    assert complaint in evalkit("score", write(task, line), "--format", "longbench").complaint


def test_an_unknown_file_can_be_left_out(write: Write) -> None:
    """Only where the user says so."""
    write("quality", {})

    scores = score_predictions(write("hotpotqa", {}), "longbench", ignore_unknown=True)

    assert ["hotpotqa"] == list(scores.tasks)


def test_more_predictions_than_answers_are_refused(write: Write, evalkit: Callable[..., Any]) -> None:
    """pred.py appends, so a second run leaves every sample there twice."""
    outcome = evalkit("score", write("multifieldqa_en", *[{}] * 300), "--format", "longbench")

    assert "300 predictions, but multifieldqa_en has 150 answers; keep the lines of one run" in outcome.complaint


def test_records_without_length_are_scored_but_not_by_length(write: Write) -> None:
    """Older prediction files lack it."""
    folder = write("hotpotqa", '{"pred": "Paris", "answers": ["Paris"]}')

    assert 100.0 == score_predictions(folder, "longbench").tasks["hotpotqa"].score
    with pytest.raises(DataError, match="no 'length' with the answer"):
        score_predictions(folder, "longbench", benchmark="longbench-e")


@pytest.mark.parametrize("task", ["hotpotqa", "dureader", "gov_report", "lcc"])
def test_lone_surrogates_are_scored_like_other_characters(write: Write, task: str) -> None:
    """A broken decoder leaves them in predictions."""
    folder = write(task, r'{"pred": "\ud800 x", "answers": ["\ud800 x"]}')

    assert 100.0 == pytest.approx(score_predictions(folder, "longbench").tasks[task].score, abs=1e-5)


@pytest.mark.parametrize("options", [("--format", "leval"), ("--format", "longbench", "--benchmark", "leval")])
def test_the_flag_for_longbench_e_goes_with_its_format(
    bare: Path, evalkit: Callable[..., Any], options: tuple[str, ...]
) -> None:
    """Elsewhere it would mean nothing."""
    assert (
        "--e: LongBench-E outputs are folders of --format longbench"
        in evalkit("score", bare, *options, "--e").complaint
    )


def test_samples_of_one_document_are_one_cluster(write: Write, monkeypatch: pytest.MonkeyPatch, bare: Path) -> None:
    """Where the benchmark's data is at hand, its texts say which questions belong together."""
    rows = [
        {"input": str(number), "context": "same", "answers": ["Paris"], "length": 1, "language": "en"}
        for number in range(3)
    ]
    (bare / "data" / "longbench").mkdir(parents=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (bare / "data" / "longbench" / "qasper.jsonl").write_text(text, encoding="utf-8")
    folder = write("qasper", *({"pred": text, "length": 1} for text in ("Paris", "Rome", "Bonn")))

    alone = score_predictions(folder, "longbench").tasks["qasper"]
    monkeypatch.setenv("EVALKIT_DATA", str(bare / "data"))
    together = score_predictions(folder, "longbench").tasks["qasper"]

    assert (3, "sample") == (alone.clusters, alone.cluster_unit)
    assert (1, "document") == (together.clusters, together.cluster_unit)


@pytest.mark.parametrize("prediction", [None, 3, ["Paris"], "missing"])
def test_a_row_without_a_text_is_a_failed_sample(write: Write, evalkit: Callable[..., Any], prediction: Any) -> None:
    """It stops nothing else; exit code 1 says that something failed."""
    bad: dict[str, Any] = {"answers": ["y"], "error": "timeout", "length": 5000}
    line = json.dumps(bad if prediction == "missing" else bad | {"pred": prediction})

    outcome = evalkit("score", write("narrativeqa", {}, line), "--format", "longbench", "--json", "-")

    task = json.loads(outcome.out)["tasks"]["narrativeqa"]
    assert (1, 100.0, 1, 1) == (outcome.code, task["score"], task["n"], task["failed"])
    assert "1 rows have no text as prediction" in outcome.err


@pytest.mark.parametrize("gold", [[], [""], None])
def test_a_row_without_gold_is_a_failed_sample(write: Write, gold: Any) -> None:
    """It is not graded as wrong."""
    task = score_predictions(write("hotpotqa", {}, {"answers": gold}), "longbench").tasks["hotpotqa"]

    assert (100.0, 1, 1) == (task.score, task.n, task.failed)


def test_the_folder_of_longbench_e_wants_its_flag(bare: Path, evalkit: Callable[..., Any]) -> None:
    """pred.py names the folder so."""
    folder = bare / "pred_e" / "m"
    folder.mkdir(parents=True)
    (folder / "hotpotqa.jsonl").write_text(json.dumps(RECORD), encoding="utf-8")

    assert "add --e" in evalkit("score", folder, "--format", "longbench").complaint
    assert 0 == evalkit("score", folder, "--format", "longbench", "--e").code
