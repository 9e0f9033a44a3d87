"""The page of runs: what it is asked for, where it may be written, and writing it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalkit._python import check_names, check_places, python_words
from evalkit.errors import UserError
from evalkit.files import user_path
from evalkit.printable import counted
from evalkit.published import published_benchmarks
from evalkit.reports.page import PageRun, content_of, is_page, labels_of, read_runs, sweep_folders, write_page
from evalkit.runs import MANIFEST, Monitor, holds_files, parts_in, tell
from evalkit.scores import holds_answers, holds_scores_only
from evalkit.sweeps import holds_sweep

__all__ = ["PAGE", "AskedPage", "WrittenPage", "ask_page", "check_page_place", "make_page", "refuse_other", "report"]

PAGE = "report.html"
"""Name of the page in a run's folder."""
FIGURES = (".png", ".svg", ".pdf")


@dataclass(frozen=True)
class AskedPage:
    """What a page is to show."""

    runs: tuple[Path, ...]
    """Run folders and folders of scores, in order; those of the sweep last."""
    boards: tuple[str, ...] = ()
    """Benchmarks whose published scores are shown."""
    is_published: bool = False
    """Whether the runs are held against published scores."""
    sweep: Path | None = None
    """Folder of a RoPE sweep whose runs are among `runs`."""
    language: str = "en"
    """Language of the labels."""
    skipped: tuple[Path, ...] = ()
    """Files among the words that evalkit wrote beside runs."""


@dataclass(frozen=True)
class WrittenPage:
    """A page that was written."""

    path: Path
    """Its file."""
    size: int
    """Bytes."""
    runs: Sequence[PageRun]
    """The runs that it shows."""

    @property
    def line(self) -> str:
        """What is said of it: `page: report.html (2.6 MB, 4,750 samples)`."""
        size = f"{self.size / 1e6:.1f} MB" if self.size >= 1e5 else f"{self.size / 1e3:.0f} KB"
        samples = sum(len(run.samples) for run in self.runs)
        return f"page: {self.path} ({', '.join([size, *([counted(samples, 'sample')] if samples else [])])})"


def report(
    *runs: str | Path,
    out: str | Path,
    published: bool = False,
    sweep: str | Path | None = None,
    language: str = "en",
) -> Path:
    """Write one HTML page over runs: tables, heatmaps, curves and every sample, in a file that needs nothing else.

    `runs` are run folders, which are scored again, and folders that `score_predictions(out=…)` wrote, or folders that
    hold some; nothing is written there. `out` is the page, a file `….html`. With `published` the runs are held against
    published scores, and names of benchmarks among `runs` add tables of all published scores. `sweep` is the folder of
    a `rope_sweep`, whose runs are added. `language` is that of the labels: "en" or "zh". Returns the path of the page.
    Raises `UserError` for wrong input, before anything is written.
    """
    with python_words():
        for run in runs:
            check_places(runs=run)
        check_places(out=out, **({} if sweep is None else {"sweep": sweep}))
        check_names(language=language)
        if not isinstance(published, bool):
            raise UserError(f"published={published!r:.60}: pass True or False; benchmarks are named among the runs")
        path = user_path(out)
        if path.suffix.lower() != ".html":
            raise UserError(f"out={str(out)!r:.200}: a page ends in .html")
        asked = ask_page(runs, is_published=published, sweep=None if sweep is None else Path(sweep), language=language)
        check_page_place(path)
        return make_page(path, asked).path


def ask_page(
    words: Sequence[str | Path], *, is_published: bool = False, sweep: Path | None = None, language: str = "en"
) -> AskedPage:
    """What words ask for; `UserError` for nothing, for a run named twice and for files that are nothing of evalkit's.

    With `is_published` a word that is no folder may be a benchmark with published scores.
    """
    labels_of(language)
    paths = [user_path(word) for word in words]
    boards = [str(word) for word, path in zip(words, paths, strict=True) if is_published and _is_board(str(word), path)]
    named = [path for word, path in zip(words, paths, strict=True) if str(word) not in boards]
    skipped = [path for path in named if path.is_file()]
    folders = [path for path in named if path not in skipped]
    for path in skipped:
        _check_skipped(path, folders)
    missing = next((path for path in folders if not path.exists()), None)
    if is_published and missing is not None:
        known = ", ".join(published_benchmarks())
        raise UserError(f"{missing}: no run folder, and no benchmark with published scores; there are: {known}")
    runs = [run for path in folders for run in _runs_of(path)]
    runs += sweep_folders(sweep) if sweep is not None else ()
    if not runs and not boards:
        more = f", or benchmarks with published scores ({', '.join(published_benchmarks())})" if is_published else ""
        raise UserError(f"nothing to report: name run folders, or a folder that holds some{more}")
    _check_once(runs, boards)
    return AskedPage(tuple(runs), tuple(boards), is_published, sweep, language, tuple(skipped))


def _is_board(word: str, path: Path) -> bool:
    return word in published_benchmarks() and not path.exists()


def _check_skipped(path: Path, folders: Sequence[Path]) -> None:
    """Raise `UserError` for a file that is no page, and no figure in the folder that holds the runs."""
    is_figure = path.suffix in FIGURES and any(path.parent == folder.parent for folder in folders)
    if not is_figure and not is_page(path):
        raise UserError(f"{path}: a file; name run folders, or folders of `evalkit score --out`")


def _runs_of(folder: Path) -> list[Path]:
    """The folder; where it is no run but holds some, those. `UserError` for the folder of a sweep."""
    if not folder.is_dir() or _is_run(folder):
        return [folder]
    if holds_sweep(folder):
        raise UserError(f"{folder}: a sweep; evalkit report --sweep {folder} makes a page of it")
    return [folder / name for name in holds_files(folder) if _is_run(folder / name)] or [folder]


def _is_run(folder: Path) -> bool:
    is_run = (folder / MANIFEST).is_file() or bool(parts_in(folder))
    return is_run or holds_answers(folder) or holds_scores_only(folder)


def _check_once(runs: Sequence[Path], boards: Sequence[str]) -> None:
    places = [run.resolve() for run in runs]
    twice = next((run for index, run in enumerate(runs) if places[index] in places[:index]), None)
    if twice is not None:
        raise UserError(f"{twice}: the run is named twice; leave one out")
    board = next((name for index, name in enumerate(boards) if name in boards[:index]), None)
    if board is not None:
        raise UserError(f"{board}: the benchmark is named twice; leave one out")


def check_page_place(path: Path) -> None:
    """Raise `UserError` where a page cannot be written, or would replace what is no page of evalkit's."""
    refuse_other(path)
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise UserError(f"{path}: cannot be written ({above} is a file); name another place")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UserError(f"{path}: cannot be written ({above} is read-only); name another place")


def refuse_other(path: Path) -> None:
    """Raise `UserError` where something stands that is no page of evalkit's."""
    path = user_path(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file for the page")
    if path.exists() and not is_page(path):
        raise UserError(f"{path}: is no page that evalkit wrote, so it is left as it is; name another file")


def make_page(path: Path, asked: AskedPage, monitor: Monitor | None = None) -> WrittenPage:
    """Read and score what is asked for and write the page; nothing else is written, and nothing before all is read."""
    if asked.runs:
        tell(monitor, f"reading {counted(len(asked.runs), 'run')}")
    runs = read_runs(asked.runs)
    if asked.sweep is not None:
        runs = _by_spec(runs, sweep_folders(asked.sweep))
    tell(monitor, f"writing {path.name}")
    content = content_of(
        runs,
        is_published=asked.is_published,
        boards=asked.boards,
        sweep=asked.sweep,
        language=asked.language,
    )
    write_page(path, content)
    tell(monitor, "")
    return WrittenPage(path, path.stat().st_size, runs)


def _by_spec(runs: Sequence[PageRun], specs: Mapping[Path, str]) -> list[PageRun]:
    """The runs, those of a sweep called by their specs unless another run is called so."""
    named = {folder.resolve(): name for folder, name in specs.items()}
    others = {run.name for run in runs if run.folder.resolve() not in named}
    names = [named.get(run.folder.resolve(), run.name) for run in runs]
    return [run if name in others else replace(run, name=name) for run, name in zip(runs, names, strict=True)]
