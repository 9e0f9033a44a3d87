"""Ends what a local Ray has left when the process that started it is gone. A program of its own, without evalkit.

It waits until its standard input ends, which it does with the process that holds the other end, however that ends. Then
it kills every process whose environment has the mark, engines' own workers among them, and removes the folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

ROUNDS = 5  # a process may start another while they are looked for


def marked(mark: str) -> list[int]:
    """Processes that were started with that entry in their environment; none where the system does not show it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            entries = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended, or is somebody else's
            continue
        if mark.encode() in entries and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def main(mark: str, folder: str) -> None:
    """Wait, kill, remove."""
    sys.stdin.buffer.read()
    for _ in range(ROUNDS):
        left = marked(mark)
        if not left:
            break
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
