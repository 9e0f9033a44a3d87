"""`evalkit compare` of two runs, or of outputs made elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.runs import RunStore

Command = Callable[..., Any]
Outputs = Callable[..., Path]

CLASSES = [f"class {number}" for number in range(12)]


@pytest.fixture
def outputs(bare: Path) -> Outputs:
    """Maker of a folder of LongBench's trec: `outputs("a", [0, 3])`, questions 0 and 3 answered right, others wrong."""

    def make(name: str, right: Sequence[int], rows: Sequence[int] = range(12), **fields: Any) -> Path:
        lines = [
            {
                "pred": CLASSES[row] if row in right else "no class", "answers": [CLASSES[row]],
                "all_classes": CLASSES, "length": 1000 * row + 100, **fields,
            }
            for row in rows
        ]  # fmt: skip
        (bare / name).mkdir()
        (bare / name / "trec.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return bare / name

    return make


@pytest.fixture
def compared(evalkit: Command) -> Command:
    """The JSON of a comparison of LongBench outputs."""

    def go(*arguments: object) -> dict[str, Any]:
        done = evalkit("compare", *arguments, "--format", "longbench", "--json", "-")
        assert 0 == done.code, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    return go


def test_two_folders_are_compared_sample_by_sample(outputs: Outputs, compared: Command) -> None:
    """Left minus right; who won where, and McNemar's p of right and wrong answers."""
    left, right = outputs("left", range(9)), outputs("right", [0, 1, 9])

    found = compared(left, right)

    task = found["tasks"]["trec"]
    assert (12, 75.0, 25.0, 50.0) == tuple(task[name] for name in ("n", "left", "right", "difference"))
    assert (7, 1, 4) == (task["wins"], task["losses"], task["ties"])
    assert pytest.approx(2 * 9 / 2**8) == task["mcnemar_p"]
    assert task["ci95"][0] < 50 < task["ci95"][1]
    assert (11, 12, "sample") == (task["df"], task["clusters"], task["cluster_unit"])
    assert pytest.approx(2.8016 * task["se"], rel=1e-4) == task["smallest_detectable"]
    assert ["0-4k", "4-8k", "8k+"] == [part["name"] for part in found["slices"] if part["axis"] == "length"]


def test_flips_hold_both_answers(outputs: Outputs, evalkit: Command, compared: Command) -> None:
    """All in JSON, as many as asked for on the terminal, of equal ones both directions in turn."""
    left, right = outputs("left", range(9)), outputs("right", [0, 1, 9])

    found = compared(left, right)
    done = evalkit("compare", left, right, "--format", "longbench", "--flips", 2)

    assert 8 == len(found["flips"])
    first, second = found["flips"][:2]
    assert {"longbench/trec/2", "longbench/trec/9"} == {first["id"], second["id"]}
    assert ("class 2", "no class", ["class 2"], 100.0) == tuple(
        first[name] for name in ("left_text", "right_text", "targets", "difference")
    )
    assert 2 == done.out.count("  targets:")
    assert "longbench/trec/9 · left 0.00, right 100.00" in done.out
    assert "the first 2 of 8 samples score differently" in done.err


def test_a_table_fits_a_hundred_columns(outputs: Outputs, evalkit: Command) -> None:
    """And says what its columns are."""
    done = evalkit("compare", outputs("left", range(9)), outputs("right", [0, 1, 9]), "--format", "longbench")

    assert 0 == done.code
    assert 100 >= max(map(len, done.out.splitlines()))
    assert "LongBench · left left, right right · protocol official" == done.out.splitlines()[0]
    assert "diff.: left − right" in done.out and "no verdicts" in done.out


def test_samples_that_one_side_lacks_are_listed(outputs: Outputs, evalkit: Command, compared: Command) -> None:
    """An error, which says how to compare the rest, and how many that are."""
    left, right = outputs("left", range(9)), outputs("right", [0, 1], rows=range(10))

    done = evalkit("compare", left, right, "--format", "longbench")
    found = compared(left, right, "--common")

    assert (2, "") == (done.code, done.out)
    assert f"2 samples only in {left} (longbench/trec/10, longbench/trec/11): --common" in done.err
    assert (10, True, 2, 0) == (found["n"], found["common"], found["left"]["only_here"], found["right"]["only_here"])
    assert any(line.startswith("compared are the 10 samples of both") for line in found["notes"])


def test_rows_in_another_order_are_the_same_samples(outputs: Outputs, compared: Command) -> None:
    """Several processes may have written the file; gold answers and lengths tell."""
    left, right = outputs("left", [0, 1]), outputs("right", [0, 1], rows=[5, 4, 3, 2, 1, 0, *range(6, 12)])

    found = compared(left, right)

    assert (12, 0.0, []) == (found["n"], found["tasks"]["trec"]["difference"], found["flips"])
    assert any("number their samples otherwise" in line for line in found["notes"])


def test_outputs_without_documents_say_so_once(outputs: Outputs, evalkit: Command) -> None:
    """Samples count as clusters then."""
    done = evalkit("compare", outputs("left", [1]), outputs("right", [2]), "--format", "longbench")

    assert 1 == done.err.count("samples count as clusters")
    assert 1 == done.err.count("without the data at hand")


def test_scores_written_by_score_are_compared_without_the_outputs(outputs: Outputs, evalkit: Command) -> None:
    """The answers lie beside them; the original folder may be gone."""
    left, right = outputs("left", range(9)), outputs("right", [0, 1, 9])
    for folder, out in ((left, "a"), (right, "b")):
        evalkit("score", folder, "--format", "longbench", "--out", out)
        (folder / "trec.jsonl").unlink()

    done = evalkit("compare", "a", "b", "--json", "-")

    assert 0 == done.code
    assert 50.0 == json.loads(done.out)["tasks"]["trec"]["difference"]


def test_a_score_that_was_edited_does_not_count(outputs: Outputs, evalkit: Command, bare: Path) -> None:
    """It is made again from the answers, and that is said."""
    evalkit("score", outputs("left", range(9)), "--format", "longbench", "--out", "a")
    written = json.loads((bare / "a" / "scores.json").read_text())
    written["tasks"]["trec"]["score"] = 99.0
    (bare / "a" / "scores.json").write_text(json.dumps(written))

    done = evalkit("compare", "a", outputs("right", [0]), "--format", "longbench", "--json", "-")

    assert 75.0 == json.loads(done.out)["tasks"]["trec"]["left"]
    assert "a/scores.json: says trec 99.00, its answers give 75.00; the answers count" in done.err


@pytest.fixture
def runs(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> tuple[Path, Path]:
    """Two runs of the toy benchmark, in float32 and in bfloat16."""
    for dtype in ("float32", "bfloat16"):
        done = evalkit("run", tiny_model, toy, "--backend", "toy", "--limit", 6, "--dtype", dtype, "--out", dtype)
        assert 0 == done.code, done.err
    return bare / "float32", bare / "bfloat16"


def test_what_differs_between_two_runs_is_said(runs: tuple[Path, Path], evalkit: Command) -> None:
    """Here the number format, and nothing else."""
    done = evalkit("compare", *runs, "--json", "-")

    found = json.loads(done.out)
    assert [{"field": "dtype", "left": "float32", "right": "bfloat16"}] == found["differs_in"]
    assert "evalkit: differs in dtype (float32; bfloat16)" in done.err
    assert 12 == found["n"] and {"tales", "sagas"} == set(found["tasks"])
    assert 0.0 == found["overall"]["difference"]


def test_more_than_one_difference_is_flagged(
    runs: tuple[Path, Path], evalkit: Command, toy: str, tiny_model: Path
) -> None:
    """Whatever a comparison shows may come from either."""
    options = ("--limit", 6, "--dtype", "bfloat16", "--truncation", "none", "--out", "third")
    assert 0 == evalkit("run", tiny_model, toy, "--backend", "toy", *options).code

    done = evalkit("compare", runs[0], "third")

    assert "differs in more than one thing: truncation (middle; none), dtype (float32; bfloat16)" in done.err


def test_a_run_that_is_being_written_is_refused(runs: tuple[Path, Path], evalkit: Command) -> None:
    """In one line; when the writer has ended it is compared."""
    with RunStore(runs[0]):
        done = evalkit("compare", *runs)

    assert (2, f"evalkit: {runs[0]}: a run is still being written there: compare it when it has ended\n") == (
        done.code, done.err,
    )  # fmt: skip
    assert 0 == evalkit("compare", *runs).code


def test_scores_of_a_run_name_the_run(runs: tuple[Path, Path], evalkit: Command, bare: Path) -> None:
    """They are compared, scored and reported as the run is, and refused once it is gone."""
    evalkit("score", runs[0], "--out", "a")

    done, scored = evalkit("compare", "a", runs[1], "--json", "-"), evalkit("score", "a", "--json", "-")
    runs[0].rename(bare / "elsewhere")
    gone = evalkit("compare", "a", runs[1])

    assert "dtype" == json.loads(done.out)["differs_in"][0]["field"]
    assert json.loads((bare / "a" / "scores.json").read_text()) == json.loads(scored.out)
    assert 2 == gone.code and "which is not there any more" in gone.err


def test_different_benchmarks_are_refused(runs: tuple[Path, Path], outputs: Outputs, evalkit: Command) -> None:
    """Both are named."""
    done = evalkit("compare", runs[0], outputs("left", [1]), "--format", "longbench")

    assert 2 == done.code
    assert f"{runs[0]} is of toy, " in done.err and "left of longbench: " in done.err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere", "LEFT"], "nowhere: no such folder"),
        (["LEFT", "LEFT"], "name the format of its outputs: --format longbench"),
        (["LEFT", "LEFT", "--rerun", "LEFT"], "--rerun: not for a comparison with another run"),
        (["LEFT", "published", "--flips", "3"], "--flips: not for a comparison with published scores"),
        (["LEFT", "LEFT", "--format", "longbench", "--protocol", "oficial"], "did you mean 'official'?"),
        (["LEFT", "LEFT", "--format", "longbench", "--out", "LEFT"], "holds trec.jsonl and no comparison"),
        (["LEFT", "LEFT", "--format", "longbench", "--json", "no/file"], "cannot be written there"),
        (["LEFT", "LEFT", "--format", "lngbench"], "unknown format 'lngbench': did you mean 'longbench'?"),
    ],
)
def test_bad_input_is_one_line(outputs: Outputs, evalkit: Command, arguments: list[str], problem: str) -> None:
    """On standard error, with exit code 2."""
    left = outputs("left", [1])

    done = evalkit("compare", *(left if each == "LEFT" else each for each in arguments))

    assert (2, "", 1) == (done.code, done.out, len(done.err.splitlines()))
    assert problem in done.err


def test_a_comparison_is_written(outputs: Outputs, evalkit: Command, bare: Path) -> None:
    """As JSON and as tables; the folder may be written anew."""
    left, right = outputs("left", range(9)), outputs("right", [0, 1, 9])
    for _ in range(2):
        done = evalkit("compare", left, right, "--format", "longbench", "--out", "c", "--json", "c.json")
        assert 0 == done.code, done.err

    assert json.loads((bare / "c.json").read_text()) == json.loads((bare / "c" / "comparison.json").read_text())
    tables = {path.suffix: path.read_text() for path in (bare / "c" / "tables").iterdir()}
    assert {".csv", ".md", ".tex"} == set(tables)
    assert "task,trec,12,75.0,25.0,50.0," in tables[".csv"]
    assert "| trec | 12 | 75.00 | 25.00 | +50.00 |" in tables[".md"]
    assert r"trec & 12 & 75.00 & 25.00 & +50.00 &" in tables[".tex"]


@pytest.mark.parametrize("content", ["mine", "[]", '{"schema": 1}', "[" * 5000])
def test_a_file_of_ones_own_called_comparison_is_kept(
    outputs: Outputs, evalkit: Command, bare: Path, content: str
) -> None:
    """Only what evalkit wrote there is written anew."""
    left = outputs("left", [1])
    (bare / "c").mkdir()
    (bare / "c" / "comparison.json").write_text(content)

    done = evalkit("compare", left, left, "--format", "longbench", "--out", "c")

    assert 2 == done.code and "holds comparison.json and no comparison" in done.err
    assert content == (bare / "c" / "comparison.json").read_text()


@pytest.mark.parametrize("name", ["a/answers.jsonl", "a/outputs.json", "a/scores.json", "mine.csv", "left/trec.jsonl"])
def test_json_never_takes_the_place_of_answers(outputs: Outputs, evalkit: Command, bare: Path, name: str) -> None:
    """Nor of a table; JSON that was written before is written anew."""
    evalkit("score", outputs("left", [1]), "--format", "longbench", "--out", "a")
    (bare / "mine.csv").write_text("benchmark,kind\n")
    before = (bare / name).read_bytes()

    done = evalkit("compare", "a", "a", "--json", name)

    assert (2, before) == (done.code, (bare / name).read_bytes())
    assert f"--json {name}: holds other things than JSON of evalkit's answers" in done.err
    assert [0, 0] == [evalkit("compare", "a", "a", "--json", "own.json").code for _ in range(2)]


def test_options_that_contradict_the_folder_are_refused(outputs: Outputs, evalkit: Command) -> None:
    """A folder of scores says itself what it holds; a folder called x.csv is one."""
    evalkit("score", outputs("left", [1]), "--format", "longbench", "--out", "x.csv")

    assert 0 == evalkit("compare", "x.csv", "x.csv", "--benchmark", "longbench").code
    other, unknown = (evalkit("compare", "x.csv", "x.csv", "--benchmark", name) for name in ("leval", "levall"))
    assert (2, 2) == (other.code, unknown.code)
    assert "x.csv: of longbench, not of leval; leave the benchmark out" in other.err
    assert "unknown benchmark 'levall'" in unknown.err


def test_scores_do_not_take_the_place_of_the_answers_of_others(outputs: Outputs, evalkit: Command, bare: Path) -> None:
    """They may be the only ones left; the same answers are scored there anew."""
    words = ("--format", "longbench", "--out", "a")
    first = evalkit("score", outputs("left", [1]), *words)
    before = (bare / "a" / "answers.jsonl").read_bytes()

    other = evalkit("score", outputs("right", [2]), *words)

    assert (0, 2) == (first.code, other.code)
    assert "a: keeps the answers of left to longbench, which would be lost; name another folder" in other.err
    assert before == (bare / "a" / "answers.jsonl").read_bytes()
    assert 0 == evalkit("score", bare / "left", *words).code
