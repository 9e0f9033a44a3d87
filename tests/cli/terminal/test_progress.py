"""The progress line: what goes on at a terminal, and nothing of it in a pipe."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _pytest.capture import CaptureIO

from evalkit import progress
from evalkit.cli.terminal._progress import ProgressMonitor, shown_between

Command = Callable[..., Any]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error is a wide terminal."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(CaptureIO, "isatty", lambda _: True)


def plain(text: str) -> str:
    """Text without the signs that move and colour it."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_stage_is_shown_with_its_count(terminal: None, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    """What is done, how far, and of how much."""
    with ProgressMonitor() as monitor:
        monitor.stage("building prompts", 1234, 55_000)

    assert "building prompts 1,234 of 55,000" in plain(capsys.readouterr().err)


def test_a_narrow_terminal_does_not_call_the_time_spent_left(
    terminal: None,  # noqa: ARG001
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What has no end has no time left, and of 60 columns a word and its number share one."""
    monkeypatch.setenv("COLUMNS", "60")
    with ProgressMonitor() as monitor:
        monitor.stage("scoring results/some-run")

    assert "0:00:00" in (shown := plain(capsys.readouterr().err))
    assert "left" not in shown


def test_a_stage_that_has_ended_leaves_nothing(terminal: None, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    """The last thing on a terminal is the result, or the error."""
    with ProgressMonitor() as monitor:
        monitor.stage("reading the weights")
        capsys.readouterr()

    assert "" == plain(capsys.readouterr().err).strip()


def test_a_pipe_is_told_of_no_stage(capsys: pytest.CaptureFixture[str]) -> None:
    """Logs hold what happened, not what was shown meanwhile."""
    with ProgressMonitor() as monitor:
        monitor.stage("building prompts", 1234, 55_000)

    assert "" == capsys.readouterr().err


def test_a_pipe_is_told_once_a_minute_how_far_a_long_stage_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody takes a long plan for one that hangs."""
    monkeypatch.setattr(progress, "PLAIN_EVERY_SECONDS", 0.0)

    with ProgressMonitor() as monitor:
        monitor.stage("building prompts", 1234, 55_000)

    assert "evalkit: building prompts 1,234 of 55,000\n" == capsys.readouterr().err


def test_nothing_moves_while_an_item_is_printed(terminal: None, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    """What is waited for is shown before each item and gone when it comes."""
    printed = []
    for item in shown_between([1, 2], "asking"):
        shown = plain(capsys.readouterr().err)
        printed.append((item, "asking" in shown, capsys.readouterr().err))

    assert [(1, True, ""), (2, True, "")] == printed


@pytest.mark.parametrize(
    ("command", "stages"),
    [
        ("run", ["reading {model}", "checking toy and its data", "building prompts", "loading the model", "scoring"]),
        ("plan", ["reading {model}", "checking toy and its data", "building prompts"]),
        ("report", ["scoring run", "writing tables and figures of run"]),
        ("score", ["scoring run"]),
    ],
)
def test_a_command_says_what_it_does(
    evalkit: Command,
    toy: str,
    tiny_model: Path,
    bare: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    stages: list[str],
) -> None:
    """Every part that can take more than a second is named, from the first on."""
    arguments = [tiny_model, toy, "--backend", "toy", "--out", bare / "run"]
    evalkit("run", *arguments, "--limit", "2")
    for name, value in (("COLUMNS", "300"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(CaptureIO, "isatty", lambda _: True)

    shown = plain(evalkit(command, *(arguments if command in {"run", "plan"} else [bare / "run"])).err)

    assert [] == [stage for stage in stages if stage.format(model=tiny_model) not in shown]
