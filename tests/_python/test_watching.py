"""What a run says to a Python caller, and to whom."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalkit
from evalkit import EvalkitWarning, Monitor, UserError
from evalkit.planning import Counts

Run = Callable[..., evalkit.EvaluationResult]


class Listener(Monitor):
    """Writes down what it hears; one hook is left out on purpose."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    def note(self, message: str) -> None:
        """A note."""
        self.heard.append(("note", message))

    def finished(self, computed_tokens: int, is_failed: bool) -> None:  # noqa: ARG002
        """An answer."""
        self.heard.append(("finished", is_failed))


@pytest.fixture
def run(toy: str, tiny_model: Path, bare: Path) -> Run:
    """`evalkit.evaluate` of the tiny model on two samples of the toy benchmark."""

    def go(**options: Any) -> evalkit.EvaluationResult:
        return evalkit.evaluate(str(tiny_model), toy, **{"backend": "toy", "limit": 1, "out": bare / "run"} | options)

    return go


def test_a_monitor_gets_notes_and_progress(run: Run) -> None:
    """And nothing becomes a warning or a line."""
    listener = Listener()

    run(monitor=listener, max_seq_len=4096)

    assert 2 == listener.heard.count(("finished", False))
    assert any("window 4096" in what for kind, what in listener.heard if kind == "note")


def test_remarks_on_the_scores_reach_the_monitor(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command line prints below the table."""
    monkeypatch.setenv("TOY_FAIL", "0")
    listener = Listener()

    run(monitor=listener)

    assert any("tales: 1 sample failed" in what for kind, what in listener.heard if kind == "note")


@pytest.mark.parametrize(
    ("progress", "is_terminal", "is_shown"),
    [(None, False, False), (None, True, True), (True, False, True), (False, True, False)],
)
def test_progress_is_for_whoever_watches(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    progress: bool | None,
    is_terminal: bool,
    is_shown: bool,
) -> None:
    """By default at a terminal only; the caller's word counts more."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)

    run(progress=progress)

    printed = capsys.readouterr()
    assert is_shown == ("2 to run" in printed.err.replace("\n", " "))
    assert "" == printed.out


def test_a_notebook_is_watched(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard error is no terminal there."""
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))

    run()

    assert "evalkit: 2 samples, 0 done, 2 to run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("monitor", "words"),
    [
        (Listener, "monitor: is a class: pass Listener()"),
        (3, "monitor: lacks note, planned, finished"),
        (print, "evalkit.Monitor has the three hooks"),
    ],
)
def test_what_is_no_monitor_is_one_line(run: Run, monitor: Any, words: str) -> None:
    """Before anything runs."""
    with pytest.raises(UserError, match=r"^monitor: ") as caught:
        run(monitor=monitor)

    assert words in str(caught.value)


def test_monitor_and_progress_exclude_each_other(run: Run) -> None:
    """A monitor shows progress itself."""
    with pytest.raises(UserError, match="leave one out"):
        run(monitor=Listener(), progress=True)


def test_a_monitor_that_raises_ends_the_run_and_loses_nothing(run: Run) -> None:
    """The next call goes on."""

    class Impatient(Listener):
        def finished(self, computed_tokens: int, is_failed: bool) -> None:  # noqa: ARG002
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(monitor=Impatient())

    assert (1, 1) == ((outcome := run().outcome).reused, outcome.finished)


def test_a_plan_says_its_notes_too(toy: str, tiny_model: Path, bare: Path) -> None:
    """As warnings at the caller's line, or to a monitor."""
    with pytest.warns(EvalkitWarning, match="window 4096") as caught:
        evalkit.plan(str(tiny_model), toy, limit=1, max_seq_len=4096)
    listener = Listener()
    evalkit.plan(str(tiny_model), toy, limit=1, max_seq_len=4096, monitor=listener)

    assert [__file__] == [warning.filename for warning in caught]
    assert [str(caught[0].message)] == [what for _, what in listener.heard]
    assert [] == list(bare.iterdir())


def test_a_monitor_may_be_any_object_with_the_hooks(run: Run) -> None:
    """The protocol is structural."""
    heard: list[str] = []

    class Own:
        def note(self, message: str) -> None:
            heard.append(message)

        def planned(self, counts: Counts, pending_tokens: int) -> None:
            heard.append(f"{counts.samples} {pending_tokens > 0}")

        def finished(self, computed_tokens: int, is_failed: bool) -> None:  # noqa: ARG002
            heard.append("finished")

    run(monitor=Own())

    assert ["2 True", "finished", "finished"] == heard


@pytest.mark.parametrize("progress", ["yes", 1, "no"])
def test_progress_is_switched_by_yes_or_no_only(run: Run, progress: object, bare: Path) -> None:
    """A word would be yes, whatever it says."""
    with pytest.raises(UserError, match=rf"^progress={progress!r}: pass True, False or None"):
        run(progress=progress)

    assert not (bare / "run").exists()
