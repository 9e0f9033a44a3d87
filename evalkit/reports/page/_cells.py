"""Tables as templates write them: every number with its full value beside the digits shown, intervals drawn as bars."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from ._content import PageRun
from ._labels import Labels

__all__ = ["Bar", "Cell", "Heading", "Row", "Table", "full", "samples_route", "say"]


def say(words: Labels, key: str, **values: object) -> str:
    """A label, `{name}` in it replaced as `Page.t` does."""
    return re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], found[0])), words[key])


def full(value: float | None) -> str:
    """A number with all its digits; empty where there is none."""
    return "" if value is None else repr(value)


def samples_route(run: PageRun, index: int, **parameters: str) -> str:
    """The address of samples of the page's run of that index; empty where the page has none of them."""
    if not run.samples:
        return ""
    return f"#samples?{urlencode({'run': str(index), **parameters}, quote_via=quote)}"


@dataclass(frozen=True)
class Bar:
    """A score and its interval, drawn on the scale from 0 to 100."""

    score: float
    """0–100."""
    ci95: tuple[float, float] | None = None
    """95% interval; None where there is none."""

    @property
    def low(self) -> float:
        """Where the interval begins."""
        return _placed(self.score if self.ci95 is None else self.ci95[0])

    @property
    def width(self) -> float:
        """How long the interval is."""
        return round(_placed(self.score if self.ci95 is None else self.ci95[1]) - self.low, 3)

    @property
    def point(self) -> float:
        """Where the mark of the score begins, which is 1 wide."""
        return round(min(max(_placed(self.score) - 0.5, 0.0), 99.0), 3)


def _placed(value: float) -> float:
    return round(min(max(value, 0.0), 100.0), 3)


@dataclass(frozen=True)
class Cell:
    """One cell."""

    text: str
    """What it shows."""
    value: str = ""
    """The number in full; empty of texts, and where a number is missing."""
    route: str = ""
    """Where a click on it leads; empty = nowhere."""
    bar: Bar | None = None
    """What is drawn below the text."""
    note: str = ""
    """What stands smaller behind it."""
    kind: str = ""
    """Class of the cell: `best`, `own`, a verdict."""
    ends: tuple[float, float] | None = None
    """The interval that the text is of."""


@dataclass(frozen=True)
class Heading:
    """What stands above a column."""

    text: str
    """Its name."""
    is_number: bool = True
    """Whether its cells are numbers, which end on the right."""
    is_sorted: bool = True
    """Whether the table may be sorted by it."""
    note: str = ""
    """What else there is to be said of it."""


@dataclass(frozen=True)
class Row:
    """One row; its first cell names it."""

    cells: Sequence[Cell]
    """One for each heading."""
    kind: str = ""
    """Class of the row: `group`, `overall`, `own`."""


@dataclass(frozen=True)
class Table:
    """A table that can be sorted and filtered."""

    caption: str
    """What it shows."""
    headings: Sequence[Heading]
    """Its columns."""
    rows: Sequence[Row]
    """Rows that can be sorted."""
    ends: Sequence[Row] = field(default=())
    """Rows that stay below them: groups, the overall score."""
