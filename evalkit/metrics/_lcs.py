"""One longest common subsequence of two token sequences: the very one that a quadratic backtrace would walk.

Summary-level ROUGE depends on which of several longest common subsequences is taken, so a length is not enough.
Both packages that publish it (`rouge` 1.0.1 and `rouge_score` 0.1.2) fill a table and walk it back from the end:
equal tokens → diagonal, else towards the strictly greater neighbour, and on a tie towards one fixed side.
Here a row of the table is one integer (Hyyrö 2004, "Bit-parallel LCS-length computation revisited"): bit j is set
where the table grows from column j − 1 to column j, and a step over unset bits is one operation.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

__all__ = ["Alignment", "Columns", "align"]


class Columns(NamedTuple):
    """The second sequence of an alignment, made ready for any number of first ones."""

    width: int
    """Its length."""
    places: Mapping[Hashable, int]
    """Per token: the bits of the positions that hold it."""

    @classmethod
    def of(cls, tokens: Sequence[Hashable]) -> Columns:
        """Columns that hold these tokens."""
        places: dict[Hashable, int] = {}
        for position, token in enumerate(tokens):
            places[token] = places.get(token, 0) | 1 << position
        return cls(len(tokens), places)


class Alignment(NamedTuple):
    """One longest common subsequence, and how long the walk to it was."""

    positions: list[int]
    """Matched positions in the columns, last first."""
    steps: int
    """Cells left before an edge of the table was reached: what a recursive walk needs as stack frames."""


def align(rows: Sequence[Hashable], columns: Columns) -> Alignment:
    """The longest common subsequence that a backtrace finds when it leaves a column on every tie."""
    places = columns.places
    numbers = [number for number, token in enumerate(rows, 1) if token in places]  # one-based, like the table
    matches = [places[rows[number - 1]] for number in numbers]
    growth = _growth(matches, columns.width)
    positions: list[int] = []
    row, column, last = len(rows), columns.width, len(numbers) - 1
    while row and column:
        # Every cell from here down to the next match or growth bit is a step to the left.
        is_matched = last >= 0 and numbers[last] == row
        match, grown = matches[last] if is_matched else 0, growth[last] if last >= 0 else 0
        column = ((match | grown) & ((1 << column) - 1)).bit_length()
        if not column:
            break
        if not is_matched:  # nothing grows in the rows from here down to the next that matches anything
            row = numbers[last]
            continue
        row, last = row - 1, last - 1
        if match >> (column - 1) & 1:
            column -= 1
            positions.append(column)
    return Alignment(positions, len(rows) - row + columns.width - column - len(positions))


def _growth(matches: Sequence[int], width: int) -> list[int]:
    """Per row that matches anything: the bits of the columns where the table of lengths grows."""
    full = (1 << width) - 1
    flat = full  # where it does not
    growth = []
    for match in matches:
        hit = flat & match
        flat = ((flat + hit) | (flat - hit)) & full
        growth.append(full ^ flat)
    return growth
