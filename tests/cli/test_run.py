"""`evalkit run`, `plan`, `score` and `report`, from arguments to files and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def run(evalkit: Command, toy: str, tiny_model: Path) -> Command:
    """`evalkit run` of the toy benchmark into the folder `run`."""
    return lambda *options: evalkit("run", tiny_model, toy, "--backend", "toy", "--out", "run", *options)


def test_a_run_prints_its_scores_and_where_they_are(run: Command, bare: Path) -> None:
    """The table on standard output, all else on standard error, exit code 0."""
    done = run("--limit", 3)

    assert 0 == done.code
    assert "Toy · tiny · protocol plain · PARTIAL" in done.out
    assert "3/24" in done.out
    assert "toy: results in run" in done.err
    assert "6 answered, 0 already done, 0 failed" in done.err
    assert {"run.json", "samples.jsonl", "scores.json", "scores.jsonl", "tables"} <= {
        path.name for path in (bare / "run").iterdir()
    }


def test_the_same_command_again_continues(run: Command) -> None:
    """Larger limits add to it."""
    run("--limit", 1)

    done = run("--limit", 2)

    assert "2 answered, 2 already done, 0 failed" in done.err


def test_json_on_standard_output_is_all_of_it(run: Command, bare: Path) -> None:
    """The documented object, for programs."""
    done = run("--limit", 2, "--json", "-")

    assert json.loads((bare / "run" / "scores.json").read_text()) == json.loads(done.out)


def test_failed_samples_are_exit_code_one(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in the table and in the summary; trying again with success is exit code 0."""
    monkeypatch.setenv("TOY_FAIL", "0 1")

    failed = run("--limit", 2)
    monkeypatch.delenv("TOY_FAIL")

    assert 1 == failed.code
    assert "2 failed" in failed.err
    assert "0/24, 2 failed" in failed.out
    assert 0 == run("--limit", 2).code


def test_why_samples_failed_is_said_once_by_kind(
    run: Command, evalkit: Command, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the run, when it is scored again, and in `scores.json`; not when they have been answered since."""
    monkeypatch.setenv("TOY_FAIL", "0 1")
    said = "2 failed: the toy broke (first: toy/tales/0)"

    failed = run("--limit", 2)
    scored = evalkit("score", "run")
    kept = json.loads((bare / "run" / "scores.json").read_text())["notes"]
    monkeypatch.delenv("TOY_FAIL")
    mended = run("--limit", 2)

    assert [1, 1, 0] == [text.count(said) for text in (failed.err, scored.err, mended.err)]
    assert [said] == kept


def test_prompts_that_do_not_fit_are_failed_samples(run: Command) -> None:
    """Truncation `none` and a small window: exit code 1, and the others are scored."""
    done = run("--truncation", "none", "--max-seq-len", 200, "--json", "-")

    tasks = json.loads(done.out)["tasks"]
    assert 1 == done.code
    assert [(24, 0, True), (0, 24, False)] == [
        (tasks[name]["n"], tasks[name]["failed"], tasks[name]["score"] is not None) for name in ("tales", "sagas")
    ]


def test_several_benchmarks_are_scored_side_by_side(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> None:
    """Each in its own folder below `--out`; JSON by benchmark name."""
    twin = bare / "twin.yaml"
    twin.write_text(Path(toy).read_text().replace("name: toy", "name: twin"))

    done = evalkit("run", tiny_model, toy, twin, "--backend", "toy", "--out", "both", "--limit", 1, "--json", "-")

    assert ["toy", "twin"] == sorted(json.loads(done.out)["benchmarks"])
    assert ["toy", "twin"] == sorted(path.name for path in (bare / "both").iterdir())


def test_a_plan_is_shown_and_nothing_is_written(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> None:
    """The table for people, JSON for programs."""
    shown = evalkit("plan", tiny_model, toy)
    counted = json.loads(evalkit("plan", tiny_model, toy, "--json", "-").out)

    assert (0, 48) == (shown.code, counted["samples"])
    assert f"{counted['unique_prompt_tokens']:,}" in shown.out
    assert [] == list(bare.iterdir())


def test_a_plan_of_several_benchmarks_is_one_json(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> None:
    """By benchmark name."""
    twin = bare / "twin.yaml"
    twin.write_text(Path(toy).read_text().replace("name: toy", "name: twin"))

    plans = json.loads(evalkit("plan", tiny_model, toy, twin, "--json", "-").out)["benchmarks"]

    assert [48, 48] == [plans[name]["samples"] for name in ("toy", "twin")]


def test_a_run_is_scored_and_reported_again(run: Command, evalkit: Command, bare: Path) -> None:
    """Score files and tables that were lost come back."""
    run("--limit", 2)
    before = (bare / "run" / "scores.json").read_bytes()

    for verb in ("score", "report"):
        (bare / "run" / "scores.json").unlink()
        assert 0 == evalkit(verb, "run").code
        assert before == (bare / "run" / "scores.json").read_bytes()


def test_a_run_is_scored_under_every_protocol(run: Command, evalkit: Command) -> None:
    """Side by side; the files of the run keep its own."""
    run("--limit", 2)

    protocols = json.loads(evalkit("score", "run", "--protocol", "all", "--json", "-").out)["protocols"]

    assert ["plain", "chain", "official"] == list(protocols)
    assert ["sagas"] == protocols["official"]["skipped"]


def test_a_run_is_scored_from_another_folder(
    run: Command, evalkit: Command, bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest says where its benchmark is."""
    run("--limit", 1)
    monkeypatch.chdir(tmp_path)

    assert 0 == evalkit("score", bare / "run").code


def test_outputs_with_failures_are_scored_with_exit_code_one(evalkit: Command, bare: Path) -> None:
    """What the official scorer refuses is counted and said, never scored."""
    rows = [
        {"gt": "True [fact: False]", "x_pred": text, "evaluation": "exam"} for text in ("True [fact: True]", "True")
    ]
    (bare / "out").mkdir()
    (bare / "out" / "sci_fi.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    done = evalkit("score", "out", "--format", "leval", "--protocol", "official", "--json", "-")

    task = json.loads(done.out)["tasks"]["sci_fi"]
    assert (1, 1, 1) == (done.code, task["n"], task["failed"])
    assert "sci_fi: 1 sample failed or cannot be scored under official" in done.err
    assert (
        "1 failed: the answer has no '[fact:' part: L-Eval raises IndexError here (first: leval/sci_fi/1)" in done.err
    )


def test_many_empty_predictions_are_said(evalkit: Command, bare: Path) -> None:
    """More often a broken run than a bad model."""
    (bare / "out").mkdir()
    row = {"gt": "B", "x_pred": " ", "evaluation": "exam"}
    (bare / "out" / "tpo.jsonl").write_text((json.dumps(row) + "\n") * 2)

    done = evalkit("score", "out", "--format", "leval")

    assert "tpo: 2 of 2 predictions are empty" in done.err


def test_a_plan_counts_as_done_what_a_run_will_reuse(
    run: Command, evalkit: Command, toy: str, tiny_model: Path
) -> None:
    """Under other settings the folder would be refused, so nothing of it counts, and why is said."""
    run("--limit", 2, "--max-new-tokens", 4)

    def planned(*options: object) -> Any:
        return evalkit(
            "plan", tiny_model, toy, "--backend", "toy", "--out", "run", "--limit", 2, "--json", "-", *options
        )

    same, other = planned("--max-new-tokens", 4), planned()

    assert (4, None) == (json.loads(same.out)["done"], json.loads(same.out)["conflict"])
    assert 0 == json.loads(other.out)["done"]
    assert "nothing counts as done" in other.err and "max_new_tokens" in other.err
