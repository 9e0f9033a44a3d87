"""Texts inside CSV, Markdown and LaTeX: names of others are cells there, never formulas, mark-up or commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evalkit.printable import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["csv_cell", "csv_text", "latex_cell", "latex_row", "markdown_line", "markdown_row"]

# Spreadsheets begin a formula with any of these, whatever the quotes (OWASP), or may take it for one of them.
FORMULA = tuple("=+-@\t\r＝＋－＠﹦﹢﹣﹫")
# Where lists are written with semicolons (most of Europe), a spreadsheet begins a cell behind each of them.
AFTER_SEMICOLON = re.compile(rf"(;\s*)(?=[{re.escape(''.join(FORMULA))}])")

BLOCKS = re.compile(r"(?P<sign>[#+\-=~:])|(?P<number>\d+)(?P<end>[.)])")  # at the beginning of a line
INLINE = re.compile(
    r"[\\`*\[\]|~^]"  # escapes, code, emphasis, links, cells, strikes
    r"|\$(?=.*\$)|(?<=\$)\$"  # formulas stand between two
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # emphasis; inside a word it is none
    r"|:(?=//)|(?<=\S)@(?=\S)|(?<=www)\."  # what GitHub makes a link by itself
)
ENTITIES = re.compile(r"&(?=#?\w+;)|[<>]")

LATEX = str.maketrans(
    {sign: rf"\{sign}" for sign in "_%&#${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "–": "--", "…": r"\dots{}", "`": r"\textasciigrave{}"}
    | {"·": r"$\cdot$", "×": r"$\times$", "≥": r"$\geq$", "≤": r"$\leq$", "→": r"$\to$", "−": "$-$"}
)
"""What LaTeX would misread, or print as another sign in its default font encoding."""


def csv_text(frame: pd.DataFrame) -> str:
    """The frame as CSV whose texts no spreadsheet computes; numbers stay numbers, negative ones too."""
    columns = {name: frame[name].map(csv_cell) for name in frame.columns if frame[name].dtype.kind not in "iufb"}
    safe = frame.assign(**columns).rename(columns=csv_cell)
    text: str = safe.to_csv(index=False, lineterminator="\n")
    return text


def csv_cell(value: object) -> object:
    """A text with an apostrophe before what would make it a formula; everything else as it is."""
    if not isinstance(value, str):
        return value
    text = AFTER_SEMICOLON.sub(r"\1'", printable(value))
    return f"'{text}" if text.lstrip().startswith(FORMULA) or value.startswith(FORMULA) else text


def markdown_line(text: str) -> str:
    """The text as a paragraph of one line."""
    inline = _markdown(text)
    return BLOCKS.sub(_unblocked, inline, count=1) if BLOCKS.match(inline) else inline


def markdown_row(cells: list[str], *, bold: int = 0) -> str:
    """A line of a table; the first `bold` cells are bold."""
    shown = [
        f"**{_markdown(cell)}**" if index < bold and cell.strip() else _markdown(cell)
        for index, cell in enumerate(cells)
    ]
    return f"| {' | '.join(shown)} |"


def _markdown(text: str) -> str:
    escaped = INLINE.sub(lambda found: f"\\{found[0]}", printable(text).strip())
    return ENTITIES.sub(lambda found: {"<": "&lt;", ">": "&gt;", "&": "&amp;"}[found[0]], escaped)


def _unblocked(found: re.Match[str]) -> str:
    return f"\\{found['sign']}" if found["sign"] else f"{found['number']}\\{found['end']}"


def latex_cell(text: str) -> str:
    """The text as LaTeX prints it."""
    return printable(text).translate(LATEX)


def latex_row(cells: list[str]) -> str:
    """A line of a tabular. A bracket or star at its beginning would belong to the `\\\\` or rule before it."""
    row = " & ".join(map(latex_cell, cells))
    return (f"{{}}{row}" if row.startswith(("[", "*")) else row) + r" \\"
