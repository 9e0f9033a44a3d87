"""Leaderboards: published and own scores of a benchmark, ranked over its tasks."""

from ._board import Leaderboard, Ranked, Ranking, rank_scores
from ._files import write_leaderboard
from ._rows import BoardRow, Mean
from ._tables import board_legend, board_tables

__all__ = [
    "BoardRow",
    "Leaderboard",
    "Mean",
    "Ranked",
    "Ranking",
    "board_legend",
    "board_tables",
    "rank_scores",
    "write_leaderboard",
]
