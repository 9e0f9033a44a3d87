"""Heatmaps of needle grids: depth downward, length across, 0 to 100.

After the figure of the Index-1.9B-32K report (OpenCompass, `summarizers/needlebench.py`): its colour map, and the line
of column means with their values, drawn on the same 0–100 scale as the colour bar beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.errors import UserError

from ._cells import GREY, INK, MOST_FLAT_LABELS, Palette, Style, paint, window_place
from ._grid import HeatGrid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Panel", "draw_heatmap", "draw_side_by_side"]

DOTS_PER_INCH = 200
PANELS_PER_ROW = 3
DEPTH_TOLERANCE = 5.0  # points: half of what lies between two rows of the shipped grid


class Panel(NamedTuple):
    """One grid of a figure that shows several."""

    grid: HeatGrid
    """Its cells."""
    title: str
    """Title above the panel."""


def draw_heatmap(
    stem: Path,
    grid: HeatGrid,
    title: str,
    subtitle: str = "",
    *,
    window: int | None = None,
    palette: Palette = "published",
) -> list[Path]:
    """`stem`.png and `stem`.svg of one grid; their paths. `window` = the tokens the model was made for, marked."""
    columns, rows = len(grid.lengths), len(grid.depths)
    size = (min(12.0, max(5.5, 2.2 + 0.9 * columns)), min(7.5, max(3.6, 1.4 + 0.42 * rows)))
    figure = _figure(size)
    axes = figure.add_subplot()
    style = Style(palette, 9.0, 2, window)
    image = paint(axes, grid, style)
    _label_axes(axes)
    above = 20 if window_place(grid, window) else 9  # points; the name of the window line stands between
    _note(axes, title, (0, 1), above + 14, fontsize=13, fontweight="bold", color=INK, va="bottom")
    _note(axes, subtitle, (0, 1), above, fontsize=9, color=GREY, va="bottom")
    _colour_bar(figure, image, [axes], pad=0.02, fraction=0.05, aspect=30)
    is_upright = columns > MOST_FLAT_LABELS
    _note(axes, _caption([grid], window), (0, 0), -66 if is_upright else -46, fontsize=8, color=GREY, va="top")
    return _save(figure, stem)


def draw_side_by_side(
    stem: Path,
    panels: Sequence[Panel],
    title: str,
    subtitle: str = "",
    *,
    window: int | None = None,
    palette: Palette = "published",
) -> list[Path]:
    """`stem`.png and `stem`.svg of several grids on one colour scale; their paths."""
    across = min(PANELS_PER_ROW, len(panels))
    down = -(-len(panels) // across)
    figure = _figure((4.1 * across + 0.8, 3.3 * down + 1.2))
    height = figure.get_figheight()
    places: list[Axes] = list(figure.subplots(down, across, squeeze=False).flat)
    figure.subplots_adjust(left=0.06, right=0.9, top=1 - 1.0 / height, bottom=0.75 / height, hspace=0.32, wspace=0.16)
    style = Style(palette, 7.5, 0, window)
    for axes, panel in zip(places, panels, strict=False):
        image = paint(axes, panel.grid, style)
        axes.set_title(panel.title, loc="left", fontsize=10, fontweight="bold", color=INK)
        axes.set_title(_mean_text(panel.grid), loc="right", fontsize=9, color=GREY)
    for axes in places[::across]:
        axes.set_ylabel("Depth (%)", fontsize=9, color=INK)
    for axes in places[max(0, len(panels) - across) : len(panels)]:
        axes.set_xlabel("Prompt length (tokens)", fontsize=9, color=INK)
    for axes in places[len(panels) :]:
        axes.set_visible(False)
    _colour_bar(figure, image, places, pad=0.015, fraction=0.02, aspect=40)
    _note(places[0], title, (0, 1), 44, fontsize=13, fontweight="bold", color=INK, va="bottom")
    _note(places[0], subtitle, (0, 1), 30, fontsize=9, color=GREY, va="bottom")
    caption = _caption([panel.grid for panel in panels], window)
    _note(places[across * (down - 1)], caption, (0, 0), -42, fontsize=8, color=GREY, va="top")
    return _save(figure, stem)


def _figure(size: tuple[float, float]) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=DOTS_PER_INCH)  # not pyplot: no global state, no display


def _label_axes(axes: Axes) -> None:
    axes.set_xlabel("Prompt length (tokens)", fontsize=10, color=INK)
    axes.set_ylabel("Depth of the needle (%)", fontsize=10, color=INK)


def _mean_text(grid: HeatGrid) -> str:
    return "no data" if grid.mean is None else f"mean {grid.mean:.1f}"


def _colour_bar(figure: Figure, image: Any, axes: list[Axes], **sizes: Any) -> None:
    bar = figure.colorbar(image, ax=axes, **sizes)
    bar.set_label("Score of a cell; mean over depths (line)", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8.5, length=2.5, color="#999999", labelcolor=INK)
    for spine in bar.ax.spines.values():
        spine.set_visible(False)


def _note(axes: Axes, text: str, corner: tuple[float, float], points: float, **look: Any) -> None:
    """Text at a corner of the axes, moved up by that many points: distances then hold at every figure size."""
    axes.annotate(text, corner, xycoords="axes fraction", xytext=(0, points), textcoords="offset points", **look)


def _caption(grids: Sequence[HeatGrid], window: int | None) -> str:
    """Counts below the figure: samples per cell, cells whose needle was cut, cells without data."""
    cells = [cell for grid in grids for cell in grid.all_cells()]
    parts = [f"Mean of the column means {grids[0].mean:.2f}"] if len(grids) == 1 and grids[0].mean is not None else []
    counts = sorted({cell.n for cell in cells if cell.n})
    if counts:
        number = f"{counts[0]} to {counts[-1]} samples" if len(counts) > 1 else _counted(counts[0], "sample")
        parts.append(f"{number} per cell")
    if cut := sum(cell.cut > 0 for cell in cells):
        parts.append(f"hatched: truncation removed the needle ({_counted(cut, 'cell')})")
    if (gap := max((cell.depth_gap for cell in cells), default=0.0)) > DEPTH_TOLERANCE:
        parts.append(f"needles stand up to {gap:.0f} points from the depth asked for")
    if empty := sum(cell.n == 0 for cell in cells):
        parts.append(f"×: no data ({_counted(empty, 'cell')})")
    if len(grids) > 1 and any(window_place(grid, window) for grid in grids):
        parts.append(f"dashed: made for {window:,} tokens")
    return " · ".join(parts)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _save(figure: Figure, stem: Path) -> list[Path]:
    """PNG and SVG, the same bytes for the same grid."""
    import matplotlib

    salt = f"evalkit {stem.name}"  # never a bare name: matplotlib reads `none` as None, and ids would be random
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "svg")]
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context({"svg.hashsalt": salt, "svg.fonttype": "none", "hatch.linewidth": 0.7}):
            for path, stamp in zip(paths, ({"Software": None}, {"Date": None}), strict=True):
                figure.savefig(path, bbox_inches="tight", pad_inches=0.12, facecolor="white", metadata=stamp)
    except OSError as error:
        raise UserError(f"{stem.parent}: figures cannot be written ({error.strerror}); choose another --out") from error
    return paths
