"""Names, titles and messages that would act on a terminal, on rich, on mathtext: printed, drawn and stored as text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from _pytest.capture import CaptureIO
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.cli.terminal._output import print_table
from evalkit.cli.terminal._progress import ProgressMonitor
from evalkit.reports import HeatCell, HeatGrid, draw_heatmap
from evalkit.tables import listing, plain_table

Command = Callable[..., Any]
HOSTILE = "T \x1b[2J\x1b]0;PWNED\x07\x9b31m [/b] [red]x[/red] :smile: $x_$ \\frac{ \u202egnp\u200b <b>&| a\nb \ud800"
TEXT = HOSTILE[:-1]
"""Without half a surrogate pair, which neither a file nor a command line can hold."""
GRID = HeatGrid((HeatCell(1000, 0, 50.0, 4), HeatCell(2000, 0, 60.0, 4)))
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output goes to a terminal, where rich would show colours, marks and emojis."""
    monkeypatch.setattr(CaptureIO, "isatty", lambda _: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")


def without_look(text: str) -> str:
    """The text without rich's own signs for bold and italic."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_table_shows_texts_as_they_are(terminal: None, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    """Titles, headings and cells: no mark-up is obeyed, no emoji made, nothing that acts goes out."""
    table = plain_table(HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)

    print_table(table)

    shown = without_look(capsys.readouterr().out)
    assert None is ACTING.search(shown)
    for part in (":smile:", "[red]x[/red]", "[/b]", r"\x1b[2J", r"\u202e", r"\ud800"):
        assert 3 == " ".join(shown.split()).count(part), part


@given(st.text(alphabet=st.characters()))
@settings(max_examples=60)
def test_any_text_is_one_line_of_a_listing(text: str) -> None:
    """In a pipe a row is one line, whatever its cells are."""
    from io import StringIO
    from unittest import mock

    table = listing(("name",))
    table.add_row("x" + text)

    with mock.patch("sys.stdout", StringIO()) as out:
        print_table(table)

    assert 2 == len(out.getvalue().splitlines())


def test_a_note_at_the_terminal_is_plain(terminal: None, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    """Above a progress bar too."""
    with ProgressMonitor() as monitor:
        monitor.note(HOSTILE)

    shown = capsys.readouterr().err
    assert r"[/b] [red]x[/red] :smile:" in " ".join(without_look(shown).split())
    assert all(sign not in shown for sign in ("\x1b[2J", "\x1b]0", "\x07", "\x9b", "\u202e"))


@pytest.mark.parametrize("arguments", [("run", TEXT, "leval"), ("data", "fetch", TEXT), (TEXT,)])
def test_a_wrong_name_is_repeated_without_its_effects(evalkit: Command, arguments: tuple[str, ...]) -> None:
    """The one line that refuses it has escapes in their place."""
    done = evalkit(*arguments)

    assert (2, None, 1) == (done.code, ACTING.search(done.err), len(done.err.splitlines()))


@pytest.fixture
def hostile_toy(toy: str, bare: Path) -> Path:
    """The toy benchmark with hostile texts wherever it has texts."""
    raw = yaml.safe_load(Path(toy).read_text("utf-8"))
    raw |= {"title": TEXT, "about": TEXT, "homepage": TEXT, "overall": "=1+1 [/b] \x1b[2J"}
    raw["protocols"]["plain"] |= {"meaning": TEXT, "source": TEXT}
    raw["groups"]["short"]["title"] = "=cmd|' /C calc'!A0 [/b]"
    path = bare / "hostile.yaml"
    path.write_text(yaml.safe_dump(raw), "utf-8")
    return path


def test_a_benchmark_cannot_write_on_the_terminal(
    evalkit: Command, hostile_toy: Path, tiny_model: Path, bare: Path
) -> None:
    """Shown, run and scored: exit code 0 and only signs that stand there."""
    for arguments in (
        ("benchmarks", "show", hostile_toy),
        ("run", tiny_model, hostile_toy, "--backend", "toy", "--limit", 2, "--out", "run"),
        ("score", "run"),
    ):
        done = evalkit(*arguments)

        assert (0, None) == (done.code, ACTING.search(done.out + done.err)), done
    tables = "".join(path.read_text("utf-8") for path in (bare / "run/tables").iterdir())
    assert (None, False) == (ACTING.search(tables), ",=cmd" in tables)


def svg_texts(path: Path) -> str:
    """The texts of an SVG that is valid XML."""
    return "".join(node.text or "" for node in ElementTree.parse(path).iter() if node.tag.endswith("text"))


def test_a_title_is_drawn_as_text(tmp_path: Path) -> None:
    """No mathtext, no control character in the SVG, which is XML; half pairs as escapes."""
    _, svg = draw_heatmap(tmp_path / "map", GRID, HOSTILE, HOSTILE)

    shown = svg_texts(svg)
    assert None is ACTING.search(svg.read_text("utf-8"))
    assert all(part in shown.replace(" ", "") for part in ("$x_$", r"\frac{", r"\x1b[2J", "<b>&|", r"\ud800"))


@pytest.mark.parametrize("where", ["working folder", "user's"])
def test_a_figure_does_not_depend_on_settings_that_lie_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A `matplotlibrc` of the working folder changes nothing, not even the program that would set texts."""
    import matplotlib

    plain = [path.read_bytes() for path in draw_heatmap(tmp_path / "a" / "map", GRID, "Model")]
    if where == "working folder":
        (tmp_path / "matplotlibrc").write_text("text.usetex: true\naxes.facecolor: red\nlines.linewidth: 9\n", "utf-8")
        monkeypatch.chdir(tmp_path)
        found = matplotlib.rc_params()
    else:
        found = {"text.usetex": True, "axes.facecolor": "red", "lines.linewidth": 9, "savefig.dpi": 10}

    with matplotlib.rc_context(found):
        drawn = [path.read_bytes() for path in draw_heatmap(tmp_path / "b" / "map", GRID, "Model")]

    assert plain == drawn
