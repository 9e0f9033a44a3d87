"""The work of a plan in parts that engines answer side by side: what prompts cost, and where they are cut."""

from ._cost import WorkCost, fitted_cost, work_cost
from ._cut import Answered, Lengths, Piece, cut, deal, one_after_the_other
from ._parts import PartCosts, lengths_of, part_costs, shard_of

__all__ = [
    "Answered",
    "Lengths",
    "PartCosts",
    "Piece",
    "WorkCost",
    "cut",
    "deal",
    "fitted_cost",
    "lengths_of",
    "one_after_the_other",
    "part_costs",
    "shard_of",
    "work_cost",
]
