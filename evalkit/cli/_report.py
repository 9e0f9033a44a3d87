"""`evalkit report`: scores and tables of run folders, made again."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import _options as o

if TYPE_CHECKING:
    from evalkit.errors import ReadOnlyError
    from evalkit.reports import ModelColumn
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
        str | None, typer.Option(metavar="NAME", help="Task or group drawn side by side.  [default: the first group]")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a table over the runs: FILE.csv, FILE.md or FILE.tex.")
    ] = None,
    intervals: Annotated[bool, typer.Option("--intervals", help="With 95% intervals in tables over runs.")] = False,
    transpose: Annotated[bool, typer.Option("--transpose", help="Models in rows, tasks in columns.")] = False,
    mixed: Annotated[bool, typer.Option("--mixed", help="Draw runs side by side whose grids differ.")] = False,
    out: o.Out = None,
) -> int:
    """Score run folders again and rewrite their tables and figures."""
    from evalkit._api import report_run, spec_of_run
    from evalkit.errors import UserError
    from evalkit.printable import counted
    from evalkit.reports import (
        Palette,
        ScoredRun,
        check_table_file,
        compare_heatmaps,
        model_column,
        model_tables,
        terminal_table,
        write_model_tables,
    )
    from evalkit.scores import read_scores

    from ._score import restore, unwritten_in, warn
    from ._several import print_models
    from .terminal import ProgressMonitor, note, print_table, shown

    if side_by_side is None and (group is not None or mixed):
        raise UserError("--group and --mixed say how runs are drawn side by side: name the figure with --side-by-side")
    if table is not None:
        check_table_file(table)
    if side_by_side is not None and (outside := next(filter(_is_scores_only, runs), None)) is not None:
        raise UserError(f"{outside}: scores of outputs made elsewhere; --side-by-side draws run folders only")
    palette: Palette = "colour-blind" if colour_blind else "published"
    scored: list[ScoredRun] = []
    columns: list[ModelColumn] = []
    unwritten: list[ReadOnlyError] = []
    for folder, target in _targets(runs, out).items():
        if _is_scores_only(folder):
            columns.append(model_column(folder, read_scores(folder)))
            continue
        restore(folder)
        before = len(unwritten)
        with ProgressMonitor() as monitor:
            scores, rows = report_run(
                folder, axis=axis.value, palette=palette, metrics=metric or [], monitor=monitor,
                out=None if out is None else target, unwritten=unwritten.append,
            )  # fmt: skip
        scored.append(ScoredRun(folder, scores, rows))
        columns.append(model_column(folder, scores))
        warn(scores)
        print_table(terminal_table(scores, spec_of_run(folder)))
        for error in unwritten[before:]:
            unwritten_in(target)(error)
        if len(unwritten) == before:
            note(f"tables in {target / 'tables'}")
    note_escapes({run.folder: run.scores for run in scored})
    print_models(columns, intervals=intervals, transpose=transpose)
    if table is not None:
        write_model_tables(table, model_tables(columns), intervals=intervals, transpose=transpose)
        note(f"table over {counted(len(columns), 'run')}: {table}")
    if side_by_side is not None:
        with shown(f"drawing {side_by_side.name}"):
            paths = compare_heatmaps(side_by_side, scored, palette, group=group, is_mixed=mixed, axis=axis.value)
        note(f"figure: {paths[0]}")
    return 2 if unwritten else 0


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


def _is_scores_only(folder: Path) -> bool:
    """Whether a folder is one of `evalkit score --out`: scores of outputs made elsewhere, without the run."""
    of_a_run = ("run.json", "run.copy.json", "samples.jsonl")
    return (folder / "scores.json").is_file() and not any((folder / name).exists() for name in of_a_run)


def note_escapes(runs: Mapping[Path, BenchmarkScores]) -> None:
    """Say once that the figures of these run folders name the model with escapes, where they do."""
    from evalkit.reports import missing_glyphs

    from .terminal import note

    titles = "".join(scores.model_title for folder, scores in runs.items() if (folder / "figures").is_dir())
    if line := missing_glyphs(titles):
        note(line)
