"""Tables and figures of sweeps: a model under several RoPE specs."""

from ._tables import sweep_footer, sweep_table, write_sweep_tables

__all__ = ["sweep_footer", "sweep_table", "write_sweep_tables"]
