"""Wheels through pip, with a stand-in for pip."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evalkit.data import SourceFile, WheelOrigin
from evalkit.data.fetching._pip import downloaded_wheel
from evalkit.errors import DataError

ORIGIN = WheelOrigin(project="toy", version="1.0")
FILE = SourceFile(
    path="toy-1.0-py3-none-any.whl", upstream="toy-1.0-py3-none-any.whl", sha256=None, bytes=None, records=None
)


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> Path:
    """Makes `sys.executable` a shell script that records its arguments and then does `body`."""
    script = folder / "python"
    script.write_text(f'#!/bin/sh\necho "$@" > {folder}/arguments\n{body}\n')
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    return folder / "arguments"


# In the stand-in, ${10} is what follows --dest.
DEST = '"${10}"'


def test_pip_is_asked_for_the_exact_release_without_dependencies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command downloads one binary release and installs nothing."""
    arguments = stand_in(tmp_path, monkeypatch, f"printf wheel > {DEST}/{FILE.path}")

    with downloaded_wheel(ORIGIN, FILE) as wheel:
        content = wheel.read_text()

    asked = arguments.read_text().split()
    assert "wheel" == content
    assert ["-m", "pip", "download", "--no-deps", "--only-binary=:all:"] == asked[:5]
    assert "toy==1.0" == asked[-1]
    assert not wheel.exists()


def test_the_last_line_of_pip_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message carries pip's own error, in one line, and EVALKIT_WHEELS as the way out."""
    stand_in(tmp_path, monkeypatch, "echo 'WARNING: retrying' >&2; echo 'ERROR: No matching distribution' >&2; exit 1")

    expected = r"pip cannot download toy==1\.0 \(No matching distribution\): .*EVALKIT_WHEELS"
    with pytest.raises(DataError, match=expected), downloaded_wheel(ORIGIN, FILE):
        pass


def test_another_file_than_the_wheel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror that sends something else is named with what it sent."""
    stand_in(tmp_path, monkeypatch, f"touch {DEST}/toy-1.0.post1-py3-none-any.whl")

    with pytest.raises(DataError, match=r"pip downloaded toy-1\.0\.post1"), downloaded_wheel(ORIGIN, FILE):
        pass


def test_a_missing_interpreter_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pip cannot even start, the message says what to do instead."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))

    with pytest.raises(DataError, match=r"No such file.*EVALKIT_WHEELS"), downloaded_wheel(ORIGIN, FILE):
        pass


@pytest.fixture
def hostile_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder holds modules that pip, or Python itself, would import first; each leaves a trace."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("pip", "json", "sitecustomize", "usercustomize", "runpy", "encodings", "email", "subprocess"):
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n", "utf-8")
    monkeypatch.chdir(folder)
    return tmp_path / "ran"


@pytest.mark.parametrize("path", [None, "", ".", ":."], ids=["unset", "empty", "here", "empty part"])
def test_nothing_of_the_working_folder_runs(
    hostile_folder: Path, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    """The real pip is asked, whatever lies in the folder that somebody works in, and whatever PYTHONPATH says."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if path is not None:
        monkeypatch.setenv("PYTHONPATH", path)

    with (
        pytest.raises(DataError, match=r"No matching distribution|No module named pip"),
        downloaded_wheel(ORIGIN, FILE),
    ):
        pass

    assert not hostile_folder.exists()


def test_pip_gets_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, tokens and passwords stay here; pip's own settings and proxies go along."""
    secret = {"EVALKIT_API_KEY", "OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "MY_KEY"}
    needed = {"PIP_INDEX_URL", "HTTPS_PROXY", "TOKENIZERS_PARALLELISM"}
    for name in secret | needed:
        monkeypatch.setenv(name, "value-of-some-length")
    stand_in(tmp_path, monkeypatch, f"env > {tmp_path}/environment; printf wheel > {DEST}/{FILE.path}")

    with downloaded_wheel(ORIGIN, FILE):
        pass

    names = {line.partition("=")[0] for line in (tmp_path / "environment").read_text().splitlines()}
    assert (set(), needed) == (names & secret, names & needed)
