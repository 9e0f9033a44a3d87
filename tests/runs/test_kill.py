"""Real processes with a real (tiny) model, killed at random moments: the end is the same as without any kill."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

KILLS = 20
STEPS = 96  # of the toy benchmark's two-step protocol


@pytest.fixture
def processes() -> Iterator[ForkServerContext]:
    """Fresh processes that need not import torch each: forked from a server that has."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "transformers.models.llama.modeling_llama",
            "evalkit._api",
            "evalkit.models.huggingface._adapter",
            "evalkit.cli",
            "pandas",
        ]
    )
    yield context


@pytest.fixture
def start(
    processes: ForkServerContext, toy: str, tiny_model: Path, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Any]:
    """Starter of `evalkit run` in a process of its own; the folder's name is its argument."""
    from evalkit.cli import main

    def go(out: str) -> Any:
        command = ["evalkit", "run", str(tiny_model), toy, "--protocol", "chain", "--out", str(bare / out)]
        monkeypatch.setattr(sys, "argv", [*command, "--dtype", "float32"])
        process = processes.Process(target=main)
        process.start()
        return process

    return go


def lines(log: Path) -> int:
    """Complete lines so far."""
    return log.read_bytes().count(b"\n") if log.exists() else 0


def ended(folder: Path) -> tuple[list[tuple[object, ...]], object]:
    """Records without times, and scores."""
    records = [json.loads(line) for line in (folder / "samples.jsonl").read_text("utf-8").splitlines()]
    kept = ("id", "step", "attempt", "prompt_sha256", "text", "output_tokens", "finish_reason", "error")
    return sorted(tuple(each[name] for name in kept) for each in records), json.loads(
        (folder / "scores.json").read_text()
    )


@pytest.mark.slow
def test_twenty_kills_change_no_record_and_no_score(start: Callable[[str], Any], bare: Path) -> None:
    """kill -9 before, between and in the middle of samples: resumed, every step is there once, with the same answer."""
    chance = random.Random(20)
    log, interrupted = bare / "rough" / "samples.jsonl", 0

    for _ in range(KILLS):
        target = lines(log) + chance.choice([0, 1, 2, 3])
        process = start("rough")
        while process.is_alive() and lines(log) < target:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.005))
        process.kill()
        process.join()
        interrupted += process.exitcode == -signal.SIGKILL and lines(log) < STEPS
    assert interrupted > KILLS / 2  # else this proves nothing
    for out in ("rough", "calm"):
        process = start(out)
        process.join()
        assert 0 == process.exitcode

    rough, calm = ended(bare / "rough"), ended(bare / "calm")
    assert calm == rough
    assert {1: STEPS} == Counter(Counter(record[:2] for record in rough[0]).values())


def _hear_ctrl_c() -> None:
    """Jobs in the background of a shell ignore it, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_keeps_everything_and_says_how_to_go_on(
    toy: str, tiny_model: Path, evalkit: Command, bare: Path
) -> None:
    """Exit code 130, one line, and the same command finishes the rest."""
    arguments = ["run", str(tiny_model), toy, "--backend", "toy", "--out", str(bare / "run")]
    log, environment = bare / "run" / "samples.jsonl", {**os.environ, "TOY_SECONDS": "0.25"}
    command = [sys.executable, "-m", "evalkit", *arguments]
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, preexec_fn=_hear_ctrl_c
    ) as process:
        while process.poll() is None and lines(log) < 3:
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()

    kept = lines(log)
    again = evalkit(*arguments)

    assert (130, "interrupted") == (process.returncode, err.splitlines()[-1].removeprefix("evalkit: ")[:11])
    assert "Traceback" not in err
    assert 3 <= kept < 48 == lines(log)
    assert (0, True) == (again.code, f"{48 - kept} answered, {kept} already done, 0 failed" in again.err)
