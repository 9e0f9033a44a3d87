"""`evalkit published`: what it prints, and how it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from _pytest.capture import CaptureIO
from typer.testing import CliRunner

from evalkit.cli import app
from evalkit.errors import DataError, UnknownNameError

RUNNER = CliRunner()


def run(*words: str) -> str:
    """What the command prints; its error is raised."""
    result = RUNNER.invoke(app, ["published", *words], catch_exceptions=False)
    assert 0 == result.exit_code, result.output
    return result.output


def test_the_check_names_table_row_and_reason() -> None:
    """A line for each finding, and how much was looked at."""
    output = run("check")

    line = next(line for line in output.splitlines() if "72.93" in line)
    assert "leval.csv:26" in line
    assert "opencompass-long-context" in line
    assert "next to it are 72.862 and 73.234" in line
    assert re.search(
        r"\d+ numbers: \d+ checked against the scores that their samples can have, 55 means computed", output
    )


def test_the_check_writes_json_alone() -> None:
    """`--json -` prints the object and nothing else."""
    value = json.loads(run("check", "--json", "-"))

    assert {"findings", "checked"} == set(value)
    assert ("leval", "tpo", "gpt-4", "impossible") in {
        (row["benchmark"], row["task"], row["model"], row["kind"]) for row in value["findings"]
    }


def test_a_users_file_is_checked_alike(tmp_path: Path) -> None:
    """The same questions are asked of a file by its path."""
    path = tmp_path / "own.csv"
    path.write_text("benchmark,kind,task,model,score\nlongbench-v2,overall,overall,m,64.5\n", "utf-8")

    output = run("check", str(path))

    assert "a mean of at least 2 runs can read so" in output
    assert "1 number: 1 checked against" in output


def test_a_bad_file_is_refused_in_one_line(tmp_path: Path) -> None:
    """File, line and column of the first mistake."""
    path = tmp_path / "own.csv"
    path.write_text("benchmark,kind,task,model,score\nlevall,task,tpo,m,64.5\n", "utf-8")

    with pytest.raises(DataError, match=r"own\.csv:2: benchmark: unknown benchmark 'levall': did you mean 'leval'"):
        run("check", str(path))


def test_the_list_has_every_benchmark() -> None:
    """Benchmarks with their models and sources."""
    output = run("list")

    assert "needle-xverse-256k" in output
    assert "longbench-predictions" in output


def test_a_model_is_shown_with_its_knobs() -> None:
    """Its numbers, and how they were made."""
    output = run("show", "xverse-13b-256k")

    assert "99.67" in output
    assert "truncated:2" in output
    assert "neither needles nor texts are published" in output


def test_an_unknown_model_names_the_nearest() -> None:
    """A misspelt model is answered with the right one."""
    with pytest.raises(UnknownNameError, match="did you mean 'gpt-4'"):
        run("show", "gpt4")


def test_findings_fit_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One below the other, no line wider than eighty columns, rows and reasons whole."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(CaptureIO, "isatty", lambda _: True)

    app(["published", "check"], standalone_mode=False)

    lines = capsys.readouterr().out.splitlines()
    assert 80 >= max(map(len, lines))
    assert "leval tpo, gpt-4: 72.93, n = 269 (opencompass-long-context, leval.csv:26)" in lines


@pytest.mark.parametrize(("model", "is_published"), [("llama3-8b-instruct", True), ("my-model", False)])
def test_scores_say_how_to_hold_them_against_published_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, is_published: bool
) -> None:
    """Where they were written, and the next command where the model has published numbers."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / model).mkdir()
    row = {"pred": "Food", "answers": ["Food"], "all_classes": ["Food", "Date"], "length": 9}
    (tmp_path / model / "trec.jsonl").write_text(json.dumps(row) + "\n")

    result = RUNNER.invoke(app, ["score", model, "--format", "longbench", "--out", "the scores"])

    assert "evalkit: longbench: results in the scores\n" in result.stderr
    assert is_published == ("evalkit compare 'the scores' published\n" in result.stderr)


def test_margins_are_shown_with_two_decimals() -> None:
    """A tenth of 25.55 is 2.555, which nobody needs to read."""
    line = next(line for line in run("show", "gpt4-32k").splitlines() if "codeU" in line)

    assert "2.555" not in line
    assert line.split()[6].startswith("2.5")
