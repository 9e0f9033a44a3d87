"""Equal numbers in two columns of one table, and how often chance makes them.

A table of eight models has 28 pairs of columns, so that some equal numbers are to be expected: 8 and 8 right answers of
100 say nothing. They are counted, beside the number that chance would make, and not found fault with one by one.

Two columns of one model, as it is and with a longer window or another RoPE setting, are another matter. There are few
such pairs, people read the one against the other, and a slip that fills both columns from one run is easily made. An
equal number there is a finding where chance would make one as unlikely as it in fewer than one table of twenty.

How likely a task makes two numbers equal: 1 over the number of values between its lowest and highest number in the
table, but at least as often as it does among columns of different models, since numbers crowd in places. 0 and 100 are
no coincidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import combinations
from math import comb
from typing import NamedTuple

from ._arithmetic import parts_of_a_sample
from ._definition import definition
from ._digits import printed_unit
from ._finding import Finding, found
from ._records import MEANS, PublishedScore

__all__ = ["Coincidences", "find_coincidences"]

_RARE = 0.05
_ENDS = (0, 100)


class Coincidences(NamedTuple):
    """Equal numbers of one or several tables."""

    findings: list[Finding]
    """Those that chance seldom makes."""
    pairs: int
    """Pairs of numbers looked at."""
    unrelated: int
    """Equal numbers in columns of different models."""
    expected: float
    """How many of these chance makes, if numbers are spread evenly between a task's lowest and highest."""


class _Row(NamedTuple):
    """One task of a table."""

    related: list[tuple[PublishedScore, PublishedScore]]
    """Its pairs of numbers of one model."""
    unrelated: int
    """How many other pairs it has."""
    equal: int
    """How many of these are equal."""
    even: float
    """Chance that two numbers are equal, spread evenly."""

    @property
    def chance(self) -> float:
        """The same, but at least as often as other models' columns have it."""
        return max(self.even, self.equal / self.unrelated) if self.unrelated else self.even


def find_coincidences(scores: Iterable[PublishedScore]) -> Coincidences:
    """Equal numbers of each table."""
    tables: dict[str, dict[tuple[str, str], list[PublishedScore]]] = {}
    for score in scores:
        if score.kind not in MEANS:
            tables.setdefault(score.family, {}).setdefault((score.task, score.bucket), []).append(score)
    rows = [[_row(numbers) for numbers in table.values()] for table in tables.values()]
    every = [row for table in rows for row in table]
    return Coincidences(
        findings=[finding for table in rows for finding in _rare(table)],
        pairs=sum(len(row.related) + row.unrelated for row in every),
        unrelated=sum(row.equal for row in every),
        expected=sum(row.even * row.unrelated for row in every),
    )


def _row(numbers: Sequence[PublishedScore]) -> _Row:
    related = list(_pairs_of_one_model(numbers))
    alike = Counter(value for number in numbers if (value := Decimal(number.printed)) not in _ENDS)
    step = max(_step(number) for number in numbers)
    spread = max(number.score for number in numbers) - min(number.score for number in numbers)
    return _Row(
        related=related,
        unrelated=comb(len(numbers), 2) - len(related),
        equal=sum(comb(count, 2) for count in alike.values()) - sum(map(_is_equal, related)),
        even=1 / (spread / step + 1),
    )


def _pairs_of_one_model(numbers: Sequence[PublishedScore]) -> Iterator[tuple[PublishedScore, PublishedScore]]:
    """Pairs of columns with one model's name, or one whose name goes on where the other's ends: `x-6b`, `x-6b-32k`."""
    by_model: dict[str, list[PublishedScore]] = {}
    for number in numbers:
        by_model.setdefault(number.model, []).append(number)
    for model, own in by_model.items():
        yield from combinations(own, 2)
        words = model.split("-")
        for length in range(1, len(words)):
            for shorter in by_model.get("-".join(words[:length]), ()):
                yield from ((number, shorter) for number in own)


def _step(score: PublishedScore) -> float:
    """How far apart two numbers are at least, in points."""
    unit = float(printed_unit(score.printed, score.knobs["digits"].value))
    parts = parts_of_a_sample(definition(score.benchmark), score)
    return max(unit, 100 / (parts * score.n)) if parts and score.n else unit


def _rare(table: Sequence[_Row]) -> Iterator[Finding]:
    """The equal numbers of one model that chance seldom makes."""
    for row in table:
        as_unlikely = sum(len(other.related) * other.chance for other in table if other.chance <= row.chance)
        if as_unlikely < _RARE:
            yield from (_finding(*pair, as_unlikely) for pair in row.related if _is_equal(pair))


def _finding(one: PublishedScore, other: PublishedScore, expected: float) -> Finding:
    reason = (
        f"{other.model if other.rope == 'native' else f'{other.model} {other.rope}'} has the same number "
        f"({other.where}); chance makes one as unlikely in two columns of one model in {expected:.1%} of such tables"
    )
    return found(one, "equal_columns", reason)


def _is_equal(pair: tuple[PublishedScore, PublishedScore]) -> bool:
    one, other = (Decimal(score.printed) for score in pair)
    return one == other and one not in _ENDS
