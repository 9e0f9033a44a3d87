"""`evalkit report`: scores and tables of run folders, made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import _figures as f
from . import _options as o

if TYPE_CHECKING:
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
        list[Path],
        typer.Argument(metavar="RUN...", help="Run folders; for tables also folders of `evalkit score --out`."),
    ],
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
    published: Annotated[
        bool, typer.Option("--published", help="Also show published scores of the same benchmark and protocol.")
    ] = False,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a table over the runs: FILE.csv, FILE.md or FILE.tex.")
    ] = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="With 95% intervals in tables over runs.")] = False,
    transpose: Annotated[bool, typer.Option("--transpose", help="Models in rows, tasks in columns.")] = False,
    mixed: Annotated[bool, typer.Option("--mixed", help="Draw runs side by side whose grids differ.")] = False,
    out: o.Out = None,
) -> int:
    """Score run folders again and rewrite their tables and figures."""
    from evalkit.printable import counted
    from evalkit.reports import check_table_file, compare_heatmaps, model_tables, write_model_tables

    from ._several import print_models
    from .terminal import note, shown

    figures = f.Figures(bars, curves, survival, group, by_task, published)
    figures.check()
    _check_side_by_side(runs, side_by_side, is_described=mixed or (group is not None and not figures.has_parts))
    if table is not None:
        check_table_file(table)
    palette: Palette = "colour-blind" if colour_blind else "published"
    reported = _Reported()
    for folder, target in _targets(runs, out).items():
        reported.add(folder, None if out is None else target, axis, palette, metric or [])
    note_escapes({run.folder: run.scores for run in reported.scored})
    print_models(reported.columns, intervals=intervals, transpose=transpose)
    if table is not None:
        write_model_tables(table, model_tables(reported.columns), intervals=intervals, transpose=transpose)
        note(f"table over {counted(len(reported.columns), 'run')}: {table}")
    if side_by_side is not None:
        with shown(f"drawing {side_by_side.name}"):
            paths = compare_heatmaps(
                side_by_side, reported.scored, palette, group=group, is_mixed=mixed, axis=axis.value
            )
        note(f"figure: {paths[0]}")
    f.draw_figures(figures, reported.columns)
    return 2 if reported.is_unwritten else 0


def _check_side_by_side(runs: list[Path], stem: Path | None, *, is_described: bool) -> None:
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

    def add(self, folder: Path, out: Path | None, axis: Axis, palette: Palette, metrics: list[str]) -> None:
        """Score a run again, print its table and rewrite its files; scores without a run are only read."""
        from evalkit.reports import model_column
        from evalkit.scores import holds_scores_only, read_scores

        if holds_scores_only(folder):
            self.columns.append(model_column(folder, read_scores(folder)))
            return
        run = self._report(folder, out, axis, palette, metrics)
        self.scored.append(run)
        self.columns.append(model_column(folder, run.scores))

    def _report(self, folder: Path, out: Path | None, axis: Axis, palette: Palette, metrics: list[str]) -> ScoredRun:
        from evalkit._api import report_run, spec_of_run
        from evalkit.reports import ScoredRun, terminal_table

        from ._score import restore, unwritten_in, warn
        from .terminal import ProgressMonitor, note, print_table

        restore(folder)
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
        self.is_unwritten = self.is_unwritten or bool(unwritten)
        return ScoredRun(folder, scores, rows)


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
