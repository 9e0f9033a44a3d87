"""The prepared script for accelerators runs on a CPU with small sizes, so that it is not broken when one is at hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("run.sh")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The script with this interpreter."""
    environment = os.environ | {"PYTHON": sys.executable}
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, env=environment, timeout=300)


@pytest.mark.slow
def test_small_sizes_fill_the_whole_table(tmp_path: Path) -> None:
    """In float32 no answer differs, and as many tokens are computed as planned."""
    done = run("--small", "--device", "cpu", "--out", str(tmp_path / "table.md"))

    assert 0 == done.returncode, done.stderr
    lines = (tmp_path / "table.md").read_text("utf-8").splitlines()
    assert done.stdout.splitlines() == lines
    assert 2 == sum("prompt of 512" in line and "tokens/s" in line for line in lines)
    assert 4 == sum("at once" in line and "tokens/s" in line for line in lines)
    assert ["0 of 4", "0 of 8"] * 2 == [line.split("|")[2].strip() for line in lines if "that differ" in line]
    computed = [line.split("|")[2].replace(",", "").split() for line in lines if "planned" in line]
    assert 2 == len(computed)
    assert all(words[0] == words[2] for words in computed)  # "448 computed 448 planned"


@pytest.mark.slow
def test_what_does_not_fit_the_time_is_said() -> None:
    """And the exit code says that the table is not whole."""
    done = run("--small", "--device", "cpu", "--seconds", "0")

    assert 1 == done.returncode, done.stderr
    assert "left out: no time" in done.stdout


def test_full_sizes_on_a_cpu_are_refused() -> None:
    """They would take days."""
    done = run("--device", "cpu")

    assert 2 == done.returncode
    assert "--small" in done.stderr
