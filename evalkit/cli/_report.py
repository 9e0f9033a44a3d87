"""`evalkit report`: scores and tables of run folders, made again."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import _options as o


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
        Path | None, typer.Option(metavar="STEM", help="Also draw all runs in one figure, STEM.png and STEM.svg.")
    ] = None,
) -> int:
    """Score run folders again and rewrite their tables and figures."""
    from evalkit._api import report_run, spec_of_run
    from evalkit.reports import Palette, compare_heatmaps, terminal_table

    from ._output import note, print_table
    from ._score import warn

    palette: Palette = "colour-blind" if colour_blind else "published"
    rows = {}
    for folder in runs:
        scores, rows[folder] = report_run(folder, axis=axis.value, palette=palette, metrics=metric or [])
        warn(scores)
        print_table(terminal_table(scores, spec_of_run(folder)))
        note(f"tables in {folder / 'tables'}")
    if side_by_side is not None:
        note(f"figure: {compare_heatmaps(side_by_side, [(folder, rows[folder]) for folder in runs], palette)[0]}")
    return 0
