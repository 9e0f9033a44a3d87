"""A table of texts as Markdown and LaTeX, and where such files may be."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.errors import UserError

from ._markup import latex_cell, latex_row, markdown_line, markdown_row

__all__ = ["TABLE_ENDS", "TextTable", "check_table_file", "latex_table", "markdown_table"]

TABLE_ENDS = (".csv", ".md", ".tex")
"""Ends of the files that tables are written to."""


@dataclass(frozen=True)
class TextTable:
    """Headings and lines of one table."""

    title: str
    """What it shows."""
    headings: Sequence[str]
    """Heading of each column."""
    lines: Sequence[Sequence[str]]
    """Cells of each line."""
    names: int
    """Columns of names, which stand on the left; the others hold numbers."""
    rules: Collection[int]
    """Lines that LaTeX draws a rule before."""
    notes: Sequence[str]
    """What is said below it."""


def check_table_file(path: Path) -> None:
    """Raise `UserError` for a file whose ending names no kind of table, or whose folder cannot be."""
    if path.suffix not in TABLE_ENDS:
        raise UserError(
            f"--table {path}: a table is written as {', '.join(TABLE_ENDS)}; give the file one of these ends"
        )
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if path.is_dir() or not above.is_dir():
        what = "a folder" if path.is_dir() else f"{above} is a file"
        raise UserError(f"--table {path}: {what}; name a file in a folder, which is made where it is not there")


def markdown_table(table: TextTable) -> str:
    """The table as Markdown, its notes as a list below."""
    rule = f"| {' | '.join(['---'] * table.names + ['---:'] * (len(table.headings) - table.names))} |"
    notes = ["", *(f"- {markdown_line(note)}" for note in table.notes)] if table.notes else []
    rows = [markdown_row(list(table.headings)), rule, *(markdown_row(list(line)) for line in table.lines)]
    return "\n".join([markdown_line(table.title), "", *rows, *notes]) + "\n"


def latex_table(table: TextTable) -> str:
    """A floating booktabs table; its notes stand in the caption."""
    body: list[str] = []
    for index, line in enumerate(table.lines):
        body += [r"\midrule"] if index in table.rules else []
        body.append(latex_row(list(line)))
    caption = ". ".join([table.title, *table.notes])
    columns = "l" * table.names + "r" * (len(table.headings) - table.names)
    return "\n".join([
        r"\begin{table}", r"\centering", rf"\caption{{{latex_cell(caption)}}}",
        rf"\begin{{tabular}}{{{columns}}}", r"\toprule",
        latex_row(list(table.headings)), r"\midrule", *body,
        r"\bottomrule", r"\end{tabular}", r"\end{table}", "",
    ])  # fmt: skip
