"""A small Slurm of its own, which the recipes of docs/scale.md run on as they are.

Run by `make test-slurm`; skipped where Slurm is not installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCRIPTS = ROOT / "docs" / "scale"
MODEL = str(ROOT / "model_cards" / "needle-tiny")
PROGRAMS = ("sbatch", "slurmctld", "slurmd", "munged")
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"])
JOB_SECONDS = 300.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, and skip it where a part of Slurm is missing."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slurm)
            if missing:
                item.add_marker(
                    pytest.mark.skip(reason=f"needs Slurm ({', '.join(missing)}; see tests/slurm/cluster.sh)")
                )


class Slurm:
    """What users type, in a folder of theirs."""

    def __init__(self, configuration: Path, folder: Path) -> None:
        self.folder = folder
        unset = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH", "RAY_"))}
        self._environment = {**unset, "SLURM_CONF": str(configuration), "PATH": PATH}
        self._environment["RAY_TMPDIR"] = str(configuration.parent)

    def __call__(self, *command: object) -> str:
        """What a command prints; it must succeed."""
        done = self._run(*command)
        assert 0 == done.returncode, (command, done.stdout, done.stderr, self.logs())
        return done.stdout.strip()

    def code(self, *command: object) -> int:
        """The exit code of a command: with `sbatch --wait` that of the job."""
        return self._run(*command).returncode

    def logs(self) -> str:
        """What the jobs printed."""
        return "\n".join(f"== {path.name}\n{path.read_text()}" for path in sorted(self.folder.glob("*.log")))

    def wait(self, job: str) -> None:
        """Until a job is no more in the queue."""
        self.until(lambda: not self("squeue", "--noheader", "--jobs", job), f"job {job} does not end")

    def until(self, holds: Callable[[], object], otherwise: str) -> None:
        """Until that holds; five minutes at most."""
        end = time.monotonic() + JOB_SECONDS
        while not holds():
            assert time.monotonic() < end, f"{otherwise}\n{self('squeue')}\n{self.logs()}"
            time.sleep(0.1)

    def _run(self, *command: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(each) for each in command],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=JOB_SECONDS,
            check=False,
        )


@pytest.fixture(scope="session")
def configuration() -> Iterator[Path]:
    """The `slurm.conf` of a cluster of two nodes on this machine."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))  # sockets have short names
    try:
        subprocess.run([HERE / "cluster.sh", "start", folder], check=True, env={**os.environ, "PATH": PATH})
        yield folder / "slurm.conf"
    finally:
        subprocess.run([HERE / "cluster.sh", "stop", folder], check=True, env={**os.environ, "PATH": PATH})
        shutil.rmtree(folder)


@pytest.fixture
def slurm(configuration: Path, tmp_path: Path) -> Slurm:
    """The cluster, seen from an empty folder."""
    return Slurm(configuration, tmp_path)
