"""The figures of a run folder: a heatmap and its cells for every task that has lengths and depths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.errors import UnknownNameError, UserError
from evalkit.runs import Manifest, read_manifest
from evalkit.scores import BenchmarkScores, ScoreRow
from evalkit.tasks import BenchmarkSpec, load_spec

from .._names import shown_model
from ..drawing import Palette
from ._asked import length_label
from ._figure import draw_heatmap, heatmap_figure
from ._grid import LengthAxis, write_cells
from ._pictures import Shown, pictures_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_of_run", "lengths_of_run", "shown_run", "window_of", "write_figures", "write_heatmaps"]


def write_figures(
    folder: Path,
    scores: BenchmarkScores,
    rows: Sequence[ScoreRow],
    spec: BenchmarkSpec,
    palette: Palette = "published",
    axis: LengthAxis = "nominal",
    *,
    run: Path | None = None,
) -> list[Path]:
    """`figures/NAME.png` and `.svg` with `tables/NAME-cells.csv` of each task, its languages, and groups of tasks.

    Their paths; none where the benchmark has no lengths and depths. Other axes than the nominal one are in the names.
    `run` is the run's folder where the figures go to another one.
    """
    manifest = read_manifest(run or folder)
    shown = shown_run(manifest, scores, rows, spec)
    return write_heatmaps(folder, shown, window=window_of(manifest), palette=palette, axis=axis)


def write_heatmaps(
    folder: Path,
    shown: Shown,
    *,
    window: int | None = None,
    palette: Palette = "published",
    axis: LengthAxis = "nominal",
) -> list[Path]:
    """As `write_figures`, for scores of any origin; `window` is the model's context in tokens."""
    paths: list[Path] = []
    title = shown_model(shown.scores.model, shown.scores.model_title)
    for name, picture in pictures_of(shown, axis).items():
        file = name if axis == "nominal" else f"{name}-{axis}-{shown.unit}"
        cells = folder / "tables" / f"{file}-cells.csv"
        write_cells(cells, picture.grid)
        paths += [
            cells,
            *draw_heatmap(
                folder / "figures" / file,
                picture.grid,
                title,
                f"{shown.spec.title} · {picture.label} · protocol {shown.scores.protocol}",
                lengths=shown.label(axis),
                partial=picture.partial,
                window=window,
                palette=palette,
            ),
        ]
    return paths


def figure_of_run(
    folder: Path,
    scores: BenchmarkScores,
    rows: Sequence[ScoreRow],
    name: str | None = None,
    palette: Palette = "published",
    axis: LengthAxis = "nominal",
) -> Figure:
    """One heatmap of a run as an object.

    `name` is the task or group; None = the first group that was run, else the first task.
    `UserError` where the benchmark has no lengths and depths, or no such task or group was run.
    """
    manifest = read_manifest(folder)
    spec = load_spec(str(manifest.settings["benchmark"]))
    shown = shown_run(manifest, scores, rows, spec)
    pictures = pictures_of(shown, axis)
    if not pictures:
        raise UserError(f"{spec.name}: has no lengths and depths, so there is no heatmap to draw")
    if name is not None and name not in pictures:
        raise UnknownNameError(f"task or group of {spec.name}", name, pictures)
    picture = pictures[name or next((group for group in spec.groups if group in pictures), next(iter(pictures)))]
    return heatmap_figure(
        picture.grid,
        shown_model(scores.model, scores.model_title),
        f"{spec.title} · {picture.label} · protocol {scores.protocol}",
        lengths=shown.label(axis),
        partial=picture.partial,
        window=window_of(manifest),
        palette=palette,
    )


def shown_run(manifest: Manifest, scores: BenchmarkScores, rows: Sequence[ScoreRow], spec: BenchmarkSpec) -> Shown:
    """What a run folder's pictures are made of."""
    options = manifest.settings.get("options") or {}
    return Shown(scores, rows, spec, options, str(manifest.settings.get("unit", "tokens")))


def lengths_of_run(folder: Path) -> str:
    """What the nominal lengths of a run count, for people."""
    manifest = read_manifest(folder)
    options = manifest.settings.get("options") or {}
    return length_label(load_spec(str(manifest.settings["benchmark"])), "nominal", options)


def window_of(manifest: Manifest) -> int | None:
    """The tokens that the run's model was made for."""
    value = manifest.settings.get("context_length")
    return int(value) if value is not None else None
