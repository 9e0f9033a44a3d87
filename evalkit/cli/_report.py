"""`evalkit report`: a page over runs; scores and tables of run folders, made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import _figures as f
from . import _options as o

if TYPE_CHECKING:
    from evalkit._page import AskedPage
    from evalkit.errors import ReadOnlyError
    from evalkit.reports import ModelColumn, Palette, ScoredRun
    from evalkit.scores import BenchmarkScores


class Axis(StrEnum):
    """What heatmaps are drawn against."""

    NOMINAL = "nominal"
    PROMPT = "prompt"
    KEPT = "kept"


def report(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUN",
            help="Run folders, folders of `evalkit score --out`, or a folder that holds some; with --published also "
            "benchmarks.",
        ),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Hold runs against published scores, on pages and beside bars.")
    ] = False,
    sweep: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Page: the runs of a RoPE sweep, and what it found.", parser=o.named_path),
    ] = None,
    lang: Annotated[
        str | None, typer.Option(metavar="CODE", help="Page: language of its words, en or zh.  [default: en]")
    ] = None,
    axis: Annotated[
        Axis, typer.Option(help="Heatmap lengths: nominal, or the model's tokens in the whole prompt or as kept.")
    ] = Axis.NOMINAL,
    colour_blind: Annotated[bool, typer.Option("--colour-blind", help="Draw in a colour-blind-safe map.")] = False,
    metric: o.Metrics = None,
    side_by_side: Annotated[
        Path | None,
        typer.Option(metavar="STEM", help="Also draw all runs in one figure, STEM.png and STEM.svg, or FILE.pdf."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(metavar="NAME", help="Task or group to draw.  [side by side: the first group]")
    ] = None,
    bars: f.Bars = None,
    curves: f.Curves = None,
    survival: f.Survival = None,
    by_task: f.ByTask = False,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a table over the runs: FILE.csv, FILE.md or FILE.tex.")
    ] = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="With 95% intervals in tables over runs.")] = False,
    transpose: Annotated[bool, typer.Option("--transpose", help="Models in rows, tasks in columns.")] = False,
    mixed: Annotated[bool, typer.Option("--mixed", help="Draw runs side by side whose grids differ.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="NAME.html|DIR",
            help="Write one page over all runs and nothing else, or scores, tables and figures to a folder.",
            parser=o.named_path,
        ),
    ] = None,
) -> int:
    """Make a page of runs to look through and send on, offline, with every sample behind every number.

    With --out NAME.html the runs are only read. Without --out each run folder gets its scores, tables and figures anew
    and a report.html; a sweep gets one over its runs, published scores alone a published.html.
    """
    from evalkit.errors import UserError
    from evalkit.reports import check_table_file

    from .terminal import note

    figures = f.Figures(bars, curves, survival, group, by_task, published)
    figures.check()
    asked = _asked(runs or [], published, sweep, lang, out)
    if asked.skipped:
        note(f"passed over, no runs: {', '.join(path.name for path in asked.skipped)}")
    is_described = mixed or (group is not None and not figures.has_parts)
    _check_side_by_side(asked.runs, side_by_side, is_described=is_described)
    if not asked.runs and (figures.is_any or table is not None or side_by_side is not None):
        raise UserError("figures and tables over runs need runs: name their folders, or leave the options out")
    if table is not None:
        check_table_file(table)
    page = _page_alone(asked, out)
    palette: Palette = "colour-blind" if colour_blind else "published"
    is_drawn = side_by_side is not None
    if page is not None:
        _refuse_options_of_files(metric, is_described=(colour_blind or axis is not Axis.NOMINAL) and not is_drawn)
        reported = _write_page(page, asked)
    else:
        reported = _report_each(asked, out, axis, palette, metric or [], intervals=intervals, transpose=transpose)
    if table is not None:
        _write_table(table, reported, intervals=intervals, transpose=transpose)
    if side_by_side is not None:
        _draw(side_by_side, reported, palette, group, is_mixed=mixed, axis=axis)
    f.draw_figures(figures, reported.columns)
    return 2 if reported.is_unwritten else 0


def _asked(words: list[Path], is_published: bool, sweep: Path | None, lang: str | None, out: Path | None) -> AskedPage:
    """What the command line asks for; `UserError` for what contradicts itself."""
    from evalkit._page import ask_page
    from evalkit.errors import UserError

    if out is not None and out.suffix.lower() in (".htm", ".xhtml"):
        raise UserError(f"--out {out}: a page ends in .html; write {out.with_suffix('.html')}")
    if out is not None and not _is_page_name(out) and (is_published or sweep is not None or lang is not None):
        raise UserError(f"--out {out}: --published, --sweep and --lang are for a page; name it, --out {out}.html")
    return ask_page(words, is_published=is_published, sweep=sweep, language="en" if lang is None else lang)


def _is_page_name(path: Path) -> bool:
    return path.suffix.lower() == ".html"


def _page_alone(asked: AskedPage, out: Path | None) -> Path | None:
    """Where one page over everything goes; None where every run is reported in files of its own."""
    from evalkit._page import PAGE, check_page_place

    if out is not None:
        path = out if _is_page_name(out) else None
    elif asked.sweep is not None:
        path = asked.sweep / PAGE
    else:
        path = None if asked.runs else Path("published.html")
    if path is not None:
        check_page_place(path)
    return path


def _refuse_options_of_files(metrics: list[str] | None, *, is_described: bool) -> None:
    from evalkit.errors import UserError

    if metrics or is_described:
        raise UserError(
            "--metric, --axis and --colour-blind say how a run's own files are made, and a page alone is written here: "
            "leave them out, or report the runs without --out"
        )


def _write_page(path: Path, asked: AskedPage) -> _Reported:
    """The page over everything; the runs are only read."""
    from evalkit._page import make_page
    from evalkit.reports import ScoredRun, model_column
    from evalkit.runs import unjoined_note

    from .terminal import ProgressMonitor, note

    with ProgressMonitor() as monitor:
        written = make_page(path, asked, monitor)
    for run in written.runs:
        for line in (*run.notes, *filter(None, [unjoined_note(run.folder)])):
            note(line)
    note(written.line)
    return _Reported(
        [ScoredRun(run.folder, run.scores, list(run.measured.rows)) for run in written.runs if run.measured],
        [model_column(run.folder, run.scores) for run in written.runs],
    )


def _report_each(
    asked: AskedPage,
    out: Path | None,
    axis: Axis,
    palette: Palette,
    metrics: list[str],
    *,
    intervals: bool,
    transpose: bool,
) -> _Reported:
    """Every run's own files, and the tables over them; without `out` each gets a page too."""
    from evalkit._page import PAGE, refuse_other

    from ._several import print_models
    from .terminal import note

    if out is None:
        for folder in asked.runs:
            refuse_other(folder / PAGE)
    reported = _Reported()
    for folder, target in _targets(list(asked.runs), out).items():
        if _is_scored_again(folder):
            is_written = reported.add(folder, None if out is None else target, axis, palette, metrics)
            if out is None and is_written:
                _write_page(folder / PAGE, replace(asked, runs=(folder,)))
        elif out is None:
            reported.columns += _write_page(folder / PAGE, replace(asked, runs=(folder,))).columns
        else:
            reported.columns.append(_column_of_scores(folder))
    note_escapes({run.folder: run.scores for run in reported.scored})
    print_models(reported.columns, intervals=intervals, transpose=transpose)
    if out is None and len(asked.runs) > 1:
        note("one page over all of these runs: the same command with --out NAME.html")
    return reported


def _is_scored_again(folder: Path) -> bool:
    """Whether it is a run, whose files are made anew; folders of scores are only read."""
    from evalkit.scores import holds_answers, holds_scores_only

    return not (holds_answers(folder) or holds_scores_only(folder))


def _column_of_scores(folder: Path) -> ModelColumn:
    """Scores without a run, made again where the folder keeps the answers; what is wrong with its files is said."""
    from evalkit.reports import model_column
    from evalkit.reports.page import read_runs

    from .terminal import note

    (read,) = read_runs([folder])
    for line in read.notes:
        note(line)
    return model_column(folder, read.scores)


def _write_table(path: Path, reported: _Reported, *, intervals: bool, transpose: bool) -> None:
    from evalkit.printable import counted
    from evalkit.reports import model_tables, write_model_tables

    from .terminal import note

    write_model_tables(path, model_tables(reported.columns), intervals=intervals, transpose=transpose)
    note(f"table over {counted(len(reported.columns), 'run')}: {path}")


def _draw(stem: Path, reported: _Reported, palette: Palette, group: str | None, *, is_mixed: bool, axis: Axis) -> None:
    from evalkit.reports import compare_heatmaps

    from .terminal import note, shown

    with shown(f"drawing {stem.name}"):
        paths = compare_heatmaps(stem, reported.scored, palette, group=group, is_mixed=is_mixed, axis=axis.value)
    note(f"figure: {paths[0]}")


def _check_side_by_side(runs: Sequence[Path], stem: Path | None, *, is_described: bool) -> None:
    """Raise where a figure of several runs is described but not asked for, or cannot be drawn of these."""
    from evalkit.errors import UserError
    from evalkit.scores import holds_scores_only

    if stem is None and is_described:
        raise UserError(
            "--group and --mixed say what is drawn: name the figure with --side-by-side (--group: --bars or --curves)"
        )
    if stem is not None and (outside := next(filter(holds_scores_only, runs), None)) is not None:
        raise UserError(f"{outside}: scores of outputs made elsewhere; --side-by-side draws run folders only")


@dataclass
class _Reported:
    """The runs reported so far, for what is made of all of them."""

    scored: list[ScoredRun] = field(default_factory=list)
    columns: list[ModelColumn] = field(default_factory=list)
    is_unwritten: bool = False

    def add(self, folder: Path, out: Path | None, axis: Axis, palette: Palette, metrics: list[str]) -> bool:
        """Score a run again, print its table and rewrite its files; tells whether its folder could be written to."""
        from evalkit.reports import model_column

        run, is_written = self._report(folder, out, axis, palette, metrics)
        self.scored.append(run)
        self.columns.append(model_column(folder, run.scores))
        self.is_unwritten = self.is_unwritten or not is_written
        return is_written

    def _report(
        self, folder: Path, out: Path | None, axis: Axis, palette: Palette, metrics: list[str]
    ) -> tuple[ScoredRun, bool]:
        from evalkit._api import report_run, spec_of_run
        from evalkit.reports import ScoredRun, terminal_table

        from ._score import restore, unwritten_in, warn
        from .terminal import ProgressMonitor, note, print_table

        restore(folder)
        if out is None:
            _join(folder)
        unwritten: list[ReadOnlyError] = []
        with ProgressMonitor() as monitor:
            scores, rows = report_run(
                folder, axis=axis.value, palette=palette, metrics=metrics, monitor=monitor, out=out,
                unwritten=unwritten.append,
            )  # fmt: skip
        warn(scores)
        print_table(terminal_table(scores, spec_of_run(folder)))
        for error in unwritten:
            unwritten_in(out or folder)(error)
        if not unwritten:
            note(f"tables in {(out or folder) / 'tables'}")
        return ScoredRun(folder, scores, rows), not unwritten


def _join(folder: Path) -> None:
    """Join what a run's parts have answered and it lacks; where that cannot be now, its scores say what they lack."""
    from evalkit.errors import UserError
    from evalkit.runs import merge_runs, only_parts, unjoined_note

    from .terminal import note

    if unjoined_note(folder) is None:
        return
    try:
        merged = merge_runs([folder])
    except UserError as error:
        if only_parts(folder) is not None:
            raise
        note(str(error))
        return
    for line in (*merged.notes, *merged.missing):
        note(line)


def _targets(runs: list[Path], out: Path | None) -> dict[Path, Path]:
    """Run folder → where its scores, tables and figures go."""
    from evalkit.errors import UserError

    if out is None:
        return {folder: folder for folder in runs}
    if len(runs) == 1:
        return {runs[0]: out}
    names = [folder.resolve().name for folder in runs]
    if len(set(names)) < len(names):
        raise UserError(f"--out {out}: two of the runs have one name there; report them one by one")
    return {folder: out / name for folder, name in zip(runs, names, strict=True)}


def note_escapes(runs: Mapping[Path, BenchmarkScores]) -> None:
    """Say once that the figures of these run folders name the model with escapes, where they do."""
    from evalkit.reports import missing_glyphs

    from .terminal import note

    titles = "".join(scores.model_title for folder, scores in runs.items() if (folder / "figures").is_dir())
    if line := missing_glyphs(titles):
        note(line)
