"""Intervals of a loss over documents, against scipy and against leaving documents out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from evalkit.perplexity import Sums, difference_of, loss_of


def documents(losses: list[float], tokens: list[int]) -> list[Sums]:
    """Documents with these losses per token."""
    return [Sums(loss * count, count) for loss, count in zip(losses, tokens, strict=True)]


def test_documents_of_one_size_have_the_interval_of_their_means() -> None:
    """Student's t, as scipy computes it."""
    losses = [3.1, 2.4, 2.9, 3.6, 2.2, 2.8]

    found = loss_of(documents(losses, [500] * 6))

    expected = stats.t.interval(0.95, 5, np.mean(losses), stats.sem(losses))
    assert found.value == pytest.approx(np.mean(losses))
    assert found.ci95 == pytest.approx(expected)


def test_documents_of_many_sizes_weigh_by_their_tokens() -> None:
    """A ratio of sums; its error by leaving out one document at a time."""
    losses, tokens = [3.1, 2.4, 2.9, 3.6, 2.2], [100, 2000, 50, 700, 900]
    given = documents(losses, tokens)

    found = loss_of(given)

    value = np.average(losses, weights=tokens)
    without = [np.average(np.delete(losses, i), weights=np.delete(tokens, i)) for i in range(5)]
    error = math.sqrt(4 / 5 * sum((value - each) ** 2 for each in without))
    assert found.value == pytest.approx(value)
    assert found.ci95 == pytest.approx((value - stats.t.ppf(0.975, 4) * error, value + stats.t.ppf(0.975, 4) * error))


def test_few_documents_have_no_interval() -> None:
    """However many windows they have."""
    assert loss_of(documents([2.0] * 4, [10**6] * 4)).ci95 is None


def test_a_difference_is_paired_by_document() -> None:
    """What documents have in common cancels."""
    losses, tokens = [1.0, 3.0, 5.0, 7.0, 9.0], [10, 20, 30, 40, 50]
    worse = documents([loss + 0.5 for loss in losses], tokens)

    found = difference_of(worse, documents(losses, tokens))

    assert found.value == pytest.approx(0.5)
    assert found.ci95 == pytest.approx((0.5, 0.5))
    with pytest.raises(ValueError, match="other tokens"):
        difference_of(worse, documents(losses, [10] * 5))


@pytest.mark.parametrize("count", [5, 12])
def test_intervals_hold_the_truth_about_as_often_as_they_say(count: int) -> None:
    """Documents that differ in loss and in size, by a factor of e."""
    draw, held, trials = np.random.default_rng(1), 0, 1500
    for _ in range(trials):
        tokens = np.exp(draw.normal(7, 0.5, count)).astype(int) + 1
        losses = draw.normal(2.5, 0.4, count)
        low, high = loss_of(documents(losses.tolist(), tokens.tolist())).ci95 or (0, 0)
        held += low <= 2.5 <= high

    assert 0.92 < held / trials < 0.98
