"""How every table in the terminal looks: here, below everything, because listings must not load what reports need."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["plain_table"]


def plain_table(title: str | None = None) -> Table:
    """An empty table without lines, its headings bold, its title on the left."""
    from rich.table import Table

    return Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
