"""The axes of a needle grid: lengths, depths, repeats and languages, as the user writes them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

from evalkit.errors import UserError

from .._options import expand, option_number, option_numbers
from .._spread import spread_pairs
from ._grammar import Language

__all__ = ["MOST_SAMPLES", "GridAxes", "GridCell", "read_axes"]

MOST_TOKENS = 2**24  # of a prompt: no model is made for more, and it is made in memory
MOST_SAMPLES = 1_000_000  # of a grid


class GridCell(NamedTuple):
    """One place of the grid, in one repeat."""

    length: int
    """Tokens of the prompt."""
    depth: float
    """Percent."""
    repeat: int
    """From 0."""


@dataclass(frozen=True)
class GridAxes:
    """Lengths, depths, repeats and languages of a grid."""

    lengths: tuple[int, ...]
    """Prompt tokens, ascending."""
    depths: tuple[float, ...]
    """Percent, ascending."""
    repeats: int
    """Samples of a cell and needle."""
    languages: tuple[Language, ...]
    """Languages of the grammar."""

    @property
    def size(self) -> int:
        """Cells of all repeats, however many: nothing is listed."""
        return len(self.lengths) * len(self.depths) * self.repeats

    def cells(self) -> Iterator[GridCell]:
        """All cells, repeat by repeat, those of a repeat spread: the first ones show the whole grid (`--limit`)."""
        places = spread_pairs(self.lengths, self.depths)
        for repeat, (length, depth) in itertools.product(range(self.repeats), places):
            yield GridCell(length, depth, repeat)


def read_axes(options: Mapping[str, str]) -> GridAxes:
    """The axes that the options write; `UserError` for values no grid can have."""
    repeats = option_number("repeats", options["repeats"])
    if not 1 <= repeats <= MOST_SAMPLES:
        rule = f"at most {MOST_SAMPLES:,}" if repeats else "1 or more"
        raise UserError(f"--repeats {repeats}: must be {rule}")
    return GridAxes(
        lengths=_lengths(options["lengths"]),
        depths=_depths(options["depths"]),
        repeats=repeats,
        languages=cast("tuple[Language, ...]", tuple(dict.fromkeys(expand(options["lang"])))),
    )


def _lengths(text: str) -> tuple[int, ...]:
    numbers = option_numbers("lengths", text)
    for number in numbers:
        if not 1 <= number <= MOST_TOKENS or number != int(number):
            raise UserError(f"--lengths {text}: {number:g} is not a whole number of tokens from 1 to {MOST_TOKENS:,}")
    return tuple(sorted(int(number) for number in numbers))


def _depths(text: str) -> tuple[float, ...]:
    numbers = option_numbers("depths", text)
    for number in numbers:
        if not 0 <= number <= 100:
            raise UserError(f"--depths {text}: {number:g} is outside 0 to 100 percent")
    return tuple(sorted(int(number) if number == int(number) else number for number in numbers))
