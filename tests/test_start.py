"""`python -m evalkit` in a folder that somebody else filled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import evalkit

NAMES = (
    "json",
    "email",
    "csv",
    "zipfile",
    "re",
    "typing",
    "yaml",
    "rich",
    "typer",
    "pip",
    "sitecustomize",
)


@pytest.mark.parametrize("verb", [("--help",), ("benchmarks", "list"), ("data", "list")])
def test_nothing_of_the_working_folder_is_imported(tmp_path: Path, verb: tuple[str, ...]) -> None:
    """Modules that the folder offers under names of the library and of dependencies do not run."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("open('ran', 'a').write(__name__)\n", "utf-8")
    home = str(Path(evalkit.__file__).parents[1])
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}

    done = subprocess.run(
        [sys.executable, "-m", "evalkit", *verb],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": home},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, False) == (done.returncode, (tmp_path / "ran").exists()), done.stderr
