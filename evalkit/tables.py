"""How every table in the terminal looks: here, below everything, because listings must not load what reports need.

Columns hold names and numbers, which are never cut and break at blanks only, because people type them again; those
made with `overflow="fold"` hold free text and are the first to wrap.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from evalkit.printable import printable

if TYPE_CHECKING:
    from rich.table import Column, Table

__all__ = ["fit", "listing", "plain_table", "room_of", "take_literally"]

LEAST_TEXT = 10  # columns that a free text keeps, however narrow the terminal is
GAP = 2  # columns between two columns of a plain table


def plain_table(title: str | None = None) -> Table:
    """An empty table without lines, its headings bold, its title on the left; texts are printed as they are."""
    return _literal_table()(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")


@cache
def _literal_table() -> type[Table]:
    """rich's table for texts that nobody wrote for rich."""
    from rich.table import Table

    class LiteralTable(Table):
        def __rich_console__(self, *arguments: Any) -> Any:
            take_literally(self)
            return super().__rich_console__(*arguments)

        def __rich_measure__(self, *arguments: Any) -> Any:
            take_literally(self)
            return super().__rich_measure__(*arguments)

    return LiteralTable


def take_literally(table: Table) -> None:
    """Make title, headings and cells plain: no mark-up, no `:smile:`, no sign that a terminal would obey."""
    table.title = _literal(table.title)
    for column in table.columns:
        column.header = _literal(column.header)
        column._cells[:] = map(_literal, column._cells)


def _literal(cell: Any) -> Any:
    from rich.text import Text

    return Text(printable(cell)) if isinstance(cell, str) else cell


def listing(headings: Sequence[str], *, texts: Collection[str] = (), numbers: Collection[str] = ()) -> Table:
    """An empty table with these columns: those of `texts` hold free text, those of `numbers` end on the right."""
    table = plain_table()
    for heading in headings:
        is_text = heading in texts
        justify = "right" if heading in numbers else "left"
        table.add_column(heading, overflow="fold" if is_text else "ellipsis", justify=justify)  # type: ignore[arg-type]
    return table


def room_of(table: Table) -> int:
    """Terminal columns that the table needs for none of its names and numbers to be cut."""
    return sum(map(_least, table.columns)) + GAP * (len(table.columns) - 1)


def fit(table: Table, room: int) -> None:
    """Give the table's columns widths for a terminal of that many columns: free texts wrap first, then names."""
    columns = table.columns
    widths = {index: _longest(column, "\n") for index, column in enumerate(columns)}
    for is_text in (True, False):
        shrinking = [index for index, column in enumerate(columns) if _is_text(column) is is_text]
        least = {index: _least(columns[index]) for index in shrinking}
        while sum(widths.values()) + GAP * (len(columns) - 1) > room:
            wide = [index for index in shrinking if widths[index] > least[index]]
            if not wide:
                break
            widths[max(wide, key=widths.__getitem__)] -= 1
    for index, column in enumerate(columns):
        column.width = widths[index]
        column.overflow = "fold"


def _is_text(column: Column) -> bool:
    return column.overflow == "fold"


def _least(column: Column) -> int:
    """Terminal columns below which something of the column would be cut."""
    word = _longest(column, None)
    return min(word, LEAST_TEXT) if _is_text(column) else word


def _longest(column: Column, separator: str | None) -> int:
    """Terminal columns of the longest part between separators (None = blanks), the heading included."""
    from rich.cells import cell_len

    texts = map(str, _cells(column))
    return max((cell_len(part) for text in texts for part in text.split(separator)), default=0)


def _cells(column: Column) -> list[object]:
    return [column.header, *column.cells]
