"""Files of dialogues as tables: a question and its answer in a row, or a dialogue in a cell."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence

from evalkit.errors import DataError, shown
from evalkit.printable import counted
from evalkit.tasks.samples import Turn

from ._dialogues import dialogues_of
from ._forms import DIALOGUE, FORMS, PAIRS, Part

__all__ = ["parts_of_table"]


def parts_of_table(name: str, text: str, delimiter: str) -> Iterator[Part]:
    """The rows of a table: two columns, or a column of dialogues."""
    rows = _rows(name, text, delimiter)
    if not rows:
        raise DataError(f"{name}: empty; {FORMS}")
    place, header = rows[0]
    names = [cell.strip().lower() for cell in header]
    read = _reader(names)
    if read is None and len(header) == 2:
        read, rows = _reader(list(PAIRS[0])), [("", header), *rows]  # no header: the first row is an example
    if read is None:
        raise DataError(f"{place}: columns {shown(header)} are no question and answer, and no dialogue; {FORMS}")
    for where, row in rows[1:]:
        if len(row) != len(header):
            raise DataError(
                f"{where}: {counted(len(row), 'column')} where line 1 has {len(header)}; put commas in quotes"
            )
        yield from read(where, row)


def _reader(names: Sequence[str]) -> Callable[[str, Sequence[str]], Iterator[Part]] | None:
    """What reads a row of these columns; None where they are unknown."""
    for asks, answers in PAIRS:
        if asks in names and answers in names:
            one, other = names.index(asks), names.index(answers)
            return lambda _, row: iter([Turn(row[one], row[other])])
    for key in DIALOGUE:
        if key in names:
            column = names.index(key)
            return lambda where, row: dialogues_of(where, enumerate(row[column].splitlines(), 1), is_line=False)
    return None


def _rows(name: str, text: str, delimiter: str) -> list[tuple[str, list[str]]]:
    """The rows that hold something, each with the line that it begins at."""
    reader, rows, line = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [], 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((f"{name}:{line}", row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{name}:{line}: no CSV ({error}); put quotes around a cell with quotes or line ends") from None
    return rows
