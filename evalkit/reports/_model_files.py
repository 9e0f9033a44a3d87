"""Tables over models as files: CSV for programs, Markdown and LaTeX for pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from evalkit.errors import UserError
from evalkit.files import write_text

from ._markup import csv_cell, latex_cell, latex_row, markdown_line, markdown_row
from ._model_table import ModelTable, grid, number_cells

__all__ = ["check_table_file", "write_model_tables"]

Tables = Sequence[ModelTable]


def check_table_file(path: Path) -> None:
    """Raise `UserError` for a file whose ending names no kind of table, or whose folder cannot be."""
    if path.suffix not in _WRITERS:
        raise UserError(f"--table {path}: a table is written as {', '.join(_WRITERS)}; give the file one of these ends")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if path.is_dir() or not above.is_dir():
        what = "a folder" if path.is_dir() else f"{above} is a file"
        raise UserError(f"--table {path}: {what}; name a file in a folder, which is made where it is not there")


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
    return "\n".join(_markdown_table(table, intervals, transpose) for table in tables)


def _markdown_table(table: ModelTable, intervals: bool, transpose: bool) -> str:
    headings, *lines = (list(line) for line in grid(table, intervals=intervals, transpose=transpose))
    first = 1 if transpose else 2
    rule = f"| {' | '.join(['---'] * first + ['---:'] * (len(headings) - first))} |"
    notes = ["", *(f"- {markdown_line(note)}" for note in table.notes)] if table.notes else []
    rows = [markdown_row(headings), rule, *map(markdown_row, lines)]
    return "\n".join([markdown_line(table.title), "", *rows, *notes]) + "\n"


def _latex(tables: Tables, intervals: bool, transpose: bool) -> str:
    return "\n".join(_latex_table(table, intervals, transpose) for table in tables)


def _latex_table(table: ModelTable, intervals: bool, transpose: bool) -> str:
    """A floating booktabs table; a rule stands before the means."""
    headings, *lines = grid(table, intervals=intervals, transpose=transpose)
    first = 1 if transpose else 2
    tasks = len(lines) if transpose else sum(row.kind == "task" for row in table.rows)
    body = [latex_row(list(line)) for line in lines]
    caption = ". ".join([table.title, *table.notes])
    return "\n".join([
        r"\begin{table}", r"\centering", rf"\caption{{{latex_cell(caption)}}}",
        rf"\begin{{tabular}}{{{'l' * first}{'r' * (len(headings) - first)}}}", r"\toprule",
        latex_row(list(headings)), r"\midrule", *body[:tasks],
        *([r"\midrule", *body[tasks:]] if tasks < len(body) else []),
        r"\bottomrule", r"\end{tabular}", r"\end{table}", "",
    ])  # fmt: skip


_WRITERS: dict[str, Callable[[Tables, bool, bool], str]] = {".csv": _csv, ".md": _markdown, ".tex": _latex}
