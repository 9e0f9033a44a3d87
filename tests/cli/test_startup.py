"""What commands that load no model import: neither torch nor transformers, which take seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.models.endpoint.scripted_server import ScriptedServer

HEAVY = ("torch", "transformers", "sympy", "scipy", "pandas", "matplotlib", "datasets")
LOOK = (
    "import sys\n"
    "from evalkit.cli import main\n"
    "sys.argv = ['evalkit', *sys.argv[1:]]\n"
    "try:\n"
    "    main()\n"
    "except SystemExit as ended:\n"
    "    print('ended with', ended.code or 0, file=sys.stderr)\n"
    f"print('imported', *[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)\n"
)


def imported(*arguments: object) -> list[str]:
    """The heavy packages that a process of this command has imported at its end."""
    command = [sys.executable, "-W", "ignore", "-c", LOOK, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = ended.stderr.splitlines()
    assert "ended with 0" in lines, ended.stderr
    return lines[-1].split()[1:]


@pytest.fixture
def plain_folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A model folder without a card."""
    for file in tiny_model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.mark.usefixtures("bare")
def test_a_plan_of_the_embedded_model_imports_no_model_library() -> None:
    """Tokens, template and facts of the card come from the files."""
    assert [] == imported("plan", "needle-tiny", "needle", "--limit", "3")


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("chat", ["tokenizer", "none"])
def test_a_plan_of_a_folder_imports_no_model_library(plain_folder: Path, chat: str) -> None:
    """Also without a card, and with a chat template."""
    options = ("--limit", "3", "--option", "lengths=256", "--chat", chat)

    assert [] == imported("plan", plain_folder, "needle", *options)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("verb", ["check", "show"])
def test_cards_of_a_folder_import_no_model_library(plain_folder: Path, verb: str) -> None:
    """The configuration of a common family says all."""
    assert [] == imported("cards", verb, plain_folder)


@pytest.mark.usefixtures("bare")
def test_a_plan_of_a_server_imports_no_model_library(toy: str) -> None:
    """The server's own tokenizer counts."""
    with ScriptedServer() as server:
        server.behaviour.tokenizes, server.behaviour.owned_by = True, "vllm"
        assert [] == imported("plan", server.base_url, toy, "--limit", "2")


@pytest.mark.usefixtures("bare")
def test_scoring_imports_no_model_library(tmp_path: Path) -> None:
    """Outputs made elsewhere are texts."""
    lines = [{"id": 0, "pred": "5", "answers": ["5"], "all_classes": None, "length": 10, "dataset": "passage_count"}]
    folder = tmp_path / "outputs"
    folder.mkdir()
    (folder / "passage_count.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")

    assert [] == imported("score", folder, "--format", "longbench", "--protocol", "official")


@pytest.mark.usefixtures("bare")
def test_help_and_lists_import_no_model_library() -> None:
    """Nor do they read a card's weights."""
    assert [] == imported("--help") + imported("cards", "list") + imported("benchmarks", "list")


@pytest.mark.usefixtures("bare")
def test_the_guard_sees_what_is_imported(
    wild_tokenizer_folder: Callable[[str], Path], plain_folder: Path, toy: str
) -> None:
    """A tokenizer that only transformers can read shows that these tests can fail."""
    for file in wild_tokenizer_folder("slow").iterdir():
        (plain_folder / file.name).write_bytes(file.read_bytes())
    (plain_folder / "tokenizer.json").unlink()

    seen = imported("plan", plain_folder, toy, "--limit", "1", "--chat", "none")

    assert "transformers" in seen
