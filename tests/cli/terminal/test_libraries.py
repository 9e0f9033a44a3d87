"""What libraries say during a run."""

from __future__ import annotations

import logging
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evalkit.cli.terminal._libraries import libraries_say


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """A library with a handler of its own, already loaded."""
    monkeypatch.setattr("evalkit.cli.terminal._libraries.LIBRARIES", ("loud",))
    monkeypatch.setitem(sys.modules, "loud", sys)
    logger = logging.getLogger("loud")
    logger.addHandler(logging.StreamHandler())
    logger.propagate = False
    yield logger
    logger.handlers.clear()
    logger.propagate = True


def test_what_a_library_logs_is_a_line_said_once(library: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """With its name, from a warning on; nothing reaches standard error by itself."""
    notes: list[str] = []
    before = library.handlers[:]

    with libraries_say(notes.append):
        logging.getLogger("loud.inner").info("hello")
        for _ in range(3):
            logging.getLogger("loud.inner").warning("slow\nkernel %s", "x")
        logging.getLogger("loud").warning("%d", "no number")

    assert ["loud says: slow kernel x", "loud says: %d"] == notes
    assert "" == capsys.readouterr().err
    assert before == library.handlers


def test_a_warning_of_python_is_a_line_with_its_package() -> None:
    """Those that are shown at all; afterwards they are shown as before."""
    notes: list[str] = []
    before = warnings.showwarning

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with libraries_say(notes.append):
            warnings.warn_explicit("odd", UserWarning, "/x/site-packages/torch/nn/a.py", 3)
            warnings.warn_explicit("mine", UserWarning, "/home/me/a.py", 3)

    assert ["torch says: odd", "Python says: mine"] == notes
    assert before is warnings.showwarning


@pytest.mark.slow
def test_a_model_that_makes_transformers_talk_prints_lines_of_evalkit(
    save_model: Callable[..., Path], toy: str, bare: Path
) -> None:
    """Mamba without its kernels: everything on standard error begins with our name."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}
    folder = save_model(kind="Mamba", **sizes)
    command = [sys.executable, "-m", "evalkit", "run", str(folder), toy, "--limit", "1", "--max-new-tokens", "2"]

    done = subprocess.run([*command, "--out", str(bare / "run")], capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stderr
    assert [] == [line for line in done.stderr.splitlines() if not line.startswith("evalkit: ")]
    assert "evalkit: transformers says: `" in done.stderr
