"""Reports: tables, published scores."""

from ._parts import buckets_table, part_frame, write_parts
from ._plan_table import plan_json, plan_table
from ._published import (
    PublishedScore,
    published,
    published_benchmarks,
    published_for,
    published_groups,
    published_sources,
)
from ._tables import caption, protocols_table, score_frame, terminal_table, write_tables
from .heatmaps import (
    PALETTES,
    HeatCell,
    HeatGrid,
    LengthAxis,
    Palette,
    Panel,
    combine,
    compare_heatmaps,
    draw_heatmap,
    draw_side_by_side,
    grid_of,
    grids_of,
    write_cells,
    write_figures,
    write_heatmaps,
)

__all__ = [
    "PALETTES",
    "HeatCell",
    "HeatGrid",
    "LengthAxis",
    "Palette",
    "Panel",
    "PublishedScore",
    "buckets_table",
    "caption",
    "combine",
    "compare_heatmaps",
    "draw_heatmap",
    "draw_side_by_side",
    "grid_of",
    "grids_of",
    "part_frame",
    "plan_json",
    "plan_table",
    "protocols_table",
    "published",
    "published_benchmarks",
    "published_for",
    "published_groups",
    "published_sources",
    "score_frame",
    "terminal_table",
    "write_cells",
    "write_figures",
    "write_heatmaps",
    "write_parts",
    "write_tables",
]
