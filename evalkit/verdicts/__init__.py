"""Verdicts: two runs on the same samples, and whether a published number holds."""

from ._rule import Gap, Judged, Verdict, holm, judge
from ._sides import Side, read_side

__all__ = ["Gap", "Judged", "Side", "Verdict", "holm", "judge", "read_side"]
