"""Ranks: ties share the mean of their places, and the order of models changes nothing."""

from __future__ import annotations

import random

import pytest

from evalkit.reports.leaderboard._ranking import mean_rank, task_ranks


def test_the_best_score_has_rank_one() -> None:
    """Higher scores rank before lower ones."""
    assert {"a": 2.0, "b": 1.0, "c": 3.0} == task_ranks({"a": 50.0, "b": 60.0, "c": 0.0})


def test_ties_share_the_mean_of_their_places() -> None:
    """Two on the first two places have 1.5 each; three behind them 4."""
    scores = {"a": 9.0, "b": 9.0, "c": 1.0, "d": 1.0, "e": 1.0}

    assert {"a": 1.5, "b": 1.5, "c": 4.0, "d": 4.0, "e": 4.0} == task_ranks(scores)


def test_digits_that_no_table_prints_break_no_tie() -> None:
    """A run of 71 right of 172 is 41.279…, which is what a table prints as 41.28."""
    assert {"printed": 1.5, "run": 1.5, "other": 3.0} == task_ranks(
        {"printed": 41.28, "run": 100 * 71 / 172, "other": 41.27}
    )


def test_ranks_are_those_of_scipy() -> None:
    """An independent implementation gives the same ranks, however many ties there are."""
    stats = pytest.importorskip("scipy.stats")
    draw = random.Random("ranks")
    for _ in range(200):
        scores = {f"m{index}": draw.randint(0, 6) / 4 for index in range(draw.randint(1, 12))}

        expected = stats.rankdata([-score for score in scores.values()], method="average")

        assert list(expected) == list(task_ranks(scores).values())


def test_a_mean_rank_is_the_plain_mean() -> None:
    """Every task counts alike."""
    assert 2.0 == mean_rank([1.0, 1.5, 3.5])
