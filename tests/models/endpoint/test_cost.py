"""What attempts cost, and that the limit holds whatever becomes of them."""

from __future__ import annotations

import pytest

from evalkit.cards import Prices
from evalkit.models.endpoint._cost import CostLimit, OutOfMoneyError, RequestCost
from evalkit.models.endpoint.protocol._meaning import RefusedError, TryAgainError, Usage, usage_of

PRICES = Prices(input=1e6, output=2e6, cached_input=0.5e6)  # 1, 2 and 0.5 a token
WORST = 10 + 2 * 4


def request(limit: float | None = None) -> tuple[CostLimit, RequestCost]:
    """A request of ten tokens for an answer of four, below a limit."""
    whole = CostLimit(PRICES, limit)
    return whole, RequestCost(whole, 10, 4)


def test_an_answer_costs_what_the_server_counted() -> None:
    """Cached tokens at their own price."""
    whole, cost = request()

    with cost.attempt() as charge:
        charge(Usage(prompt_tokens=10, output_tokens=3, cached_tokens=4))

    assert 6 + 2 + 6 == whole.spent


def test_an_answer_without_counts_costs_the_worst() -> None:
    """What the server does not tell is not taken for nothing."""
    whole, cost = request()

    with cost.attempt() as charge:
        charge(Usage())

    assert WORST == whole.spent


@pytest.mark.parametrize(
    ("error", "spent"),
    [
        (TryAgainError("null", Usage(prompt_tokens=10, output_tokens=4)), WORST),
        (RefusedError("filtered", Usage(prompt_tokens=10, output_tokens=0)), 10),
        (TryAgainError("the connection broke"), WORST),
        (TryAgainError("503", is_free=True), 0),
        (TryAgainError("503", Usage(prompt_tokens=5), is_free=True), 5),
    ],
)
def test_a_failure_costs_what_it_may_have(error: Exception, spent: float) -> None:
    """By the server's count; nothing where it says that it did nothing; the worst where it says neither."""
    whole, cost = request()

    with pytest.raises(type(error)), cost.attempt():
        raise error

    assert spent == whole.spent


def test_no_attempt_begins_that_could_pass_the_limit() -> None:
    """Attempts of one request add up like requests."""
    whole, cost = request(limit=2.5 * WORST)
    for _ in range(2):
        with pytest.raises(TryAgainError), cost.attempt():
            raise TryAgainError("the connection broke")

    with pytest.raises(OutOfMoneyError), cost.attempt():
        raise AssertionError("unreachable")

    assert 2 * WORST == whole.spent


def test_what_is_under_way_is_set_aside() -> None:
    """Two requests at once reserve both of their worst cases, and give them back."""
    whole, cost = request(limit=1.5 * WORST)
    with cost.attempt() as charge:
        with pytest.raises(OutOfMoneyError), RequestCost(whole, 10, 4).attempt():
            raise AssertionError("unreachable")
        charge(Usage(prompt_tokens=1, output_tokens=0))

    assert 1 == whole.spent


def test_a_server_that_counts_more_raises_the_estimates() -> None:
    """What it charged beyond the worst case is expected of all that is under way and to come."""
    whole, cost = request(limit=4 * WORST)
    with cost.attempt() as charge:
        charge(Usage(prompt_tokens=20, output_tokens=8))

    with cost.attempt() as charge:
        with pytest.raises(OutOfMoneyError), RequestCost(whole, 10, 4).attempt():
            raise AssertionError("unreachable")
        charge(Usage(prompt_tokens=20, output_tokens=8))

    assert 4 * WORST == whole.spent


def test_a_count_beyond_all_numbers_is_none() -> None:
    """An answer whose count no number of dollars could follow costs the worst case."""
    whole, cost = request()

    with cost.attempt() as charge:
        charge(usage_of({"usage": {"prompt_tokens": 10**400, "completion_tokens": 2**31}}))

    assert WORST == whole.spent
