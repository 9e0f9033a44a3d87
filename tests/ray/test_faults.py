"""Whole runs of the embedded model while its replicas, and the command itself, are killed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ray.conftest import NEEDLE_TINY

KILLS = int(os.environ.get("EVALKIT_KILLS", "10"))
"""Of actors in the long run; a hundred take a quarter of an hour, most of it imports of torch."""
RUN = ("evalkit", "run", str(NEEDLE_TINY), "needle", "--lengths", "256")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starter of `evalkit run` in the folder `run`; nothing of it is left at the end of the test."""
    begun: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        command = [*RUN, "--out", "run", *arguments]
        begun.append(
            subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        )
        return begun[-1]

    yield begin
    for each in begun:
        with each:
            each.kill()


def test_killed_engines_lose_nothing_and_double_nothing(start: Callable[..., Any], tmp_path: Path) -> None:
    """Each sample has one record, and the scores are those of a run that nobody disturbed."""
    repeats = ("--repeats", "182")  # 2,002 samples
    run = start(*repeats, "--replicas", "2")
    chance = random.Random(17)
    ends: dict[int, float] = {}  # of each engine that was seen at work, when to kill it
    killed: set[int] = set()
    while run.poll() is None and len(killed) < KILLS:
        for engine in _engines(run.pid, b"ray::Engine.generate"):
            if time.monotonic() > ends.setdefault(engine, time.monotonic() + chance.uniform(0.3, 0.8)):
                killed.add(engine)
                _kill(engine)
        time.sleep(0.05)
    said, _ = run.communicate()

    assert 0 == run.returncode, said
    assert len(killed) >= KILLS
    assert 1 <= said.count("is lost (its process ended)") <= KILLS
    assert {1} == set(Counter(_records(tmp_path / "run")).values())
    disturbed = json.loads((tmp_path / "run/scores.json").read_text())
    plain = subprocess.run([*RUN, *repeats, "--out", "plain"], cwd=tmp_path, capture_output=True, text=True)
    assert 0 == plain.returncode, plain.stdout
    assert json.loads((tmp_path / "plain/scores.json").read_text()) == disturbed


def test_a_killed_command_goes_on_where_it_was(start: Callable[..., Any], tmp_path: Path) -> None:
    """What is in its records is not asked again."""
    arguments = ("--repeats", "40", "--replicas", "2")
    run = start(*arguments)
    while len(_records(tmp_path / "run")) < 20:
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    run.kill()
    run.wait()
    before = len(_records(tmp_path / "run"))

    again = start(*arguments)
    said, _ = again.communicate()

    assert 0 == again.returncode, said
    assert f"{before} already done" in said or f"{before - 1} already done" in said  # its last line may be torn
    assert {1} == set(Counter(_records(tmp_path / "run")).values())
    assert 440 == len(_records(tmp_path / "run"))


def test_a_run_without_any_replica_left_says_what_is_missing(start: Callable[..., Any], tmp_path: Path) -> None:
    """And ends, with what was finished kept."""
    run = start("--repeats", "100", "--replicas", "2")
    while not _records(tmp_path / "run"):
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    while run.poll() is None:
        for engine in _engines(run.pid):
            _kill(engine)
        time.sleep(0.2)
    said, _ = run.communicate()

    assert 1 == run.returncode, said
    assert "no replica is left (its process ended)" in said.replace("\n", " ")
    assert "Traceback" not in said
    assert _records(tmp_path / "run")


def _records(folder: Path) -> list[tuple[Any, ...]]:
    """Task and sample of each whole record."""
    path = folder / "samples.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [(each.get("task"), each.get("id"), each.get("step"), each.get("draw")) for each in map(json.loads, lines)]


def _engines(run: int, title: bytes = b"ray::Engine") -> list[int]:
    """Processes of the run's actors; by what they are at, if the title tells it."""
    found: list[int] = []
    for task in Path(f"/proc/{run}/task").glob("*/children"):
        try:
            children = list(map(int, task.read_text().split()))
        except OSError:  # it has ended
            continue
        for child in children:
            found += _engines(child, title)
            if _title(child).startswith(title):
                found.append(child)
    return found


def _title(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 9)
