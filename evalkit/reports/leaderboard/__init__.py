"""Leaderboards: published and own scores of a benchmark, ranked over its tasks."""

from ._board import Leaderboard, Ranked, Ranking, rank_scores
from ._files import write_leaderboard
from ._rows import BoardRow, Mean, published_rows
from ._tables import BoardLine, WideBoard, board_legend, board_tables, wide_board

__all__ = [
    "BoardLine",
    "BoardRow",
    "Leaderboard",
    "Mean",
    "Ranked",
    "Ranking",
    "WideBoard",
    "board_legend",
    "board_tables",
    "published_rows",
    "rank_scores",
    "wide_board",
    "write_leaderboard",
]
