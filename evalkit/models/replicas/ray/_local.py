"""A Ray of this process alone: on loopback, behind a token, silent, and gone with the process."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from evalkit.errors import UserError, one_line
from evalkit.secrecy import secrets_hidden

from ._connection import Connection

__all__ = ["LocalRay"]

STORE_BYTES = 256 * 2**20
"""Of shared memory for what is under way: prompts of 128k tokens are 512 KB each. What does not fit goes to disk."""
LONGEST_PLACE = 20  # characters of the folder for files: Ray's sockets are 69 deeper, and Linux takes 107 in all
MARK = "EVALKIT_LOCAL_RAY"
LOOPBACK = "127.0.0.1"


class LocalRay:
    """Started by its constructor."""

    def __init__(self, cpus: int) -> None:
        """`cpus`: how many Ray counts on, whatever the machine has. `UserError` where Ray does not start."""
        self._connection: Connection | None = None
        self._folder = _private_folder()
        mark = secrets.token_hex(8)
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).with_name("_reaper.py")), f"{MARK}={mark}", str(self._folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for this process, which then stops it
        )
        token = self._folder / "token"
        token.write_text(secrets.token_hex(32), "ascii")  # Ray runs what it is sent
        try:
            with _environment(_settings(token) | {MARK: mark}), secrets_hidden(), _on_loopback():
                self._start(cpus)
        except BaseException:
            self.stop()
            raise

    def _start(self, cpus: int) -> None:
        import ray

        try:
            self._connection = Connection(
                address="local",
                num_cpus=cpus,
                object_store_memory=STORE_BYTES,
                include_dashboard=False,
                _temp_dir=str(self._folder / "ray"),  # which Ray lets everybody write to
            )
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise UserError(f"--replicas: Ray does not start on this machine: {one_line(error)}") from error
        addresses = {node["NodeManagerAddress"] for node in ray.nodes()}
        if addresses != {LOOPBACK}:
            raise UserError(f"--replicas: this version of Ray ({ray.__version__}) listens on {', '.join(addresses)}")

    def stop(self) -> None:
        """End all its processes; returns when they are gone."""
        try:
            if self._connection is not None:
                self._connection.close()
        finally:
            assert self._reaper.stdin is not None
            self._reaper.stdin.close()
            self._reaper.wait()


def _private_folder() -> Path:
    """A folder that only this user can enter, where Ray's sockets and logs are."""
    usual = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="evalkit-", dir=usual if len(usual) <= LONGEST_PLACE else "/tmp"))


def _settings(token: Path) -> dict[str, str]:
    """Variables that Ray reads, here and in its processes."""
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # a Ray of one machine, on loopback: the default on macOS
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # an actor without accelerators sees none
        "RAY_kill_child_processes_on_worker_exit_with_raylet_subreaper": "1",  # engines' workers go with their actor
    }


@contextlib.contextmanager
def _environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Variables of this process and of those that it starts inside."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Ray as its settings say, though it may have been imported, and have read others, long ago."""
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
