"""Tables on standard output: in a narrow terminal, and in a file or pipe."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from _pytest.capture import CaptureIO

from evalkit.cli.terminal._output import print_table, say_exactly
from evalkit.tables import listing

Command = Callable[..., Any]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of eighty columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(CaptureIO, "isatty", lambda _: True)


def lines_of(text: str) -> list[str]:
    """Lines without the signs for bold letters."""
    return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (("cards", "list"), ["gpt-3.5-turbo-16k", "qwen2-1.5b-instruct", "32,768"]),
        (("data", "list"), ["leval_predictions", "longbench_v2_prompts"]),
        (("data", "verify", "leval"), ["Generation/natural_question.jsonl", "Exam/topic_retrieval_longchat.jsonl"]),
        (("benchmarks", "list"), ["needlebench-atc-choice-20", "needle-xverse-256k"]),
    ],
)
def test_names_are_whole_at_eighty_columns(
    narrow: None,  # noqa: ARG001
    evalkit: Command,
    command: tuple[str, ...],
    names: list[str],
) -> None:
    """What a user types again is on one line, and nothing is wider than the terminal."""
    lines = lines_of(evalkit(*command).out)

    assert [] == [name for name in names if not any(name in line for line in lines)]
    assert (80, False) >= (max(map(len, lines)), any("…" in line for line in lines))


@pytest.mark.parametrize("command", [("cards", "list"), ("data", "list"), ("benchmarks", "show", "leval")])
def test_a_pipe_gets_a_line_per_row_without_blanks_at_its_end(evalkit: Command, command: tuple[str, ...]) -> None:
    """Nothing is cut, whatever its length."""
    lines = evalkit(*command).out.splitlines()

    assert [] == [line for line in lines if line.endswith(" ") or "…" in line]


def test_a_long_text_is_one_line_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """A digest can be copied, a row can be found with grep."""
    table = listing(("name", "text"), texts=("text",))
    table.add_row("a", "word " * 200 + "end")

    print_table(table)

    lines = capsys.readouterr().out.splitlines()
    assert (2, True) == (len(lines), lines[1].endswith("word end"))


def test_the_narrow_form_is_printed_where_the_other_is_too_wide(
    narrow: None,  # noqa: ARG001
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And only there."""
    wide, small = listing(["x" * 50, "y" * 50]), listing(["small"])
    fitting = listing(["x" * 30, "y" * 30])

    print_table(wide, lambda: small)
    print_table(fitting, lambda: small)

    assert ["small", "x" * 30 + "  " + "y" * 30] == [line.rstrip() for line in lines_of(capsys.readouterr().out)]


def test_a_table_without_a_narrow_form_goes_on_behind_the_end(
    narrow: None,  # noqa: ARG001
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Lines are longer than the terminal; nothing is missing."""
    print_table(listing(["x" * 50, "y" * 50]))

    assert ["x" * 50 + "  " + "y" * 50] == [line.rstrip() for line in lines_of(capsys.readouterr().out)]


def test_an_exact_text_is_exact_in_a_pipe_and_harmless_at_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is added to what a file gets, and nothing acts on a terminal."""
    say_exactly("a\x1b[2J\tb\r")
    in_a_pipe = capsys.readouterr().out
    monkeypatch.setattr(CaptureIO, "isatty", lambda _: True)
    say_exactly("a\x1b[2J\tb\r")

    assert ("a\x1b[2J\tb\r", "a\\x1b[2J b \n") == (in_a_pipe, capsys.readouterr().out)
