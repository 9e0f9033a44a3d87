"""Heatmaps of needle grids: cells from score rows, groups of tasks, figures, files of a run folder."""

from ._cells import PALETTES, Palette
from ._figure import Panel, draw_heatmap, draw_side_by_side
from ._files import compare_heatmaps, write_figures, write_heatmaps
from ._grid import HeatCell, HeatGrid, LengthAxis, combine, grid_of, grids_of, write_cells

__all__ = [
    "PALETTES",
    "HeatCell",
    "HeatGrid",
    "LengthAxis",
    "Palette",
    "Panel",
    "combine",
    "compare_heatmaps",
    "draw_heatmap",
    "draw_side_by_side",
    "grid_of",
    "grids_of",
    "write_cells",
    "write_figures",
    "write_heatmaps",
]
