"""The work of a plan in parts that engines answer side by side: what prompts cost, and where they are cut."""

from ._cost import WorkCost, fitted_cost, work_cost
from ._cut import Lengths, Piece, cut, deal
from ._parts import lengths_of, shard_of

__all__ = ["Lengths", "Piece", "WorkCost", "cut", "deal", "fitted_cost", "lengths_of", "shard_of", "work_cost"]
