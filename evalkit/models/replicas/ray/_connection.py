"""Connecting this process to a Ray, without a word of Ray's on the terminal."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["Connection"]


class Connection:
    """This process connected to a Ray, from its constructor to `close`."""

    def __init__(self, **arguments: Any) -> None:
        """`arguments` are `ray.init`'s."""
        import ray
        from ray._private import auto_init_hook, worker

        auto_init_hook.enable_auto_connect = False  # for good: a thread that is late would start another Ray
        read_settings()
        self._prints = worker.print_to_stdstream
        worker.print_to_stdstream = _say_nothing  # else it tells of every process that dies, whatever it is told
        try:
            with _exit_codes_kept():
                ray.init(log_to_driver=False, logging_level="CRITICAL", job_config=_job_config(), **arguments)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect, and end what `ray.init` started."""
        import ray
        from ray._private import worker

        try:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.shutdown()
        finally:
            worker.print_to_stdstream = self._prints
            read_settings()


def read_settings() -> None:
    """Have Ray read anew what the environment says of tokens; it remembers what it found when it was imported."""
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined] # compiled

    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@contextlib.contextmanager
def _exit_codes_kept() -> Iterator[None]:
    """Undo that Ray, where it looks after orphans, has Linux forget processes that end: each would seem to exit with 0.

    Ray's own words are that whoever waits for processes turns it back. By the C library: Python does so in its main
    thread only, and does not know of what Ray has set.
    """
    if sys.platform != "linux":
        yield
        return
    set_handler = ctypes.CDLL(None).signal
    set_handler.argtypes, set_handler.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    before = set_handler(signal.SIGCHLD, None)  # the system's own
    try:
        yield
    finally:
        set_handler(signal.SIGCHLD, before)


def _say_nothing(*_: Any, **__: Any) -> None:
    """In place of what prints."""


def _job_config() -> Any:
    from ray.job_config import JobConfig

    class Job(JobConfig):  # type: ignore[misc] # Ray's types are not read
        """Workers do not import from the folder that somebody happens to work in.

        Ray puts it first on their path, unless a job brings a working folder of its own.
        """

        def _runtime_env_has_working_dir(self) -> bool:
            return True

    return Job()
