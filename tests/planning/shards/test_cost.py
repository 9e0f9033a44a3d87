"""What prompts cost: the formula against counting pair by pair, and times that were made up."""

from __future__ import annotations

import pytest

from evalkit.cards import load_card
from evalkit.planning.shards import WorkCost, fitted_cost, work_cost


def test_prefill_adds_up_over_a_cut_and_counts_pairs() -> None:
    """Token t attends to those before it; a stem and what follows cost what the whole costs."""
    cost = WorkCost(token=3.0, pair=0.5, new_token=7.0)
    counted = sum(3.0 + 0.5 * (place + 0.5) for place in range(100, 250))
    assert cost.prefill(100, 250) == pytest.approx(counted)
    assert cost.prefill(0, 100) + cost.prefill(100, 250) == pytest.approx(cost.prefill(0, 250))


def test_the_card_says_what_is_multiplied() -> None:
    """Of needle-tiny: four layers of 128 x (4 x 128 + 3 x 336), and no embedding."""
    cost = work_cost(load_card("needle-tiny"))
    assert cost.token / 2 == pytest.approx(4 * 128 * (4 * 128 + 3 * 336), rel=0.01)
    assert cost.pair == 4 * 4 * 4 * 32


def test_timed_answers_give_the_costs_back() -> None:
    true = WorkCost(2e-4, 3e-8, 9e-4)
    told = [
        (cached, tokens, new, true.prefill(cached, tokens) + true.decode(tokens, 2 * new))
        for cached, tokens, new in [(0, 500, 4), (0, 8000, 4), (400, 500, 60), (4000, 9000, 30), (0, 3000, 100)]
    ]  # fmt: skip
    fitted = fitted_cost(told, WorkCost(1.0, 0.001, 1.0))
    assert (fitted.token, fitted.pair, fitted.new_token) == pytest.approx((2e-4, 3e-8, 9e-4), rel=0.03)


def test_what_no_answer_tells_keeps_its_ratio() -> None:
    """Prompts of one length, and no answers: attention and new tokens are not told apart from the rest."""
    like = WorkCost(1.0, 0.001, 4.0)
    fitted = fitted_cost([(0, 1000, 0, 3.0), (0, 1000, 0, 3.0)], like)
    assert fitted.prefill(0, 1000) == pytest.approx(3.0, rel=0.01)
    assert fitted.new_token / fitted.token == pytest.approx(4.0, rel=0.5)
