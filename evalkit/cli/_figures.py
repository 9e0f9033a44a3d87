"""Figures over several runs that `evalkit report` draws on request: bars, curves by length, what truncation did."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from . import _options as o

if TYPE_CHECKING:
    from evalkit.reports import CurveRun, ModelColumn, SurvivalRun
    from evalkit.scores import Measured

__all__ = ["Bars", "ByTask", "Curves", "Figures", "Survival", "draw_figures"]


def _stem(help_text: str) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(metavar="STEM", help=help_text, parser=o.named_path)
    return info


Bars = Annotated[Path | None, _stem("Draw scores of the runs as bars: STEM.png and STEM.svg, or FILE.pdf.")]
Curves = Annotated[Path | None, _stem("Draw scores by prompt length, a line for each run.")]
Survival = Annotated[Path | None, _stem("Draw what truncation did to the prompts, by task.")]
ByTask = Annotated[bool, typer.Option("--by-task", help="Bars and curves of every task instead of groups.")]


class Figures(NamedTuple):
    """What is to be drawn, and where."""

    bars: Path | None
    curves: Path | None
    survival: Path | None
    group: str | None
    """Task or group that bars and curves are narrowed to."""
    by_task: bool
    is_published: bool
    """Whether published scores stand beside the bars."""

    @property
    def has_parts(self) -> bool:
        """Whether anything is drawn that can be narrowed to a group."""
        return self.bars is not None or self.curves is not None

    @property
    def is_any(self) -> bool:
        """Whether anything is drawn."""
        return self.has_parts or self.survival is not None

    def check(self) -> None:
        """Raise `UserError` where `--by-task` has nothing to say something of."""
        from evalkit.errors import UserError

        if self.by_task and not self.has_parts:
            raise UserError("--by-task says what is drawn of every task: name the figure with --bars or --curves")
        if self.by_task and self.group is not None:
            raise UserError("--by-task and --group each say what is drawn: give one of them")


def draw_figures(asked: Figures, columns: Sequence[ModelColumn]) -> None:
    """Draw what is asked for of runs that have been scored; what is drawn is said."""
    from evalkit.reports import draw_benchmark_bars, draw_length_curves, draw_survival, survival_table
    from evalkit.scores import measure_folder

    from .terminal import print_table

    group, by_task = asked.group, asked.by_task
    measure = functools.cache(measure_folder)  # of each run once, however many figures there are
    if (bars := asked.bars) is not None:
        _draw(bars, lambda: draw_benchmark_bars(
            bars, columns, group=group, by_task=by_task, is_published=asked.is_published
        ))  # fmt: skip
    if (curves := asked.curves) is not None:
        _draw(
            curves,
            lambda: draw_length_curves(curves, list(_curve_runs(columns, measure)), group=group, by_task=by_task),
        )
    if (survival := asked.survival) is not None:
        runs = list(_survival_runs(columns, measure))
        _draw(survival, lambda: draw_survival(survival, runs))
        print_table(survival_table(runs))


def _draw(stem: Path, draw: Callable[[], list[Path]]) -> None:
    from .terminal import note, shown

    with shown(f"drawing {stem.name}"):
        paths = draw()
    for path in paths:
        note(f"figure: {path}")


def _headings(columns: Sequence[ModelColumn]) -> dict[Path, str]:
    """Folder → what tables over the runs call it."""
    from evalkit.reports import model_tables

    return {
        column.folder: heading
        for table in model_tables(columns)
        for column, heading in zip(table.columns, table.headings, strict=True)
    }


def _curve_runs(columns: Sequence[ModelColumn], measure: Callable[[Path], Measured]) -> Iterator[CurveRun]:
    from evalkit.reports import CurveRun

    names = _headings(columns)
    for folder in (column.folder for column in columns):
        measured, settings = measure(folder), _part_of_manifest(folder, "settings")
        unit = str(settings.get("unit", "tokens"))
        yield CurveRun(names[folder], folder, measured, settings.get("options") or {}, unit)


def _survival_runs(columns: Sequence[ModelColumn], measure: Callable[[Path], Measured]) -> Iterator[SurvivalRun]:
    from evalkit.reports import SurvivalRun

    names = _headings(columns)
    for folder in (column.folder for column in columns):
        measured, window = measure(folder), _part_of_manifest(folder, "identity").get("max_seq_len")
        yield SurvivalRun(names[folder], folder, measured, None if window is None else int(window))


def _part_of_manifest(folder: Path, part: Literal["identity", "settings"]) -> dict[str, Any]:
    """What the manifest of a run says, whose folder or whose scores these are; nothing for outputs made elsewhere."""
    from evalkit.runs import MANIFEST, read_manifest
    from evalkit.scores import run_of_scores

    run = folder if (folder / MANIFEST).exists() else run_of_scores(folder)
    return {} if run is None else dict(getattr(read_manifest(run), part))
