"""`evalkit report`: one page over runs, published scores and a sweep; what it is written over, and what it refuses."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import evalkit as package
from evalkit import UserError, _api, _page, _sweep

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No figures beside runs: they take most of the time."""
    monkeypatch.setattr(_sweep, "draw_sweep", lambda *_: [])
    monkeypatch.setattr(_api, "write_figures", lambda *_, **__: [])


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what `runs` made first is kept."""
    return tmp_path_factory.mktemp("kept") / "runs"


@pytest.fixture
def runs(evalkit: Command, toy: str, tiny_model: Path, bare: Path, kept: Path) -> Path:
    """Two runs of six samples, `one` and `two`, and a folder of scores, `other`, in the working folder (given back)."""
    if kept.is_dir():
        shutil.copytree(kept, bare, dirs_exist_ok=True)
        return bare
    for name in ("one", "two"):
        assert 0 == evalkit("run", tiny_model, toy, "--backend", "toy", "--limit", 3, "--out", name).code
    (bare / "outputs").mkdir()
    (bare / "outputs" / "tpo.jsonl").write_text('{"gt": "B", "x_pred": "B", "evaluation": "exam"}\n')
    assert 0 == evalkit("score", "outputs", "--format", "leval", "--out", "other").code
    for name in ("one", "two", "outputs", "other"):
        shutil.copytree(bare / name, kept / name)
    return bare


def held(folder: Path) -> dict[str, bytes]:
    """File below the folder → content."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def data_of(page: Path) -> Any:
    """What the scripts of a page unpack."""
    found = re.search(r'<script id="data"[^>]*>([^<]*)', page.read_text("utf-8"))
    assert found is not None
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


def sections_of(page: Path) -> list[str]:
    """The bar of sections."""
    return re.findall(r'<a href="#(\w+)">', page.read_text("utf-8").partition("</nav>")[0])


def test_a_page_is_written_and_nothing_else(evalkit: Command, runs: Path) -> None:
    """Over runs and scores made elsewhere, which stay as they are, those without their score files too."""
    (runs / "one" / "scores.json").unlink()
    before = held(runs)

    done = evalkit("report", "one", "two", "other", "--out", "new/page.html")

    after = held(runs)
    page = after.pop("new/page.html")
    assert (0, "", before) == (done.code, done.out, after)
    size, samples = f"{len(page) / 1e3:.0f} KB" if len(page) < 1e5 else f"{len(page) / 1e6:.1f} MB", 6 + 6 + 1
    assert f"page: new/page.html ({size}, {samples} samples)" == done.err.strip().removeprefix("evalkit: ")
    assert ["one", "two", "other"] == [run["name"] for run in data_of(runs / "new" / "page.html")["runs"]]


def test_the_same_page_again_is_the_same_file(evalkit: Command, runs: Path) -> None:
    """An own page is replaced."""
    evalkit("report", "one", "two", "--out", "page.html")
    before = (runs / "page.html").read_bytes()

    assert 0 == evalkit("report", "one", "two", "--out", "page.html").code
    assert before == (runs / "page.html").read_bytes()


def test_without_a_target_every_run_gets_its_own(evalkit: Command, runs: Path) -> None:
    """Beside its scores and tables, which are made anew as before."""
    (runs / "one" / "scores.json").unlink()

    done = evalkit("report", "one", "two", "other", "--lang", "zh")

    assert 0 == done.code
    assert (runs / "one" / "scores.json").is_file()
    assert 3 == done.err.count("page: ")
    for name in ("one", "two", "other"):
        data = data_of(runs / name / "report.html")
        assert ([name], "zh") == ([run["name"] for run in data["runs"]], data["language"])
    assert 0 == evalkit("score", "outputs", "--format", "leval", "--out", "other").code  # it is still one of evalkit's


def test_a_folder_as_target_gets_what_it_got_before(evalkit: Command, runs: Path) -> None:
    """Scores and tables, no page."""
    assert 0 == evalkit("report", "one", "--out", "all").code
    assert (runs / "all" / "scores.json").is_file()
    assert [] == list(runs.rglob("*.html"))


def test_tables_over_runs_are_written_beside_a_page(evalkit: Command, runs: Path) -> None:
    """The same as without one."""
    evalkit("report", "one", "two", "--table", "before.csv")
    done = evalkit("report", "one", "two", "--table", "after.csv", "--out", "page.html")

    assert (0, 2) == (done.code, len(done.err.splitlines()))
    assert (runs / "before.csv").read_bytes() == (runs / "after.csv").read_bytes()


def test_published_scores_alone_are_a_page(evalkit: Command, bare: Path) -> None:
    """By default `published.html`; a folder of a benchmark's name is the folder."""
    assert 0 == evalkit("report", "--published", "leval", "longbench").code
    assert ["published"] == sections_of(bare / "published.html")
    text = (bare / "published.html").read_text("utf-8")
    assert "<title>L-Eval · LongBench</title>" in text

    (bare / "leval").mkdir()
    assert evalkit("report", "--published", "leval", "--out", "x.html").complaint.startswith("leval: neither a run")


def test_a_sweep_adds_its_runs(evalkit: Command, toy: str, tiny_model: Path, bare: Path) -> None:  # noqa: ARG001
    """One page in its folder, with a section of its own; the sweep goes on as before."""
    grid = ("--lengths", "200,300", "--depths", "50", "--repeats", 2)
    specs = ("--spec", "none", "--spec", "linear:2")
    sweep = ("rope", "sweep", tiny_model, "needle", "--backend", "toy", "--out", "s", *specs, *grid)
    assert 0 == evalkit(*sweep).code
    before = held(bare)

    done = evalkit("report", "--sweep", "s")

    after = held(bare)
    assert after.pop("s/report.html")
    assert (0, before) == (done.code, after)
    assert "sweep" in sections_of(bare / "s" / "report.html")
    assert ["none", "linear:2"] == [run["name"] for run in data_of(bare / "s" / "report.html")["runs"]]
    assert "s: a sweep; evalkit report --sweep s makes a page of it" == evalkit("report", "s").complaint
    assert "the run is named twice" in evalkit("report", "s/none/needle", "--sweep", "s", "--out", "x.html").complaint
    assert 0 == evalkit(*sweep).code


def test_a_folder_of_runs_stands_for_them(evalkit: Command, runs: Path) -> None:
    """Those that lie in it, by name; what is no run there is passed over."""
    whole = evalkit("report", ".", "--out", "page.html")

    assert (0, ["one", "other", "two"]) == (whole.code, [run["name"] for run in data_of(runs / "page.html")["runs"]])
    assert evalkit("report", ".").err.endswith("all of these runs: the same command with --out NAME.html\n")
    assert "--out NAME.html" not in evalkit("report", "one").err


def test_pages_and_figures_beside_runs_are_passed_over(evalkit: Command, runs: Path) -> None:
    """What a shell makes of `folder/*`; any other file is a slip."""
    evalkit("report", "one", "--out", "mine.html")
    for name in ("rope.png", "rope.svg"):
        (runs / name).write_bytes(b"")
    (runs / "notes.txt").write_text("mine")

    done = evalkit("report", "mine.html", "one", "rope.png", "rope.svg", "two", "--out", "page.html")

    assert 0 == done.code
    assert "evalkit: passed over, no runs: mine.html, rope.png, rope.svg" == done.err.splitlines()[0]
    assert 2 == len(data_of(runs / "page.html")["runs"])
    for name in ("notes.txt", "one/run.json"):
        refused = evalkit("report", "one", name, "--out", "other.html").complaint
        assert f"{name}: a file; name run folders, or folders of `evalkit score --out`" == refused


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "nothing to report: name run folders, or a folder that holds some"),
        (["--published"], "or a folder that holds some, or benchmarks with published scores (leval, "),
        ([".", "one"], "one: the run is named twice; leave one out"),
        (["--published", "levl"], "levl: no run folder, and no benchmark with published scores; there are: leval, "),
        (["--published", "leval", "leval"], "leval: the benchmark is named twice; leave one out"),
        (["one", "two/../one"], "the run is named twice; leave one out"),
        (["one", "nowhere"], "nowhere: "),
        (["one", "--lang", "fr"], "unknown language 'fr': there are: en, zh"),
        (["one", "--sweep", "one"], "one: no sweep (it has no sweep.json)"),
        (["one", "--metric", "x"], "--metric, --axis and --colour-blind say how a run's own files are made"),
        (["one", "--lang", ""], "unknown language '': there are: en, zh"),
        (["--published", "leval", "--bars", "b"], "figures and tables over runs need runs: name their folders"),
        (["--published", "leval", "--table", "t.csv"], "figures and tables over runs need runs"),
        (["one", "--bars", "-"], "not the standard output; a path - is named ./-"),
        (["one", "--axis", "kept"], "--metric, --axis and --colour-blind say how a run's own files are made"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_one_line(evalkit: Command, runs: Path, arguments: list[str], problem: str) -> None:
    """Exit code 2, no page, nothing else changed."""
    before = held(runs)

    assert problem in evalkit("report", *arguments, "--out", "page.html").complaint
    assert before == held(runs)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--out", "page.htm"], "--out page.htm: a page ends in .html; write page.html"),
        (["--out", "folder.html"], "folder.html: is a folder; name a file for the page"),
        (["--out", "mine.html"], "mine.html: is no page that evalkit wrote, so it is left as it is"),
        (["--out", "mine.html/page.html"], "mine.html/page.html: cannot be written (/"),
        (["--out", "pipe.html"], "pipe.html: is no page that evalkit wrote, so it is left as it is"),
        (["--out", "-"], "not the standard output; a path - is named ./-"),
        (["--out", "x" * 300 + ".html"], "cannot be looked for (File name too long)"),
        (["--out", "all", "--published"], "--out all: --published, --sweep and --lang are for a page; name it, --out"),
        (["--out", "all", "--lang", "zh"], "--out all: --published, --sweep and --lang are for a page; name it, --out"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_target_that_cannot_be_is_one_line_before_the_work(
    evalkit: Command, runs: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], problem: str
) -> None:
    """Nothing is read or scored for it, and what is there stays."""
    (runs / "folder.html").mkdir()
    (runs / "mine.html").write_text("<!doctype html>\n<p>evalkit</p>")
    os.mkfifo(runs / "pipe.html")
    monkeypatch.setattr(_page, "read_runs", lambda *_: pytest.fail("runs were read"))
    before = held(runs)

    assert problem in evalkit("report", "one", "two", *arguments).complaint
    assert before == held(runs)


@pytest.mark.parametrize("target", [(), ("--out", "page.html"), ("--out", "all")], ids=" ".join)
@pytest.mark.parametrize("damage", ["edited", "missing", "garbage"])
def test_scores_made_elsewhere_are_made_again_whatever_their_file_says(
    evalkit: Command, runs: Path, target: tuple[str, ...], damage: str
) -> None:
    """In tables too, not only on the page; what is wrong is said."""
    path = runs / "other" / "scores.json"
    whole = path.read_text()
    changed = {"edited": whole.replace('"score": 100.0', '"score": 37.5'), "garbage": "{"}.get(damage)
    path.unlink() if changed is None else path.write_text(changed)

    done = evalkit("report", "other", *target, "--table", "table.csv")

    assert 0 == done.code, done
    assert "100.0" in (runs / "table.csv").read_text()
    assert "37.5" not in done.out + (runs / "table.csv").read_text()
    assert ("the answers count" in done.err, "made from the answers" in done.err) == (
        damage == "edited", damage == "garbage"
    )  # fmt: skip


def test_a_page_is_not_written_where_nothing_can_be(
    evalkit: Command, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line before the work."""
    monkeypatch.setattr(_page, "os", SimpleNamespace(access=lambda *_: False, W_OK=os.W_OK, X_OK=os.X_OK))

    assert "page.html: cannot be written (" in evalkit("report", "one", "--out", "new/page.html").complaint
    assert not (runs / "new").exists()


def test_an_html_file_of_the_users_in_a_run_is_kept(evalkit: Command, runs: Path) -> None:
    """Said before the first run is scored."""
    (runs / "two" / "report.html").write_text("mine")
    (runs / "one" / "scores.json").unlink()
    before = held(runs)

    assert "two/report.html: is no page that evalkit wrote" in evalkit("report", "one", "two").complaint
    assert before == held(runs)


def test_one_run_that_cannot_be_read_is_named_and_no_page_written(evalkit: Command, runs: Path) -> None:
    """Whichever it is of several."""
    (runs / "two" / "samples.jsonl").write_text('{"id": 1}\n{"id": 2}\n')
    before = held(runs)

    assert "two/samples.jsonl:" in evalkit("report", "one", "two", "other", "--out", "page.html").complaint
    assert before == held(runs)


def test_a_script_gets_the_same_page(evalkit: Command, runs: Path) -> None:
    """Byte by byte; the path comes back, and nothing is printed or warned of."""
    evalkit("report", "one", "two", "--lang", "zh", "--out", "page.html")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = package.report("one", Path("two"), out="mine.html", language="zh")

    assert (Path("mine.html"), (runs / "page.html").read_bytes()) == (path, path.read_bytes())
    assert ["published"] == sections_of(package.report("leval", out="board.html", published=True))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"out": "page"}, "out='page': a page ends in .html"),
        ({"out": 3}, "out: an int; pass the path"),
        ({"runs": [["one"]], "out": "p.html"}, "runs: a list; pass the path"),
        ({"runs": [""], "out": "p.html"}, "runs: no path"),
        ({"out": "p.html", "published": "leval"}, "published='leval': pass True or False"),
        ({"out": "p.html", "language": "fr"}, "unknown language 'fr'"),
        ({"out": "p.html", "language": 1}, "language: an int"),
        ({"out": "p.html", "sweep": "one"}, "one: no sweep"),
    ],
    ids=str,
)
def test_wrong_arguments_of_a_script_are_one_line_in_its_words(
    runs: Path, arguments: dict[str, Any], problem: str
) -> None:
    """No flags in it, nothing written."""
    before, named = held(runs), arguments.pop("runs", ["one"])

    with pytest.raises(UserError) as raised:
        package.report(*named, **arguments)

    assert problem in str(raised.value) and "\n" not in str(raised.value)
    assert before == held(runs)
