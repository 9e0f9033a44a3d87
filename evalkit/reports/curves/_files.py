"""The files of a curve: its JSON, tables, figures."""

from __future__ import annotations

from pathlib import Path

from evalkit.files import json_text, write_text
from evalkit.perplexity import Curve

from .._markup import csv_text
from .._text_table import latex_table, markdown_table
from ._figures import draw_curve
from ._tables import curve_frame, curve_tables

__all__ = ["write_curve"]


def write_curve(folder: Path, curve: Curve) -> list[Path]:
    """`curve.json`, `tables/` and `figures/` of a curve; the paths of the figures."""
    write_text(folder / "curve.json", json_text(curve.to_json()))
    tables, places = curve_tables(curve), folder / "tables"
    write_text(places / "curve.csv", csv_text(curve_frame(curve)))
    write_text(places / "curve.md", "\n".join(map(markdown_table, tables)))
    write_text(places / "curve.tex", "\n".join(map(latex_table, tables)))
    return draw_curve(folder / "figures", curve)
