"""A process with bounds, started when it is needed, that answers one request after the other."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from . import _host as host

__all__ = ["Bounds", "Sandbox", "SandboxError", "folders_of"]

LOOK_SECONDS = 0.1
KEPT_VARIABLES = {"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "LANG", "LC_ALL"}


class SandboxError(Exception):
    """The work raised an error, or went beyond a bound; the message says which, as a sentence about `it`."""


class Bounds(NamedTuple):
    """What one request may take."""

    cpu_seconds: int
    """Of computing; a second more may pass."""
    wait_seconds: int
    """Of the clock, for a machine too busy to give it its seconds of computing."""
    memory_bytes: int
    """Of the whole process."""
    output_bytes: int
    """Of an answer."""


class Sandbox:
    """The process of a job; one for all threads. See `_host.py` for what a job is."""

    def __init__(self, job: str, bounds: Bounds, folders: Sequence[str], *arguments: str) -> None:
        """`job` is the path of its file; `folders` are where its imports are found, `arguments` those of its start."""
        self._job, self._bounds, self._folders, self._arguments = job, bounds, folders, arguments
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._since: float | None = None
        self._busy = threading.Event()
        self._verdict: str | None = None
        # Elsewhere the limit is accepted and means nothing (macOS), so the memory is looked at from here.
        self.is_limiting_memory = sys.platform.startswith("linux")

    def ask(self, request: bytes) -> bytes:
        """The job's answer; `SandboxError` where there is none."""
        with self._lock:
            process = self._started()
            self._since = time.monotonic()
            self._busy.set()
            try:
                letter, answer = _ask(process, request)
            except (OSError, EOFError):
                raise SandboxError(self._ending(process)) from None
            except BaseException:  # an answer that nobody read would be taken for the next one
                self.stop()
                raise
            self._since = None
            self._busy.clear()
        if letter != b"A":
            raise SandboxError(answer.decode("utf-8", "replace"))
        return answer

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        process.wait()
        self._busy.set()  # who watches it is let go
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _started(self) -> subprocess.Popen[bytes]:
        # After a fork, two processes would read each other's answers from one pipe.
        if self._process is not None and self._owner == os.getpid() and self._process.poll() is None:
            return self._process
        self.stop()
        self._owner, self._verdict, self._since, self._busy = os.getpid(), None, None, threading.Event()
        command = [sys.executable, "-I", "-S", "-B", host.__file__, json.dumps(self._settings())]
        kept = {name: value for name, value in os.environ.items() if name in KEPT_VARIABLES}
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=kept
            )
        except OSError as error:
            raise SandboxError(f"{sys.executable} cannot be started: {error.strerror}") from error
        threading.Thread(target=self._watch, args=(self._process, self._busy), daemon=True).start()
        return self._process

    def _settings(self) -> dict[str, Any]:
        return {
            "job": self._job,
            "parent": os.getpid(),
            "arguments": self._arguments,
            "folders": list(self._folders),
            "is_limited": self.is_limiting_memory,
            **self._bounds._asdict(),
        }

    def _watch(self, process: subprocess.Popen[bytes], busy: threading.Event) -> None:
        """End the process where a request takes longer than any does, or memory that the system does not limit."""
        pause = threading.Event()
        while process.poll() is None:
            busy.wait()
            pause.wait(LOOK_SECONDS)
            since = self._since
            spent = 0.0 if since is None else time.monotonic() - since
            if spent > self._bounds.wait_seconds:
                self._verdict = f"it did not end within {self._bounds.wait_seconds} seconds"
            elif not self.is_limiting_memory and spent > LOOK_SECONDS and self._is_too_large(process):
                self._verdict = f"it takes more than {self._bounds.memory_bytes / 2**30:g} GiB of memory"
            if self._verdict is not None:
                process.kill()
                return

    def _is_too_large(self, process: subprocess.Popen[bytes]) -> bool:
        return _memory(process.pid) > self._bounds.memory_bytes

    def _ending(self, process: subprocess.Popen[bytes]) -> str:
        """Why the process ended in the middle of a request."""
        self.stop()
        if self._verdict is not None:
            return self._verdict
        if process.returncode == -getattr(signal, "SIGXCPU", 0):
            return f"it did not end within {self._bounds.cpu_seconds} seconds of computing"
        return f"the process that works on it ended with code {process.returncode}"


def folders_of(*modules: str) -> list[str]:
    """Where this process finds the modules, none of which is imported; `ModuleNotFoundError` for one it does not."""
    folders = list[str]()
    for module in modules:
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(module, name=module)
        place = Path(spec.origin).parent
        folders.append(str(place.parent if spec.submodule_search_locations else place))
    return list(dict.fromkeys(folders))


def _ask(process: subprocess.Popen[bytes], request: bytes) -> tuple[bytes, bytes]:
    source, target = process.stdout, process.stdin
    assert source is not None and target is not None
    target.write(len(request).to_bytes(4, "big") + request)
    target.flush()
    head = source.read(5)
    if len(head) < 5:
        raise EOFError
    size = int.from_bytes(head[1:], "big")
    answer = source.read(size)
    if len(answer) < size:
        raise EOFError
    return head[:1], answer


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:  # what was not written yet has no reader any more
        return


def _memory(pid: int) -> int:
    """Bytes that a process has in memory; 0 where nobody says."""
    try:
        answer = subprocess.run(["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True, timeout=5)
        return int(answer.stdout) * 1024
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0
