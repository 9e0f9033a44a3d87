"""Tables over models as files: CSV for programs, Markdown and LaTeX for pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from evalkit.files import write_text

from ._markup import csv_cell
from ._model_table import ModelTable, grid, number_cells
from ._text_table import TextTable, check_table_file, latex_table, markdown_table

__all__ = ["write_model_tables"]

Tables = Sequence[ModelTable]


def write_model_tables(path: Path, tables: Tables, *, intervals: bool = False, transpose: bool = False) -> None:
    """The tables in one file, in the form that its ending names (.csv, .md, .tex), one below the other.

    In CSV, numbers are whole and each run has a column of counts; `transpose` is for people and does not change it.
    """
    check_table_file(path)
    write_text(path, _WRITERS[path.suffix](tables, intervals, transpose))


def _csv(tables: Tables, intervals: bool, transpose: bool) -> str:  # noqa: ARG001 - one row for each number
    names = ["score", "ci95_low", "ci95_high", "n", "failed"] if intervals else ["score", "n", "failed"]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for table in tables:
        heads = [heading if name == "score" else f"{heading} {name}" for heading in table.headings for name in names]
        writer.writerow(["benchmark", "kind", "name", "metric", *map(csv_cell, heads)])
        for row in table.rows:
            found = [number_cells(table, row, index) for index in range(len(table.columns))]
            cells = ["" if cell[name] is None else cell[name] for cell in found for name in names]
            writer.writerow([*map(csv_cell, (table.benchmark, row.kind, row.name, row.metric)), *cells])
    return stream.getvalue()


def _markdown(tables: Tables, intervals: bool, transpose: bool) -> str:
    return "\n".join(markdown_table(_text_table(table, intervals, transpose)) for table in tables)


def _latex(tables: Tables, intervals: bool, transpose: bool) -> str:
    return "\n".join(latex_table(_text_table(table, intervals, transpose)) for table in tables)


def _text_table(table: ModelTable, intervals: bool, transpose: bool) -> TextTable:
    """A rule stands before the means."""
    headings, *lines = grid(table, intervals=intervals, transpose=transpose)
    tasks = len(lines) if transpose else sum(row.kind == "task" for row in table.rows)
    return TextTable(table.title, headings, lines, 1 if transpose else 2, {tasks}, table.notes)


_WRITERS: dict[str, Callable[[Tables, bool, bool], str]] = {".csv": _csv, ".md": _markdown, ".tex": _latex}
