"""What printed digits say about the number behind them.

A knob `digits` reads `rounded:2` or `truncated:2` (cut off) for the decimals that the source keeps; of a mean that was
computed from numbers already rounded so, first what happened to these: `rounded:2,rounded:4`.

    printed_range("50", "rounded:2")            (49.995, 50.005): a table of two decimals that leaves zeros out
    printed_range("35.23", "truncated:2")       (35.23, 35.24)
    printed_range("50", "unknown")              (49, 51)
"""

from __future__ import annotations

import re
from decimal import Decimal

__all__ = ["UNKNOWN", "is_digits", "kept_decimals", "printed_range", "printed_unit"]

UNKNOWN = "unknown"
MOST_DECIMALS = 12  # a float of 0 to 100 has no more to tell

_STEP = re.compile(r"(rounded|truncated):([0-9]{1,2})")


def is_digits(value: str) -> bool:
    """Whether it is a value of the knob `digits`."""
    return value == UNKNOWN or all(
        (match := _STEP.fullmatch(step)) and int(match[2]) <= MOST_DECIMALS for step in value.split(",")
    )


def printed_range(printed: str, digits: str) -> tuple[float, float]:
    """Between which two values of 0 to 100 the number lay; one unit of the last digit off where `digits` is unknown.

    The offsets of several steps add up: a mean of numbers that are each off by at most h is off by at most h.
    """
    number = Decimal(printed)
    if digits == UNKNOWN:
        unit = printed_unit(printed, UNKNOWN)
        low, high = number - unit, number + unit
    else:
        low = high = number
        for way, decimals in _steps(digits):
            unit = Decimal(1).scaleb(-decimals)
            low -= unit / 2 if way == "rounded" else 0
            high += unit / 2 if way == "rounded" else unit
    return float(max(low, Decimal(0))), float(min(high, Decimal(100)))


def printed_unit(printed: str, digits: str) -> Decimal:
    """One unit of the last digit that the source keeps, in points."""
    return Decimal(1).scaleb(-kept_decimals(printed, digits))


def kept_decimals(printed: str, digits: str) -> int:
    """Decimals that the source keeps: those of its rule, which a table that leaves zeros out does not always print."""
    shown = len(printed.partition(".")[2])
    return shown if digits == UNKNOWN else max(shown, _steps(digits)[-1][1])


def _steps(digits: str) -> list[tuple[str, int]]:
    return [(way, int(decimals)) for way, decimals in _STEP.findall(digits)]
