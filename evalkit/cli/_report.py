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
    from evalkit.scores import BenchmarkScores


class Axis(StrEnum):
    """What heatmaps are drawn against."""

    NOMINAL = "nominal"
    PROMPT = "prompt"
    KEPT = "kept"


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")],
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
    mixed: Annotated[bool, typer.Option("--mixed", help="Draw runs side by side whose grids differ.")] = False,
    out: o.Out = None,
) -> int:
    """Score run folders again and rewrite their tables and figures."""
    from evalkit._api import report_run, spec_of_run
    from evalkit.errors import UserError
    from evalkit.reports import Palette, ScoredRun, compare_heatmaps, terminal_table

    from ._output import note, print_table
    from ._progress import ProgressMonitor, shown
    from ._score import restore, unwritten_in, warn

    if side_by_side is None and (group is not None or mixed):
        raise UserError("--group and --mixed say how runs are drawn side by side: name the figure with --side-by-side")
    palette: Palette = "colour-blind" if colour_blind else "published"
    scored: list[ScoredRun] = []
    unwritten: list[ReadOnlyError] = []
    for folder, target in _targets(runs, out).items():
        restore(folder)
        before = len(unwritten)
        with ProgressMonitor() as monitor:
            scores, rows = report_run(
                folder, axis=axis.value, palette=palette, metrics=metric or [], monitor=monitor,
                out=None if out is None else target, unwritten=unwritten.append,
            )  # fmt: skip
        scored.append(ScoredRun(folder, scores, rows))
        for line in scores.notes:
            note(line)
        warn(scores)
        print_table(terminal_table(scores, spec_of_run(folder)))
        for error in unwritten[before:]:
            unwritten_in(target)(error)
        if len(unwritten) == before:
            note(f"tables in {target / 'tables'}")
    note_escapes({run.folder: run.scores for run in scored})
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


def note_escapes(runs: Mapping[Path, BenchmarkScores]) -> None:
    """Say once that the figures of these run folders name the model with escapes, where they do."""
    from evalkit.reports import missing_glyphs

    from ._output import note

    titles = "".join(scores.model_title for folder, scores in runs.items() if (folder / "figures").is_dir())
    if line := missing_glyphs(titles):
        note(line)
