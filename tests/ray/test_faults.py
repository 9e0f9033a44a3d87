"""Whole runs while their replicas, and the command itself, are killed.

Where many are killed, or what counts is the command, engines are the probe's: it asks the same prompts, its answers
tell one prompt from another, and it starts without torch, in a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.ray.conftest import NEEDLE_TINY

KILLS = int(os.environ.get("EVALKIT_KILLS", "4"))
"""Of engines with the embedded model; a hundred take a quarter of an hour, most of it imports of torch."""
LIVES_SECONDS = {b"ray::Engine.generate": 0.5, b"ray::IDLE": 5.0}
"""How long a worker is left at what its title says before it may be killed: a replica whose engines never answer is
given up, and a worker that idles for a moment is one that starts, which Ray needs ten seconds to give up."""
RUN = (sys.executable, "-m", "evalkit", "run", str(NEEDLE_TINY), "needle", "--lengths", "256")
PROBE = ("--backend", "probe")


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starter of `evalkit run` in the folder `run`, with a slow probe; nothing is left at the end of the test."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # of a tiny model, where others compute too
    begun: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        begun.append(
            subprocess.Popen(
                [*RUN, "--out", "run", *arguments],
                cwd=tmp_path,
                env={**os.environ, "PROBE_SECONDS": "0.03"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return begun[-1]

    yield begin
    for each in begun:
        with each:
            each.kill()


def test_a_hundred_killed_workers_lose_nothing_and_double_nothing(start: Callable[..., Any], tmp_path: Path) -> None:
    """Each of 2,002 samples has one record, with the answer that one engine in the command's process gives.

    Killed are workers of the probe, at work or idle, a hundred of them in one run. Engines that load are killed in
    `test_a_run_without_any_replica_left_says_what_is_missing`, engines with a real model in the test behind this one.
    """
    arguments = ("--repeats", "182", *PROBE)
    run = start(*arguments, "--replicas", "2")
    killed = _disturb(run, tmp_path / "run", samples=2002, kills=100)
    said, _ = run.communicate()

    assert 0 == run.returncode, said
    assert 100 == len(killed)
    engines = [title for title in killed if title.startswith(b"ray::Engine")]
    assert len(engines) == said.count("is lost (its process "), said
    _check_against_plain(tmp_path, arguments, samples=2002)


def test_killed_engines_with_a_model_change_no_score(start: Callable[..., Any], tmp_path: Path) -> None:
    """Each sample has one record, and the scores are those of a run that nobody disturbed.

    A few kills in some hundred samples; more than ten (EVALKIT_KILLS) are of a run of 2,002.
    """
    repeats = 40 if KILLS <= 10 else 182
    arguments = ("--repeats", str(repeats))
    run = start(*arguments, "--replicas", "2")
    killed = _disturb(run, tmp_path / "run", samples=11 * repeats, kills=KILLS)
    said, _ = run.communicate()

    assert 0 == run.returncode, said
    assert len(killed) == KILLS
    _check_against_plain(tmp_path, arguments, samples=11 * repeats)


def test_a_killed_command_goes_on_where_it_was(start: Callable[..., Any], tmp_path: Path) -> None:
    """What is in its records is not asked again."""
    arguments = ("--repeats", "40", "--replicas", "2", *PROBE)
    run = start(*arguments)
    _wait_for_answers(run, tmp_path / "run", 20)
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
    run = start("--repeats", "182", "--replicas", "2", *PROBE)
    _wait_for_answers(run, tmp_path / "run", 1)
    while run.poll() is None:
        for worker, title in _workers(run.pid).items():
            if title.startswith(b"ray::Engine"):
                _kill(worker)
        time.sleep(0.05)
    said, _ = run.communicate()

    assert 1 == run.returncode, said
    assert "no replica is left (its process ended)" in said.replace("\n", " ")
    assert "Traceback" not in said
    assert _records(tmp_path / "run")


def test_what_an_engine_refuses_ends_the_command_with_its_line(start: Callable[..., Any]) -> None:
    """Exit code 2, as with the engine in the command's process."""
    run = start("--replicas", "2", *PROBE, "--device", "refused")

    said, _ = run.communicate()

    assert (2, "evalkit: needle-tiny: cannot be loaded") == (run.returncode, said.splitlines()[-1])


def _disturb(run: subprocess.Popen[str], folder: Path, *, samples: int, kills: int) -> list[bytes]:
    """Kill a random worker each time that the run has come to one of random places in the first three quarters of it.

    The titles of those that were killed.
    """
    chance = random.Random(17)
    places = sorted(chance.sample(range(1, samples * 3 // 4), kills))
    since: dict[tuple[int, bytes], float] = {}  # when each worker was first seen at what it may be killed at
    killed: dict[int, bytes] = {}
    while run.poll() is None and len(killed) < kills:
        workers = {each: title for each, title in _workers(run.pid).items() if each not in killed}
        now = time.monotonic()
        able = [
            worker
            for worker, title in workers.items()
            for what, seconds in LIVES_SECONDS.items()
            if title.startswith(what) and now - since.setdefault((worker, what), now) > seconds
        ]
        if able and len(_lines(folder)) >= places[len(killed)]:
            victim = chance.choice(able)
            killed[victim] = workers[victim]
            _kill(victim)
        time.sleep(0.02)
    return list(killed.values())


def _check_against_plain(folder: Path, arguments: Sequence[str], *, samples: int) -> None:
    """Each sample of the run has one record, with the text and the scores of a run without replicas."""
    plain = subprocess.run([*RUN, *arguments, "--out", "plain"], cwd=folder, capture_output=True, text=True)
    assert 0 == plain.returncode, plain.stderr
    found, expected = ([json.loads(line) for line in _lines(folder / name)] for name in ("run", "plain"))
    assert {1} == set(Counter(map(_key, found)).values())
    assert samples == len(found)
    assert {_key(each): each["text"] for each in expected} == {_key(each): each["text"] for each in found}
    scores, other = (json.loads((folder / name / "scores.json").read_text()) for name in ("run", "plain"))
    assert other == scores


def _wait_for_answers(run: subprocess.Popen[str], folder: Path, number: int) -> None:
    while len(_lines(folder)) < number:
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)


def _key(record: Any) -> tuple[Any, ...]:
    """Which step of which sample it is of."""
    return record["id"], record["step"], record["draw"]


def _records(folder: Path) -> list[tuple[Any, ...]]:
    """What each whole record is of."""
    return [_key(json.loads(line)) for line in _lines(folder)]


def _lines(folder: Path) -> list[bytes]:
    """The whole lines of a run's records."""
    path = folder / "samples.jsonl"
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def _workers(run: int) -> dict[int, bytes]:
    """Processes of the run's Ray that work for it, each with what its title says that it is at."""
    found: dict[int, bytes] = {}
    for task in Path(f"/proc/{run}/task").glob("*/children"):
        try:
            children = list(map(int, task.read_text().split()))
        except OSError:  # it has ended
            continue
        for child in children:
            found |= _workers(child)
            if (title := _title(child)).startswith((b"ray::Engine", b"ray::IDLE")):
                found[child] = title
    return found


def _title(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 9)
