"""Heatmaps of needle grids: cells from score rows, groups of tasks, figures, files of a run folder."""

from ._asked import asked_places, has_counts, length_label
from ._cells import window_place
from ._compare import ScoredRun, compare_heatmaps
from ._drawing import missing_cells
from ._figure import draw_heatmap
from ._files import figure_of_run, lengths_of_run, shown_run, window_of, write_figures, write_heatmaps
from ._grid import HeatCell, HeatGrid, LengthAxis, Places, combine, grid_of, grids_of, has_place, write_cells
from ._panels import Panel, draw_side_by_side
from ._pictures import Picture, Shown, pictures_of

__all__ = [
    "HeatCell",
    "HeatGrid",
    "LengthAxis",
    "Panel",
    "Picture",
    "Places",
    "ScoredRun",
    "Shown",
    "asked_places",
    "combine",
    "compare_heatmaps",
    "draw_heatmap",
    "draw_side_by_side",
    "figure_of_run",
    "grid_of",
    "grids_of",
    "has_counts",
    "has_place",
    "length_label",
    "lengths_of_run",
    "missing_cells",
    "pictures_of",
    "shown_run",
    "window_of",
    "window_place",
    "write_cells",
    "write_figures",
    "write_heatmaps",
]
