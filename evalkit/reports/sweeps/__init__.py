"""Tables and figures of sweeps, a model under several RoPE specs, and bars of published numbers."""

from ._figures import bars_texts, draw_sweep, sweep_bars, sweep_numbers
from ._kept import draw_sweep_bars, sweep_scores
from ._published import draw_published_bars
from ._scene import families
from ._tables import sweep_footer, sweep_table, sweep_text_tables, write_sweep_tables

__all__ = [
    "bars_texts",
    "draw_published_bars",
    "draw_sweep",
    "draw_sweep_bars",
    "families",
    "sweep_bars",
    "sweep_footer",
    "sweep_numbers",
    "sweep_scores",
    "sweep_table",
    "sweep_text_tables",
    "write_sweep_tables",
]
