"""Help, lists, and what they cost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalkit as package
from evalkit.cards import list_cards, load_card
from evalkit.cli import app

Command = Callable[..., Any]

HEAVY = {"torch", "transformers", "matplotlib", "pandas", "scipy", "jieba", "plotly", "vllm", "ray"}


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["benchmarks", "list"]])
def test_help_and_lists_import_nothing_heavy(arguments: list[str]) -> None:
    """They answer at once because the work's libraries are loaded by the work."""
    command = [sys.executable, "-X", "importtime", "-m", "evalkit", *arguments]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert set() == imported & HEAVY
    assert "evalkit.cli" in imported


@pytest.mark.parametrize(
    "verb",
    [
        *(
            "run",
            "chat",
            "plan",
            "score",
            "compare",
            "explain",
            "reproduce",
            "report",
            "leaderboard",
            "published",
            "repair",
        ),
        *("data", "cards", "benchmarks"),
    ],
)
def test_every_verb_has_help_with_a_sentence(evalkit: Command, verb: str) -> None:
    """Exit code 0, nothing on standard error."""
    done = evalkit(verb, "--help")

    assert (0, "") == (done.code, done.err)
    assert f"Usage: evalkit {verb}" in done.out
    assert "." in done.out.partition("Usage")[2].partition("Options")[0].partition("\n")[2]


def test_without_a_command_there_is_help(evalkit: Command) -> None:
    """All verbs, each with its sentence, and commands to begin with; nobody did anything wrong."""
    done = evalkit()

    assert (0, "") == (done.code, done.err)
    assert all(verb in done.out for verb in ("run", "plan", "score", "report", "repair", "data", "cards", "benchmarks"))
    assert "Begin with:" in done.out and "evalkit demo " in done.out


def commands() -> list[tuple[str, ...]]:
    """Every command, groups included."""
    import typer

    whole: Any = typer.main.get_command(app)
    inner = [(name, sub) for name, verb in whole.commands.items() for sub in getattr(verb, "commands", {})]
    return [(), *((name,) for name in whole.commands), *inner]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_the_short_flag_helps_everywhere(evalkit: Command, command: tuple[str, ...]) -> None:
    """`-h` is `--help`, of verbs added later too."""
    short, long = evalkit(*command, "-h"), evalkit(*command, "--help")

    assert (0, "") == (short.code, short.err)
    assert long.out == short.out
    assert "-h, --help" in short.out


def test_the_version_is_told(evalkit: Command) -> None:
    """The one that is installed."""
    done = evalkit("--version")

    assert (0, f"evalkit {package.__version__}\n") == (done.code, done.out)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("evalkit re", "report"), ("evalkit run --max-s", "--max-seq-len"), ("evalkit cards sh", "show")],
)
def test_a_shell_completes_verbs_and_flags(
    evalkit: Command, monkeypatch: pytest.MonkeyPatch, typed: str, offered: str
) -> None:
    """What `--show-completion` writes for a shell asks evalkit in this way."""
    for name, value in {
        "_EVALKIT_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }.items():
        monkeypatch.setenv(name, value)

    assert offered in evalkit().out.split()


def test_benchmarks_are_listed_and_shown(evalkit: Command) -> None:
    """With their protocols, and what each means."""
    listed, shown = evalkit("benchmarks", "list"), evalkit("benchmarks", "show", "leval")

    assert (0, 0) == (listed.code, shown.code)
    assert "leval" in listed.out
    assert {"coursera", "opencompass", "official", "index"} <= set(shown.out.replace(",", " ").split())


def test_cards_are_listed_shown_and_checked(evalkit: Command) -> None:
    """The shipped ones hold no error."""
    listed, shown, checked = (
        evalkit("cards", *arguments)
        for arguments in (["list"], ["show", "index-1.9b-32k"], ["check", "index-1.9b-32k"])
    )

    assert (0, 0, 0) == (listed.code, shown.code, checked.code)
    assert "index-1.9b-32k" in listed.out
    assert "context_length: 32768" in shown.out


def test_the_list_of_cards_fits_a_terminal(evalkit: Command) -> None:
    """A line each, with what it runs as."""
    lines = evalkit("cards", "list").out.splitlines()

    assert 1 + len(list_cards()) == len(lines)
    assert 100 >= max(map(len, lines))
    assert ["chatglm2-6b-32k", "THUDM/chatglm2-6b-32k", "glm", "32,768", "10,000"] in [line.split() for line in lines]


@pytest.mark.parametrize("name", ["chatglm2-6b-32k", "vicuna-7b-v1.5-16k"])
def test_a_card_that_was_shown_is_that_card_again(evalkit: Command, bare: Path, name: str) -> None:
    """Written to a file, with its chat format and its sources: where a card for weights of one's own begins."""
    (bare / "my-card.yaml").write_text(evalkit("cards", "show", name).out, "utf-8")

    assert load_card(name).model_dump() == load_card(bare / "my-card.yaml").model_dump()


def test_a_card_that_contradicts_its_weights_is_exit_code_one(evalkit: Command, tiny_model: Path, bare: Path) -> None:
    """A check that does not hold is not wrong input."""
    facts = "name: t\ntitle: T\nlicence: none\ncontext_length: 512\narchitecture: {layers: 7}\n"
    (bare / "card.yaml").write_text(facts + f"weights: {tiny_model}\n")

    done = evalkit("cards", "check", "card.yaml")

    assert 1 == done.code
    assert "layers" in done.out


def test_data_at_hand_is_verified(evalkit: Command) -> None:
    """Without any data here every file is missing: exit code 1, nothing is downloaded."""
    done = evalkit("data", "verify", "leval")

    assert 1 == done.code
    assert 20 == done.out.count(" missing ")


@pytest.mark.usefixtures("bare")
def test_a_reader_that_goes_away_is_no_error_message() -> None:
    """`evalkit … | head -1` ends without a traceback."""
    command = f"{sys.executable} -m evalkit benchmarks show leval | {sys.executable} -c pass"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("streams", "code", "said"),
    [(">&-", 0, ""), (">&- 2>&-", 0, ""), (">/dev/full", 2, "evalkit: what is printed cannot be written (No space")],
)
def test_nowhere_to_print_to_is_no_traceback(streams: str, code: int, said: str) -> None:
    """A stream that is closed takes everything; a full disk is one line."""
    command = f"{sys.executable} -m evalkit benchmarks list {streams}"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert code == done.returncode
    assert done.stderr.startswith(said) and len(done.stderr.splitlines()) == bool(said)


@pytest.mark.usefixtures("bare")
def test_a_terminal_that_lacks_a_sign_shows_another_one() -> None:
    """Tables hold dashes and dots that old encodings do not have."""
    command = [sys.executable, "-m", "evalkit", "benchmarks", "show", "leval"]

    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "coursera" in done.stdout
