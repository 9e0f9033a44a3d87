"""The process that reads a document, and the end of the program that started it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ENDLESS = "def start():\n    def work(request):\n        while True:\n            pass\n    return work\n"
PROGRAM = """
import sys, threading
from evalkit.sandbox import Bounds, Sandbox
sandbox = Sandbox(sys.argv[1], Bounds(60, 60, 2**30, 1000), [])
print(sandbox._started().pid, flush=True)
sandbox.ask(b"x")
"""


@pytest.mark.skipif(os.name != "posix", reason="no such signal")
def test_it_ends_with_a_program_that_is_killed(tmp_path: Path) -> None:
    """Nobody is left who would end it, and it may compute for a minute."""
    psutil = pytest.importorskip("psutil")
    job = tmp_path / "job.py"
    job.write_text(ENDLESS)
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(job)], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        reader = psutil.Process(int(program.stdout.readline()))
        program.kill()
    try:
        reader.wait(10)
    finally:
        if reader.is_running():
            reader.kill()
