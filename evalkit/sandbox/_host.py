"""The process of a sandbox: loads a job and answers requests with it, within bounds of time, memory and size.

What a job is given comes from others and may compute for ever or fill the memory, and what runs in C cannot be
interrupted from inside. This process has little memory and little time for each request, writes no file, and whoever
started it outlives it. Run as a script by `_sandbox.py`; nothing of evalkit is imported.

A job is a Python file with a function `start(*arguments)` that returns what makes an answer of a request, bytes both.
A request is a length (4 bytes) and its bytes; an answer is a letter (A = answer, E = error), a length and its bytes.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

LOOK_SECONDS = 0.5


def main(settings: str) -> None:
    """Answer requests until standard input ends."""
    given = json.loads(settings)
    sys.path += given["folders"]  # a process isolated from its folder finds no packages otherwise
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is interrupted closes our input
    threading.Thread(target=_end_with, args=(given["parent"],), daemon=True).start()
    work = _load(given["job"]).start(*given["arguments"])
    if given["is_limited"]:
        _limit_memory(given["memory_bytes"])
    source, target = sys.stdin.buffer, sys.stdout.buffer
    while size := source.read(4):
        request = source.read(int.from_bytes(size, "big"))
        _allow_seconds(given["cpu_seconds"])
        letter, content = _answer(work, request, given)
        target.write(letter + len(content).to_bytes(4, "big") + content)
        target.flush()


def _end_with(parent: int) -> None:
    """End where whoever asked was killed: nobody reads the answer."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


def _load(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("job", path)
    assert spec is not None and spec.loader is not None
    job = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(job)
    return job


def _answer(work: Callable[[bytes], bytes], request: bytes, given: dict[str, Any]) -> tuple[bytes, bytes]:
    try:
        content = work(request)
    except MemoryError:
        return b"E", f"it takes more than {given['memory_bytes'] / 2**30:g} GiB of memory".encode()
    except RecursionError:
        return b"E", b"it calls itself without an end"
    except Exception as error:  # the work of others: besides its library's errors it can raise any
        return b"E", (str(error) or type(error).__name__)[:4096].encode("utf-8", "replace")
    if len(content) > given["output_bytes"]:
        return b"E", f"it writes more than {given['output_bytes'] / 2**20:g} MiB of text".encode()
    return b"A", content


def _limit_memory(size: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _allow_seconds(seconds: int) -> None:
    """Computing time for the next answer; the operating system ends this process at its end, whatever it does."""
    try:
        import resource
    except ImportError:  # Windows, where the caller's own clock has to do
        return
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(time.process_time()) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


if __name__ == "__main__":
    main(sys.argv[1])
