"""`evalkit run --shard I/N` and `evalkit merge`: what is printed, written and refused, and with which exit code."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalkit as package

Command = Callable[..., Any]

SHIPPED = Path(__file__).parents[2] / "model_cards" / "needle-tiny"
GRID = ("needle", "--lengths", "256", "--depths", "0,100", "--repeats", "2")


@pytest.fixture
def run(evalkit: Command, toy: str, tiny_model: Path) -> Command:
    """`evalkit run` of the toy benchmark into the folder `run`."""
    return lambda *options: evalkit("run", tiny_model, toy, "--backend", "toy", "--out", "run", *options)


def records(folder: Path) -> list[dict[str, Any]]:
    """Records without times, what came from a cache and checksums, sorted."""
    found = [json.loads(line) for line in (folder / "samples.jsonl").read_bytes().splitlines()]
    left_out = {"seconds", "cached_tokens", "crc32"}
    return sorted(({k: v for k, v in each.items() if k not in left_out} for each in found), key=lambda each: each["id"])


def test_two_parts_of_a_grid_are_the_run_of_one_process(evalkit: Command, bare: Path) -> None:
    """A real model: the same `scores.json` byte for byte, the same records but for times."""
    whole = evalkit("run", SHIPPED, *GRID, "--out", "whole")
    parts = [evalkit("run", SHIPPED, *GRID, "--out", "run", "--shard", f"{index}/2") for index in (1, 2)]

    merged = evalkit("merge", "run")

    assert [0] * 4 == [whole.code, *(part.code for part in parts), merged.code]
    assert (bare / "whole/scores.json").read_bytes() == (bare / "run/scores.json").read_bytes()
    assert records(bare / "whole") == records(bare / "run")
    assert whole.out == merged.out


def test_a_part_says_what_to_do_next_and_prints_no_score(run: Command) -> None:
    """No table; the verb that joins."""
    done = run("--shard", "1/2")

    assert (0, "") == (done.code, done.out)
    assert "evalkit: part 1 of 2 is answered: run/shards/1-of-2; when all parts are: evalkit merge run\n" in done.err
    assert "24 answered, 0 already done, 0 failed" in done.err


def test_failures_of_a_part_are_exit_code_one(run: Command, evalkit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the part and of the run that it is joined to."""
    monkeypatch.setenv("TOY_FAIL", "0 1 2 3")
    failed = run("--shard", "1/2", "--limit", 2)
    monkeypatch.delenv("TOY_FAIL")
    run("--shard", "2/2", "--limit", 2)

    merged = evalkit("merge", "run")

    assert 1 == failed.code
    assert "part 1 of 2 has failures, the same command tries them again: run/shards/1-of-2" in failed.err
    assert (1, True) == (merged.code, "2 steps answered, 2 failed" in merged.err)


def test_missing_parts_are_exit_code_one_and_the_rest_is_scored(run: Command, evalkit: Command) -> None:
    """One line each; the table says that it is partial."""
    run("--shard", "1/3")

    merged = evalkit("merge", "run")

    assert 1 == merged.code
    assert "PARTIAL" in merged.out
    for index in (2, 3):
        assert f"evalkit: run: part {index} of 3 was never run\n" in merged.err
    assert 0 == run().code
    assert 0 == evalkit("merge", "run").code


def test_json_of_a_merge_is_the_runs(run: Command, evalkit: Command, bare: Path) -> None:
    """All of standard output; a part has none."""
    for index in (1, 2):
        run("--shard", f"{index}/2")

    done = evalkit("merge", "run", "--json", "-")

    assert json.loads((bare / "run" / "scores.json").read_text()) == json.loads(done.out)
    assert "--json: a part of a run has no scores" in run("--shard", "1/2", "--json", "-").complaint


def test_no_verb_shows_numbers_of_parts_as_the_runs(run: Command, evalkit: Command, bare: Path) -> None:
    """Parts alone are refused with the verb that joins; where some are joined, a line says that others are not."""
    run("--shard", "1/2")
    for verb in (("score", "run"), ("compare", "run", "run"), ("show", "run"), ("report", "run", "--out", "p.html")):
        assert "run: only parts of a run so far, which are not joined: evalkit merge run" in evalkit(*verb).complaint
    assert "repair those: evalkit repair run/shards/*" in evalkit("repair", "run").complaint
    assert 0 == evalkit("repair", "run/shards/1-of-2").code

    evalkit("merge", "run")
    run("--shard", "2/2")
    scored, part = evalkit("score", "run"), evalkit("score", "run/shards/2-of-2")

    assert "evalkit: 24 records in parts of run not joined: evalkit merge run\n" in scored.err
    assert "evalkit: run/shards/2-of-2: part 2 of 2 of a run, scored alone\n" in part.err
    evalkit("merge", "run")
    assert "not joined" not in evalkit("score", "run").err
    shutil.rmtree(bare / "run/shards")
    assert 0 == evalkit("score", "run").code


def test_a_report_joins_parts_to_the_run_that_it_writes_to(run: Command, evalkit: Command) -> None:
    """With what is missing; a page over runs, which only reads, says what it lacks."""
    run("--shard", "1/2")
    first = evalkit("report", "run")
    run("--shard", "2/2")
    page, second = evalkit("report", "run", "--out", "page.html"), evalkit("report", ".")

    assert (0, 0, 0) == (first.code, page.code, second.code)
    assert "PARTIAL" in first.out
    assert "evalkit: run: part 2 of 2 was never run\n" in first.err
    assert "evalkit: 24 records in parts of run not joined: evalkit merge run\n" in page.err
    assert "PARTIAL" not in second.out
    assert "not joined" not in second.err


def test_a_folder_that_holds_more_than_parts_is_a_users(run: Command, bare: Path) -> None:
    """Parts alone make a run's folder; nothing is written beside other files."""
    (bare / "run").mkdir()
    (bare / "run/notes.txt").write_text("mine")

    assert "run: holds notes.txt and is no run of evalkit" in run("--shard", "1/2").complaint
    assert ["notes.txt"] == [path.name for path in (bare / "run").iterdir()]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_one_line(run: Command, evalkit: Command, bare: Path) -> None:
    """The parts can be read all the same, and joined elsewhere."""
    for index in (1, 2):
        run("--shard", f"{index}/2")
    (bare / "run").chmod(0o500)
    try:
        assert (
            "run: cannot write results (Permission denied); choose another --out" in evalkit("merge", "run").complaint
        )
        assert 0 == evalkit("merge", "run", "--out", "joined").code
    finally:
        (bare / "run").chmod(0o700)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("merge",), "Missing argument 'RUN...'"),
        (("merge", "none"), "none: no such folder"),
        (("merge", "run", "other"), "name it with --out"),
        (("merge", "."), ".: has no parts to join"),
        (("rope", "sweep", "MODEL", "TOY", "--spec", "none", "--shard", "1/2"), "--shard 1/2: a sweep is not cut"),
    ],
)
def test_what_cannot_be_joined_is_refused_in_one_line(
    evalkit: Command, bare: Path, toy: str, tiny_model: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    """Exit code 2, and what to do."""
    for name in ("run", "other"):
        (bare / name).mkdir()
    words = {"MODEL": str(tiny_model), "TOY": toy}
    assert complaint in evalkit(*(words.get(each, each) for each in arguments)).complaint


def test_parts_are_answered_and_joined_from_python(toy: str, tiny_model: Path, bare: Path) -> None:
    """A part has no scores and says so; what is missing is a warning."""
    call = {"backend": "toy", "out": bare / "run", "progress": False}
    with pytest.warns(package.EvalkitWarning, match="part 1 of 2 is answered"):
        part = package.evaluate(tiny_model, toy, shard="1/2", **call)
    with pytest.warns(package.EvalkitWarning, match="part 2 of 2 was never run"):
        half = package.merge(bare / "run")
    with pytest.warns(package.EvalkitWarning):
        package.evaluate(tiny_model, toy, shard="2/2", **call)
    merged = package.merge(bare / "run")

    assert ({}, {"toy": bare / "run/shards/1-of-2"}) == (part.scores, part.folders)
    assert "part, not scored" in repr(part)
    assert "part, not scored" in part._repr_html_()
    for look in (part.to_pandas, part.figure):
        with pytest.raises(package.UserError, match=r"evalkit\.merge joins"):
            look()
    assert (24, 48) == (half.scores.tasks["tales"].n + half.scores.tasks["sagas"].n, merged.merged.answered)
    assert (bare / "run", ()) == (merged.folder, merged.missing)
    whole = package.evaluate(tiny_model, toy, **(call | {"out": bare / "whole"}))
    assert whole.scores["toy"] == merged.scores
    with pytest.raises(package.UserError, match="out="):
        package.merge(bare / "run", bare / "whole")
