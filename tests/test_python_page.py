"""docs/python.md: every snippet runs, in order, and prints what the page says it prints."""

from __future__ import annotations

import contextlib
import importlib.machinery
import io
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit import RunOptions

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", PAGE, re.DOTALL)

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
UNTYPED = """
[[tool.mypy.overrides]]
module = ["mlflow.*", "wandb.*"]
ignore_missing_imports = true
"""

NAMES = ("Run", "Table", "init", "log_artifacts", "log_metrics", "start_run")
"""What the page takes from wandb and mlflow."""


class Recorder:
    """Takes every call and attribute, and writes down the calls."""

    def __init__(self, calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]], name: str = "") -> None:
        self._calls, self._name = calls, name
        self.summary: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Recorder:
        return Recorder(self._calls, f"{self._name}.{name}".lstrip("."))

    def __call__(self, *arguments: Any, **named: Any) -> Recorder:
        self._calls.append((self._name, arguments, named))
        return self

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


@pytest.fixture
def trackers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[Any]]]:
    """Fakes of wandb and mlflow that write down what they are called with."""
    calls: dict[str, list[Any]] = {"wandb": [], "mlflow": []}
    for name, heard in calls.items():
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)  # asked for by libraries that look for trackers
        recorder = Recorder(heard)
        module.__dict__.update({each: getattr(recorder, each) for each in NAMES})
        monkeypatch.setitem(sys.modules, name, module)
    yield calls


@pytest.mark.filterwarnings("ignore::evalkit.EvalkitWarning")
def test_the_snippets_run_and_print_what_they_say(bare: Path, trackers: dict[str, list[Any]]) -> None:
    """One after the other, as a reader would type them; nothing reaches a real tracker."""
    names: dict[str, Any] = {"__name__": "page"}
    for code, expected in BLOCKS:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "docs/python.md", "exec", dont_inherit=True), names)
        if expected:
            assert expected == printed.getvalue()

    assert {path.name for path in (bare / "out").iterdir()} == {
        "first", "first.pdf", "page.html", "parts", "quiet", "wandb", "mlflow", "elsewhere", "left", "right",
        "parcel.txt",
    }  # fmt: skip
    logged = [named or arguments for name, arguments, named in trackers["wandb"] if name.endswith("log")]
    assert {"done": 4, "failed": 0} == {key: logged[-2][0][key] for key in ("done", "failed")}
    assert [{"done": 4, "failed": 0}] == [
        arguments[0]
        for name, arguments, named in trackers["mlflow"]
        if name == "log_metrics" and named.get("step") == 4
    ]
    assert "log_artifacts" in {name for name, _, _ in trackers["mlflow"]}


def test_what_the_page_says_of_other_harnesses_are_settings() -> None:
    """A setting that is renamed is renamed there too."""
    table = PAGE.partition("## Coming from another harness")[2]
    named = set(
        re.findall(r"(\w+)=", "".join(line.split("|")[2] for line in table.splitlines() if line.count("|") == 3))
    )

    assert named <= set(RunOptions.__annotations__)
    assert {"backend", "max_seq_len", "max_new_tokens", "chat", "out"} <= named


@pytest.mark.slow
def test_the_snippets_are_typed(tmp_path: Path) -> None:
    """A user of strict mypy gets no complaint about evalkit, subclasses of `Monitor` included."""
    mypy = pytest.importorskip("mypy.api")
    script, settings = tmp_path / "script.py", tmp_path / "settings.toml"
    script.write_text("\n".join(code for code, _ in BLOCKS))
    settings.write_text(PROJECT.read_text("utf-8") + UNTYPED)  # evalkit as `make check` left it need not be read again

    said, _, status = mypy.run(["--config-file", str(settings), str(script)])

    assert (0, "Success: no issues found in 1 source file") == (status, said.strip())
