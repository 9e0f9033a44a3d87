"""Specs × lengths as one map of colours: every score printed, and whether it differs from the first spec's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.sweeps import SpecSweep, SweepCell

from ..drawing import (
    INK,
    NO_DATA,
    SMALL,
    TINY,
    Sheet,
    colours,
    is_dark,
    length_names,
    lettered,
    lines_height,
    save,
    text_width,
)
from ._scene import Scene

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_map", "map_figure"]

# Inches.
COLUMN, LEAST_ROW, NAME_ROOM = 0.8, 0.32, 2.6
GAP, LABELS, BAR = 0.12, 0.55, 0.12
BAR_ROOM = 0.85


def draw_map(stem: Path, scene: Scene) -> list[Path]:
    """`stem`.png and `stem`.svg of all specs by length, on one scale from 0 to 100; their paths."""
    with lettered(scene.words()):
        return save(map_figure(scene), stem)


def map_figure(scene: Scene) -> Figure:
    """The figure, nothing written to disk."""
    with lettered(scene.words()) as letters:
        blank = Sheet(letters, (1, 1), scene.texts(""))
        names = [blank.wrapped(spec.spec, NAME_ROOM, SMALL) for spec in scene.specs]
        left = max(text_width(line, SMALL, letters.families) for lines in names for line in lines) / 72 + GAP
        row = max(LEAST_ROW, *(lines_height(lines, SMALL) + 0.08 for lines in names))
        width, height = COLUMN * len(scene.sweep.lengths), row * len(scene.specs)
        texts = scene.texts("score by spec and length", *_caption(scene, letters.note))
        sheet = Sheet(letters, (max(4.5, left + width + BAR_ROOM), height + LABELS), texts)
        axes = sheet.axes(left, 0, width, height)
        image = _paint(axes, scene)
        for index, lines in enumerate(names):
            sheet.write(lines, (left - GAP, (index + 0.5) * row), SMALL, va="center", ha="right")
        axes.set_xlabel(letters(scene.length_label), fontsize=SMALL.points, color=INK)
        bar = sheet.figure.colorbar(image, cax=sheet.axes(left + width + GAP, 0, BAR, height))
        bar.set_label("Score", fontsize=SMALL.points, color=INK)
        bar.ax.tick_params(labelsize=TINY.points, length=2.5, color="#999999", labelcolor=INK)
        bar.outline.set_visible(False)
        return sheet.figure


def _caption(scene: Scene, note: str) -> list[str]:
    cells = [cell for spec in scene.specs[1:] for cell in spec.cells]
    is_missing = any(len(spec.cells) < len(scene.sweep.lengths) for spec in scene.specs)
    marked = f"▲ ▼: above or below {scene.first.spec} on the same samples, beyond the 95% interval of the difference"
    return [
        scene.counts,
        marked if any(map(_sign, cells)) else "",
        "×: no data" if is_missing else "",
        f"dashed: made for {scene.window:,} tokens" if _window_place(scene) else "",
        note,
    ]


def _sign(cell: SweepCell) -> str:
    """Whether the paired interval leaves 0 on one side."""
    low, high = cell.difference_ci95 or (0.0, 0.0)
    return " ▲" if low > 0 else " ▼" if high < 0 else ""


def _window_place(scene: Scene) -> int:
    """Columns before the first length beyond L; 0 where L does not divide them."""
    inside = sum(length <= scene.window for length in scene.sweep.lengths)
    return inside if inside < len(scene.sweep.lengths) else 0


def _paint(axes: Axes, scene: Scene) -> Any:
    import numpy as np

    lengths = scene.sweep.lengths
    scores = np.array([_scores(spec, lengths) for spec in scene.specs], dtype=np.float64)
    image = axes.pcolormesh(
        np.ma.masked_invalid(scores), cmap=colours(scene.palette), vmin=0, vmax=100, edgecolors="white", linewidth=0.8
    )
    axes.set_facecolor(NO_DATA)
    axes.set_ylim(len(scene.specs), 0)
    axes.set_yticks([])
    axes.set_xticks([index + 0.5 for index in range(len(lengths))], length_names(lengths), fontsize=TINY.points)
    for row, spec in enumerate(scene.specs):
        cells = {cell.length: cell for cell in spec.cells}
        for column, length in enumerate(lengths):
            _print(axes, column, row, cells.get(length), scene)
    if place := _window_place(scene):
        axes.axvline(place, color=INK, linestyle=(0, (4, 3)), linewidth=1.2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image


def _scores(spec: SpecSweep, lengths: tuple[int, ...]) -> list[float | None]:
    by_length = {cell.length: cell.score for cell in spec.cells}
    return [by_length.get(length) for length in lengths]


def _print(axes: Axes, column: int, row: int, cell: SweepCell | None, scene: Scene) -> None:
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL.points}
    if cell is None:
        axes.text(column + 0.5, row + 0.5, "×", color="#9a9a9a", **look)
        return
    ink = "white" if is_dark(cell.score, scene.palette) else INK
    axes.text(column + 0.5, row + 0.5, f"{cell.score:.1f}{_sign(cell)}", color=ink, **look)
