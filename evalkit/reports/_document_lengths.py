"""How long documents are in tokens: numbers, tables and a figure of shares in ranges of lengths."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evalkit.files import write_text
from evalkit.printable import counted
from evalkit.tables import plain_table
from evalkit.tasks import Corpus

from ._length_points import RANGES, range_of_tokens
from ._markup import csv_cell
from ._stacks import Part, Stack, StackPanel, draw_stacks, percent
from ._text_table import TextTable, check_table_file, latex_table, markdown_table
from .drawing import Texts, joined

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["CorpusLengths", "PartLengths", "draw_lengths_figure", "lengths_table", "write_lengths_table"]

TOTAL = "total"
PARTS = tuple(
    Part(name, colour, ink)
    for name, colour, ink in zip(
        RANGES,
        ("#d3e6f3", "#93c3e2", "#4d96c8", "#1c659f", "#0b365c"),
        ("#222222", "#222222", "white", "white", "white"),
        strict=True,
    )
)


@dataclass(frozen=True)
class PartLengths:
    """The lengths of the texts of one task or file."""

    name: str
    """Task or file."""
    lengths: Sequence[int]
    """Tokens of each text, at least one."""

    @property
    def n(self) -> int:
        """Texts."""
        return len(self.lengths)

    @property
    def ranges(self) -> tuple[int, ...]:
        """Texts in each of `RANGES`."""
        found = [range_of_tokens(length) for length in self.lengths]
        return tuple(found.count(index) for index in range(len(RANGES)))

    @property
    def p95(self) -> int:
        """The least length that 95% of the texts do not exceed."""
        return int(np.quantile(self.lengths, 0.95, method="inverted_cdf"))

    def to_json(self) -> dict[str, Any]:
        """The numbers as JSON."""
        return {
            "n": self.n,
            "min": min(self.lengths),
            "median": statistics.median(self.lengths),
            "mean": statistics.fmean(self.lengths),
            "p95": self.p95,
            "max": max(self.lengths),
            "ranges": dict(zip(RANGES, self.ranges, strict=True)),
        }


@dataclass(frozen=True)
class CorpusLengths:
    """The lengths of all texts of a corpus in the tokens of one tokenizer."""

    corpus: Corpus
    """What was read."""
    tokenizer: str
    """Whose tokens they are, for people."""
    parts: tuple[PartLengths, ...]
    """One for each task or file."""

    @property
    def total(self) -> PartLengths:
        """All of them together."""
        return PartLengths(TOTAL, [length for part in self.parts for length in part.lengths])

    @property
    def rows(self) -> list[PartLengths]:
        """The parts, and their total where there are several."""
        return [*self.parts, *([self.total] if len(self.parts) > 1 else [])]

    @property
    def title(self) -> str:
        """What the numbers are of."""
        return f"{self.corpus.title}: lengths of {self.corpus.noun}s in tokens of {self.tokenizer}"

    @property
    def notes(self) -> list[str]:
        """What a reader should know: which text counts, and which data is not here."""
        there, missing = len(self.parts), self.corpus.missing
        return [
            f"counted: {self.corpus.about}; K = 1,000 tokens",
            *([f"PARTIAL: {there} of {there + len(missing)}, no data for {', '.join(missing)}"] if missing else []),
            *([f"not known to be the pinned data: {', '.join(self.corpus.unknown)}"] if self.corpus.unknown else []),
        ]

    def to_json(self) -> dict[str, Any]:
        """The object of `evalkit data lengths --json`."""
        return {
            "source": self.corpus.name,
            "text": self.corpus.about,
            "tokenizer": self.tokenizer,
            "parts": {part.name: part.to_json() for part in self.parts},
            "total": self.total.to_json(),
            "missing": list(self.corpus.missing),
            "unknown_files": list(self.corpus.unknown),
        }


HEADINGS = ("task", "n", "min", "median", "mean", "p95", "max", *RANGES)


def _cells(part: PartLengths) -> list[str]:
    found = part.to_json()
    numbers = [f"{found[name]:,.0f}" for name in ("n", "min", "median", "mean", "p95", "max")]
    return [part.name, *numbers, *(percent(count, part.n) if count else "0" for count in part.ranges)]


def lengths_table(found: CorpusLengths) -> Table:
    """The table for a terminal."""
    table = plain_table(found.title)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "task" else "right")
    for part in found.rows:
        table.add_row(*_cells(part), style="bold" if part.name == TOTAL else "")
    return table


def write_lengths_table(path: Path, found: CorpusLengths) -> None:
    """The table in the form that the file's ending names; in CSV with numbers of texts in place of shares."""
    check_table_file(path)
    rows = [_cells(part) for part in found.rows]
    table = TextTable(found.title, HEADINGS, rows, 1, {len(found.parts)}, found.notes)
    writers = {".md": markdown_table, ".tex": latex_table}
    write_text(path, writers[path.suffix](table) if path.suffix in writers else _csv(found))


def _csv(found: CorpusLengths) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADINGS)
    for part in found.rows:
        numbers = part.to_json()
        ranges = numbers.pop("ranges")
        writer.writerow([csv_cell(part.name), *numbers.values(), *ranges.values()])
    return stream.getvalue()


def draw_lengths_figure(stem: Path, found: CorpusLengths) -> list[Path]:
    """Shares of texts in ranges of lengths, a bar for each part: `stem`.png and `stem`.svg, or the file it names."""
    stacks = [Stack(part.name, part.ranges, is_total=part.name == TOTAL) for part in found.rows]
    longest = found.total
    caption = joined(
        f"shares and numbers of {found.corpus.noun}s, behind each row all of them",
        f"median {statistics.median(longest.lengths):,.0f}, longest {max(longest.lengths):,} tokens",
        *found.notes,
    )
    subtitle = f"length of {counted(longest.n, found.corpus.noun)} in tokens of {found.tokenizer}"
    return draw_stacks(
        stem, [StackPanel("", stacks)], PARTS, Texts(found.corpus.title, subtitle, caption), f"{found.corpus.noun}s"
    )
