"""`evalkit leaderboard`: published and own scores, ranked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.runs import RunStore

Command = Callable[..., Any]

GRID = ("needle-tiny", "needle", "--lengths", "128,256", "--depths", "0,100", "--repeats", "1")


def test_published_models_are_ranked(evalkit: Command) -> None:
    """The page's own ranking can be chosen."""
    done = evalkit("leaderboard", "leval", "--source", "opencompass-long-context")

    assert 0 == done.code
    lines = done.out.splitlines()
    assert "L-Eval · mean rank of 8 over 18 tasks, lower is better" == lines[0]
    assert ["gpt-4", "ab", "1.39", "61.49", "81.43", "41.54"] == lines[2].split()


def test_json_names_models_by_their_names(evalkit: Command) -> None:
    """On standard output alone, and the printed overall score in full."""
    done = evalkit("leaderboard", "longbench", "--json", "-")

    found = json.loads(done.out)
    assert "longbench" == found["benchmark"]
    assert 21 == len(found["tasks"])
    assert 35.2356 == pytest.approx(found["models"]["index-1.9b-32k"]["overall"], abs=5e-5)
    assert {"tasks", "groups", "mean_rank", "protocol", "source", "rope", "published", "recomputed"} <= set(
        found["models"]["index-1.9b+rope-dynamic:8"]
    )


def test_a_run_is_scored_again_and_nothing_is_written_there(evalkit: Command, bare: Path) -> None:
    """Other lengths than the published ones give no rank, and the row is there."""
    evalkit("run", *GRID, "--out", "run")
    before = {path: path.read_bytes() for path in (bare / "run").rglob("*") if path.is_file()}

    done = evalkit("leaderboard", "needle", "run", "--json", "board.json")

    assert 0 == done.code
    assert before == {path: path.read_bytes() for path in (bare / "run").rglob("*") if path.is_file()}
    rows = json.loads((bare / "board.json").read_text("utf-8"))["models"]
    (own,) = [row for row in rows.values() if not row["published"]]
    assert {"128": 2, "256": 2} == own["n"]
    assert "no score for 2 of 2 tasks (2048, 4096)" == own["unranked"]
    assert "no mean rank, no score for 2 of 2 tasks (2048, 4096)" in done.out


def test_a_run_that_is_being_written_is_refused(evalkit: Command, bare: Path) -> None:
    """In one line; when the writer has ended it is ranked."""
    evalkit("run", *GRID, "--out", "run")

    with RunStore(bare / "run"):
        done = evalkit("leaderboard", "needle", "run")

    assert (2, "evalkit: run: a run is still being written there: rank it when it has ended\n") == (done.code, done.err)
    assert 0 == evalkit("leaderboard", "needle", "run").code


def test_scores_of_outputs_made_elsewhere_stand_beside_them(evalkit: Command, bare: Path) -> None:
    """A folder of `evalkit score --out`, PARTIAL as it is."""
    rows = [{"pred": text, "answers": ["Food"], "all_classes": ["Food"], "length": 9} for text in ("Food", "Date")]
    (bare / "given").mkdir()
    (bare / "given" / "trec.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    evalkit("score", "given", "--format", "longbench", "--protocol", "opencompass", "--out", "scored")

    done = evalkit("leaderboard", "longbench", "scored", "--task", "trec", "--by-task", "--table", "board.md")

    assert 0 == done.code
    assert "given · opencompass: no mean rank, PARTIAL: trec 2/200" in done.out
    assert "50.00 (2/200)" in done.out
    assert "50.00 (2/200)" in (bare / "board.md").read_text("utf-8")
    assert "evalkit: leaderboard of" in done.err


def test_an_edited_score_does_not_count(evalkit: Command, bare: Path) -> None:
    """Scores are made from the answers again; damaged answers are refused."""
    rows = [{"pred": text, "answers": ["Food"], "all_classes": ["Food"], "length": 9} for text in ("Food", "Date")]
    (bare / "given").mkdir()
    (bare / "given" / "trec.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    evalkit("score", "given", "--format", "longbench", "--protocol", "opencompass", "--out", "scored")
    path = bare / "scored" / "scores.json"
    path.write_text(path.read_text().replace('"score": 50.0', '"score": 99.0'))

    done = evalkit("leaderboard", "longbench", "scored", "--by-task")
    answers = bare / "scored" / "answers.jsonl"
    answers.write_text(answers.read_text().replace("Date", "Food"))
    damaged = evalkit("leaderboard", "longbench", "scored", "--by-task")

    assert "50.00 (2/200)" in done.out and "99.00" not in done.out
    assert "says trec 99.00, its answers give 50.00" in done.err
    assert 2 == damaged.code and "changed since evalkit wrote it" in damaged.err


def test_scores_of_a_run_that_is_gone_are_taken_as_they_stand(evalkit: Command, bare: Path) -> None:
    """And that is said."""
    evalkit("run", *GRID, "--out", "run")
    evalkit("score", "run", "--out", "scored")
    (bare / "run").rename(bare / "elsewhere")

    done = evalkit("leaderboard", "needle", "scored")

    assert 0 == done.code and "scores as they stand there: the run" in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["longbnch"], "evalkit: unknown benchmark with published scores 'longbnch': did you mean 'longbench'?"),
        (["leval", "--sort", "overal"], "evalkit: unknown column to sort by 'overal': did you mean 'overall'?"),
        (["leval", "none"], "evalkit: none: not a run folder (it has no run.json)"),
        (["leval", "x", "./x"], "evalkit: x: the run is named twice; leave one out"),
        (["leval", "--table", "a.doc"], "--table a.doc: a table is written as .csv, .md, .tex"),
        (["leval", "--json", "no/a.json"], "--json no/a.json: cannot be written there"),
    ],
)
def test_bad_input_is_one_line(evalkit: Command, words: list[str], message: str) -> None:
    """And exit code 2."""
    done = evalkit("leaderboard", *words)

    assert 2 == done.code
    assert message in done.err
    assert 1 == len(done.err.splitlines())


def test_names_of_others_are_printed_as_signs(evalkit: Command, bare: Path) -> None:
    """A model's name moves no cursor and is no mark-up."""
    rows = [{"pred": "Food", "answers": ["Food"], "all_classes": ["Food"], "length": 9}]
    place = bare / "[bold]\x1b[31mred"
    place.mkdir()
    (place / "trec.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    evalkit("score", place, "--format", "longbench", "--protocol", "opencompass", "--out", "scored")

    done = evalkit("leaderboard", "longbench", "scored")

    assert 0 == done.code
    assert "\x1b" not in done.out
    assert "[bold]" in done.out
