"""The figures of a run folder: a heatmap and its cells for every task that has lengths and depths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalkit.errors import UserError
from evalkit.runs import Manifest, read_manifest
from evalkit.scores import BenchmarkScores, ScoreRow
from evalkit.tasks import BenchmarkSpec

from ._cells import Palette
from ._figure import Panel, draw_heatmap, draw_side_by_side
from ._grid import GroupGrid, HeatGrid, LengthAxis, grids_of, group_grids, on_axis, write_cells

__all__ = ["compare_heatmaps", "write_figures", "write_heatmaps"]


def write_figures(
    folder: Path,
    scores: BenchmarkScores,
    rows: Sequence[ScoreRow],
    spec: BenchmarkSpec,
    palette: Palette = "published",
    axis: LengthAxis = "nominal",
) -> list[Path]:
    """`figures/NAME.png` and `.svg` with `tables/NAME-cells.csv` of each task, its languages, and groups of tasks.

    Their paths; none where the benchmark has no lengths and depths. Other axes than the nominal one are in the names.
    """
    if not grids_of(on_axis(rows, axis)):
        return []
    manifest = read_manifest(folder)
    title = str(manifest.settings.get("title", scores.model))
    return write_heatmaps(folder, scores, rows, spec, title, _window(manifest), palette, axis)


def write_heatmaps(
    folder: Path,
    scores: BenchmarkScores,
    rows: Sequence[ScoreRow],
    spec: BenchmarkSpec,
    title: str,
    window: int | None = None,
    palette: Palette = "published",
    axis: LengthAxis = "nominal",
) -> list[Path]:
    """As `write_figures`, for scores of any origin: `title` names the model, `window` is its context in tokens."""
    grids = grids_of(on_axis(rows, axis))
    named = {name: GroupGrid(name, grid) for name, grid in grids.items()} | group_grids(grids, spec)
    paths: list[Path] = []
    for name, (label, grid) in named.items():
        file = name if axis == "nominal" else f"{name}-{axis}-tokens"
        cells = folder / "tables" / f"{file}-cells.csv"
        write_cells(cells, grid)
        subtitle = f"{spec.title} · {label} · protocol {scores.protocol}"
        stem = folder / "figures" / file
        paths += [cells, *draw_heatmap(stem, grid, title, subtitle, window=window, palette=palette)]
    return paths


def compare_heatmaps(
    stem: Path, runs: Sequence[tuple[Path, Sequence[ScoreRow]]], palette: Palette = "published"
) -> list[Path]:
    """`stem`.png and `.svg` with the first heatmap of every run (its folder and rows) side by side, on one scale."""
    folders = [folder for folder, _ in runs]
    manifests = [read_manifest(folder) for folder in folders]
    names = [_name(manifest) for manifest in manifests]
    if len(set(names)) < len(names):
        names = [folder.resolve().name for folder in folders]  # runs of one label are told apart by their folders
    panels = [Panel(_first_grid(*run), name) for run, name in zip(runs, names, strict=True)]
    windows = {_window(manifest) for manifest in manifests}
    titles = {str(manifest.settings.get("title", "")) for manifest in manifests}
    benchmarks = dict.fromkeys(str(manifest.identity["benchmark"]) for manifest in manifests)
    return draw_side_by_side(
        stem,
        panels,
        titles.pop() if len(titles) == 1 else "Runs side by side",
        ", ".join(benchmarks),
        window=windows.pop() if len(windows) == 1 else None,
        palette=palette,
    )


def _first_grid(folder: Path, rows: Sequence[ScoreRow]) -> HeatGrid:
    grids = grids_of(rows)
    if not grids:
        raise UserError(f"{folder}: its benchmark has no lengths and depths, so there is no heatmap to compare")
    return next(iter(grids.values()))


def _name(manifest: Manifest) -> str:
    """What tells a run from the others: model and label, a RoPE setting being part of the label."""
    return f"{manifest.identity['model']} · {manifest.settings['label']}"


def _window(manifest: Manifest) -> int | None:
    value = manifest.settings.get("context_length")
    return int(value) if value is not None else None
