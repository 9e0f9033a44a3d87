"""Chat templates rendered within bounds of time, memory and size, by a process that is started when one is needed."""

from __future__ import annotations

import atexit
import datetime
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalkit.errors import MissingDependencyError

from . import _worker as worker

__all__ = ["TEMPLATE_DATE", "TemplateFailedError", "render_template"]

TEMPLATE_DATE = datetime.datetime(2024, 7, 26)
"""The day that chat templates print, whatever day it is: with today's date every prompt would change overnight, and no
run could be continued or compared. It is the one that the templates of Llama 3.1 to 3.3 fall back on themselves."""

WAIT_SECONDS = 120  # of the clock, for a machine too busy to give the template its seconds of computing
LOOK_SECONDS = 0.1
KEPT_VARIABLES = {"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "LANG", "LC_ALL"}


class TemplateFailedError(Exception):
    """The template raised an error, or went beyond a bound; the message says which, in one line."""


class _Renderer:
    """The process that renders; one for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._since: float | None = None
        self._busy = threading.Event()
        self._verdict: str | None = None
        # Elsewhere the limit is accepted and means nothing (macOS), so the memory is looked at from here.
        self.is_limiting_memory = sys.platform.startswith("linux")

    def render(self, template: str, variables: Mapping[str, Any]) -> str:
        """The text that the template makes of these variables; `TemplateFailedError` where it makes none."""
        content = json.dumps({"template": template, "variables": variables}, ensure_ascii=False)
        request = content.encode("utf-8", "surrogatepass")
        with self._lock:
            process = self._started()
            self._since = time.monotonic()
            self._busy.set()
            try:
                letter, answer = _ask(process, request)
            except (OSError, EOFError):
                raise TemplateFailedError(self._ending(process)) from None
            except BaseException:  # an answer that nobody read would be taken for the next one
                self.stop()
                raise
            finally:
                self._since = None
                self._busy.clear()
        text = answer.decode("utf-8", "surrogatepass")
        if letter != b"T":
            raise TemplateFailedError(text)
        return text

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe)

    def _started(self) -> subprocess.Popen[bytes]:
        # After a fork, two processes would read each other's answers from one pipe.
        if self._process is not None and self._owner == os.getpid() and self._process.poll() is None:
            return self._process
        self.stop()
        self._owner, self._verdict = os.getpid(), None
        limited = "limited" if self.is_limiting_memory else "watched"
        command = [sys.executable, "-I", "-S", worker.__file__, TEMPLATE_DATE.isoformat(), limited, *_folders()]
        kept = {name: value for name, value in os.environ.items() if name in KEPT_VARIABLES}
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=kept
            )
        except OSError as error:
            raise TemplateFailedError(f"{sys.executable} cannot be started: {error.strerror}") from error
        threading.Thread(target=self._watch, args=(self._process,), daemon=True).start()
        return self._process

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """End the process where a template takes longer than any does, or memory that the system does not limit."""
        pause = threading.Event()
        while process.poll() is None:
            self._busy.wait()
            pause.wait(LOOK_SECONDS)
            since = self._since
            spent = 0.0 if since is None else time.monotonic() - since
            if spent > WAIT_SECONDS:
                self._verdict = f"it did not end within {WAIT_SECONDS} seconds"
            elif not self.is_limiting_memory and spent > LOOK_SECONDS and _memory(process.pid) > worker.MEMORY_BYTES:
                self._verdict = "it takes more than 1 GiB of memory"
            if self._verdict is not None:
                process.kill()
                return

    def _ending(self, process: subprocess.Popen[bytes]) -> str:
        """Why the process ended in the middle of a template."""
        self.stop()
        if self._verdict is not None:
            return self._verdict
        if process.returncode == -getattr(signal, "SIGXCPU", 0):
            return f"it did not end within {worker.CPU_SECONDS} seconds of computing"
        return f"the process that renders it ended with code {process.returncode}"


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


def _folders() -> list[str]:
    """Where this process finds jinja2 and what it needs."""
    specs = {name: importlib.util.find_spec(name) for name in ("jinja2", "markupsafe")}
    found = {name: spec.origin for name, spec in specs.items() if spec is not None and spec.origin is not None}
    if len(found) < len(specs):
        raise MissingDependencyError("jinja2", "hf", "rendering a chat template")
    return list(dict.fromkeys(str(Path(origin).parent.parent) for origin in found.values()))


def _memory(pid: int) -> int:
    """Bytes that a process has in memory; 0 where nobody says."""
    try:
        answer = subprocess.run(["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True, timeout=5)
        return int(answer.stdout) * 1024
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0


_renderer = _Renderer()
atexit.register(_renderer.stop)


def render_template(template: str, variables: Mapping[str, Any]) -> str:
    """The text of a chat template, rendered as transformers renders it; `TemplateFailedError` where there is none.

    Safe to call from any thread. One template has 5 seconds of computing, 1 GiB of memory and 64 MiB of text.
    """
    return _renderer.render(template, variables)
