"""What every figure of heatmaps has: texts at measured places, a colour bar, counts below, files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.files import cannot_write, replace_bytes
from evalkit.printable import counted

from ._cells import INK, window_place
from ._grid import HeatGrid
from ._lettering import SEPARATOR, Lettering, lettering

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BETWEEN_LINES",
    "caption_of",
    "colour_bar",
    "lettered",
    "missing_cells",
    "new_figure",
    "note",
    "save",
]

DOTS_PER_INCH = 200
BETWEEN_LINES = 1.25  # of the font size, from line to line
DEPTH_TOLERANCE = 5.0  # points: half of what lies between two rows of the shipped grid
FILE_KINDS = (".png", ".svg", ".pdf")
STAMPS = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
"""What would make the same grid another file."""


@contextmanager
def lettered(texts: Iterable[str]) -> Iterator[Lettering]:
    """Everything drawn and saved inside is written in fonts that have these texts' characters."""
    import matplotlib

    letters = lettering(texts)
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)  # it warns of families without a bold face, which is no news to anybody
    try:
        with matplotlib.rc_context():
            matplotlib.rcdefaults()  # a `matplotlibrc` of the working folder, or the user's, would draw another figure
            matplotlib.rcParams.update({"font.family": list(letters.families), "text.parse_math": False})
            yield letters
    finally:
        log.setLevel(level)


def new_figure(size: tuple[float, float]) -> Figure:
    """An empty figure of that many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=DOTS_PER_INCH)  # not pyplot: no global state, no display


def note(axes: Axes, text: str, corner: tuple[float, float], points: float, **look: Any) -> None:
    """Text at a corner of the axes, moved up by that many points: distances then hold at every figure size."""
    look = {"linespacing": BETWEEN_LINES, **look}
    axes.annotate(text, corner, xycoords="axes fraction", xytext=(0, points), textcoords="offset points", **look)


def colour_bar(figure: Figure, image: Any, **where: Any) -> None:
    """The scale of cells and means."""
    bar = figure.colorbar(image, **where)
    bar.set_label("Score of a cell; mean over depths (line)", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8.5, length=2.5, color="#999999", labelcolor=INK)
    for spine in bar.ax.spines.values():
        spine.set_visible(False)


def missing_cells(grid: HeatGrid) -> str:
    """That a grid is not whole, and how much of it there is; empty for a whole one."""
    cells = grid.all_cells()
    return (
        "" if grid.is_whole else f"PARTIAL: {sum(cell.score is not None for cell in cells):,} of {len(cells):,} cells"
    )


def caption_of(grids: Sequence[HeatGrid], window: int | None, partial: str, letters: Lettering) -> str:
    """Counts below the figure: samples per cell, cells whose needle was cut, cells without data."""
    cells = [cell for grid in grids for cell in grid.all_cells()]
    parts = [_mean(grids[0], partial)] if len(grids) == 1 else []
    counts = sorted({cell.n for cell in cells if cell.n})
    if counts:
        number = f"{counts[0]} to {counts[-1]} samples" if len(counts) > 1 else counted(counts[0], "sample")
        parts.append(f"{number} per cell")
    if cut := sum(cell.cut > 0 for cell in cells):
        parts.append(f"hatched: truncation removed the needle ({counted(cut, 'cell')})")
    if (gap := max((cell.depth_gap for cell in cells), default=0.0)) > DEPTH_TOLERANCE:
        parts.append(f"needles stand up to {gap:.0f} points from the depth asked for")
    if empty := sum(cell.n == 0 for cell in cells):
        parts.append(f"×: no data ({counted(empty, 'cell')})")
    if len(grids) > 1 and any(window_place(grid, window) for grid in grids):
        parts.append(f"dashed: made for {window:,} tokens")
    return SEPARATOR.join(filter(None, [*parts, letters.note]))


def _mean(grid: HeatGrid, partial: str) -> str:
    """The mean of the column means, or why there is none."""
    if grid.mean is None:
        return ""
    if grid.is_whole:
        return f"Mean of the column means {grid.mean:.2f}" + (" (PARTIAL)" if partial else "")
    broken = sum(grid.whole_mean(length) is None for length in grid.lengths)
    return f"No mean of the column means: {broken} of {counted(len(grid.lengths), 'column')} not whole"


def save(figure: Figure, stem: Path) -> list[Path]:
    """PNG and SVG, or the one file that `stem` names by its suffix; the same bytes for the same grid."""
    import matplotlib

    salt = f"evalkit {stem.name}"  # never a bare name: matplotlib reads `none` as None, and ids would be random
    is_file = stem.suffix.lower() in FILE_KINDS
    paths = [stem] if is_file else [stem.with_name(f"{stem.name}{kind}") for kind in (".png", ".svg")]
    with matplotlib.rc_context({"svg.hashsalt": salt, "svg.fonttype": "none", "hatch.linewidth": 0.7}):
        for path in paths:
            kind, image = path.suffix.lower(), BytesIO()
            stamp: dict[str, Any] = STAMPS[kind]
            figure.savefig(
                image, format=kind[1:], bbox_inches="tight", pad_inches=0.12, facecolor="white", metadata=stamp
            )
            try:
                replace_bytes(path, image.getvalue())  # whole or not there, whoever draws the same figure meanwhile
            except OSError as error:
                raise cannot_write(stem.parent, error, "figures cannot be written") from error
    return paths
