"""The heatmaps of several runs side by side: the same task or group of each, on the same grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evalkit.errors import UnknownNameError, UserError
from evalkit.runs import Manifest, read_manifest
from evalkit.scores import BenchmarkScores, ScoreRow, own_rows
from evalkit.tasks import load_spec

from .._names import shown_model
from ..drawing import Palette
from ._files import shown_run, window_of
from ._grid import HeatGrid, LengthAxis
from ._panels import Panel, draw_side_by_side
from ._pictures import Picture, Shown, pictures_of

__all__ = ["ScoredRun", "compare_heatmaps"]

MIXED = "MIXED: lengths or depths differ between the panels"


class ScoredRun(NamedTuple):
    """A run folder and what scoring it gave."""

    folder: Path
    """Run folder."""
    scores: BenchmarkScores
    """Its scores."""
    rows: Sequence[ScoreRow]
    """The rows behind them."""


class _Run(NamedTuple):
    folder: Path
    manifest: Manifest
    shown: Shown


def compare_heatmaps(
    stem: Path,
    runs: Sequence[ScoredRun],
    palette: Palette = "published",
    *,
    group: str | None = None,
    is_mixed: bool = False,
    axis: LengthAxis = "nominal",
) -> list[Path]:
    """`stem`.png and `.svg` with one heatmap of every run side by side, on one colour scale; their paths.

    `group` is the task or group to draw; None = the first group that is drawn of all of them, else the first task.
    Raises `UserError` where their grids differ, unless `is_mixed`.
    """
    opened = [_opened(run) for run in runs]
    nominal = [pictures_of(run.shown) for run in opened]
    name = _chosen(opened, nominal, group)
    is_same = _check_grids(opened, [pictures[name].grid for pictures in nominal], is_mixed)
    chosen = [pictures[name] for pictures in nominal]
    drawn = chosen if axis == "nominal" else [pictures_of(run.shown, axis)[name] for run in opened]
    labels = dict.fromkeys(run.shown.label(axis) for run in opened)
    windows = {window_of(run.manifest) for run in opened}
    models = list(dict.fromkeys(_model(run) for run in opened))
    return draw_side_by_side(
        stem,
        _panels(opened, drawn),
        models[0] if len(models) == 1 else "Runs side by side",
        _subtitle(opened, chosen) + ("" if is_same else f" · {MIXED}"),
        lengths=" or ".join(labels),
        window=windows.pop() if len(windows) == 1 else None,
        palette=palette,
    )


def _opened(run: ScoredRun) -> _Run:
    manifest = read_manifest(run.folder)
    spec = load_spec(str(manifest.settings["benchmark"]))
    return _Run(run.folder, manifest, shown_run(manifest, run.scores, own_rows(run.scores, run.rows), spec))


def _model(run: _Run) -> str:
    return shown_model(run.shown.scores.model, run.shown.scores.model_title)


def _chosen(runs: Sequence[_Run], pictures: Sequence[Mapping[str, Picture]], group: str | None) -> str:
    """The name of what is drawn of every run."""
    for run, drawable in zip(runs, pictures, strict=True):
        if not drawable:
            raise UserError(f"{run.folder}: its benchmark has no lengths and depths, so there is no heatmap to compare")
        if group is not None and group not in drawable:
            raise UnknownNameError(f"task or group of {run.folder}", group, drawable)
    if group is not None:
        return group
    common = [name for name in pictures[0] if all(name in others for others in pictures)]
    if not common:
        raise UserError(f"{runs[0].folder} and {runs[-1].folder}: no task or group was run in all of the runs")
    return next((name for name in runs[0].shown.spec.groups if name in common), common[0])


def _check_grids(runs: Sequence[_Run], grids: Sequence[HeatGrid], is_mixed: bool) -> bool:
    """Whether all grids have the same lengths and depths; `UserError` where they have not and that is not asked for."""
    first = grids[0]
    for run, grid in zip(runs, grids, strict=True):
        for axis, mine, other in (("lengths", first.lengths, grid.lengths), ("depths", first.depths, grid.depths)):
            if mine != other and not is_mixed:
                raise UserError(
                    f"{run.folder}: its {axis} {_listed(other)} are not those of {runs[0].folder} ({_listed(mine)}), "
                    "so the panels cannot be compared by eye; --mixed draws them all the same"
                )
    return all((grid.lengths, grid.depths) == (first.lengths, first.depths) for grid in grids)


def _listed(numbers: Sequence[float]) -> str:
    shown = [f"{number:,.6g}" for number in numbers]
    return ", ".join(shown if len(shown) <= 4 else [*shown[:2], "…", shown[-1]])


def _panels(runs: Sequence[_Run], pictures: Sequence[Picture]) -> list[Panel]:
    """One panel per run, named by what tells it from the others."""
    one_model = len({_model(run) for run in runs}) == 1
    names = [
        str(run.shown.scores.protocol) if one_model else f"{_model(run)} · {run.shown.scores.protocol}" for run in runs
    ]
    if len(set(names)) < len(names):
        names = [run.folder.resolve().name for run in runs]  # runs of one label are told apart by their folders
    if len({(picture.label, picture.languages) for picture in pictures}) > 1:
        names = [f"{name} · {_what(picture)}" for name, picture in zip(names, pictures, strict=True)]
    return [Panel(picture.grid, name, picture.partial) for name, picture in zip(names, pictures, strict=True)]


def _subtitle(runs: Sequence[_Run], pictures: Sequence[Picture]) -> str:
    """What is drawn: benchmarks, then task or group with its languages where that is the same in all panels."""
    benchmarks = dict.fromkeys(run.shown.spec.title for run in runs)
    what = dict.fromkeys(map(_what, pictures))
    return " · ".join([", ".join(benchmarks), *(what if len(what) == 1 else ())])


def _what(picture: Picture) -> str:
    """A picture's task or group, and its languages."""
    return " · ".join(filter(None, [picture.label, _spoken(picture.languages)]))


def _spoken(languages: Sequence[str]) -> str:
    if len(languages) > 1:
        return f"mean of {', '.join(languages[:-1])} and {languages[-1]}"
    return f"language {languages[0]}" if languages else ""
