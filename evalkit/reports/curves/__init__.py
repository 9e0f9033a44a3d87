"""Perplexity curves: tables and figures."""

from ._files import write_curve
from ._tables import curve_caption, curve_table

__all__ = ["curve_caption", "curve_table", "write_curve"]
