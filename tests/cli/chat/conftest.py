"""A model that says what a script says, and a terminal to talk to it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from .terminal import PATIENCE, Terminal

Script = Callable[..., None]
Command = Callable[..., Any]

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    """Writer of what the scripted backend answers: `script(["piece", "piece"], ["next answer"])`."""
    folder = tmp_path / "script"
    folder.mkdir()
    monkeypatch.syspath_prepend(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(PLUGIN), prepend=os.pathsep)
    monkeypatch.setenv("SCRIPT", str(folder))
    return lambda *answers: (folder / "script.json").write_text(json.dumps(answers), "utf-8") and None


@pytest.fixture
def prompts(tmp_path: Path) -> Callable[[], Sequence[str]]:
    """What the scripted backend was asked so far."""
    log = tmp_path / "script" / "prompts.jsonl"
    return lambda: [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []


@pytest.fixture
def go(tmp_path: Path) -> Callable[[str], None]:
    """What a step of the script waits for comes to be."""
    return lambda name: (tmp_path / "script" / name).touch()


@pytest.fixture
def awaited(tmp_path: Path) -> Callable[[str], None]:
    """Returns when a step of the script waits for that."""

    def wait(name: str) -> None:
        until = time.monotonic() + PATIENCE
        while not (tmp_path / "script" / f"{name}.awaited").exists():
            assert time.monotonic() < until, f"nothing waits for {name}"
            time.sleep(0.01)

    return wait


@pytest.fixture
def chat(evalkit: Command, script: Script, tiny_model: Path) -> Command:  # noqa: ARG001
    """`evalkit chat` with the scripted backend, in this process."""
    return lambda *options: evalkit("chat", tiny_model, "--backend", "scripted", *options)


@pytest.fixture
def talk(script: Script, tiny_model: Path, bare: Path) -> Iterator[Callable[..., Terminal]]:  # noqa: ARG001
    """Opener of `evalkit chat` with the scripted backend in a terminal of its own."""
    opened: list[Terminal] = []

    def go(*options: object) -> Terminal:
        opened.append(Terminal("chat", tiny_model, "--backend", "scripted", *options))
        return opened[-1]

    yield go
    for terminal in opened:
        terminal.close()
