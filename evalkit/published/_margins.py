"""How far from a published number a score may lie and still count as the same."""

from __future__ import annotations

from decimal import Decimal

from ._digits import printed_unit

__all__ = ["rule_margin"]

_LARGE, _MIDDLE = 1000, 300  # samples


def rule_margin(kind: str, n: int | None, printed: str, digits: str) -> Decimal:
    """Points, by a rule that knows nothing of the runs it is used on.

    1 for the overall score of 1,000 samples or more; 2 for one task, group or benchmark of 300 or more; 3 below and
    where their number is not known. Never more than a tenth of the printed score, since a score of 6 that might as well
    be 3 or 9 says nothing; but at least one unit of its last digit.
    """
    if n is not None and n >= _LARGE and kind == "overall":
        widest = Decimal(1)
    else:
        widest = Decimal(2) if n is not None and n >= _MIDDLE else Decimal(3)
    return max(min(widest, Decimal(printed) / 10), printed_unit(printed, digits)).normalize()
