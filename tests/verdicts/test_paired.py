"""Two scores on the same samples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalkit.verdicts._paired import compare_mean, compare_samples, compare_task

from .made import made_values, right


def test_documents_are_clusters_of_differences() -> None:
    """By hand: differences of document means over the root of their number."""
    ours = made_values([100, 0, 100, 100, 0, 0, 100, 100, 100, 0], clusters=list("aabbccddee"))
    theirs = made_values([0] * 10, clusters=list("aabbccddee"))

    found = compare_samples(ours, theirs)

    means = [50, 100, 0, 100, 50]
    error = math.sqrt(sum((mean - 60) ** 2 for mean in means) / 4 / 5)
    assert (60.0, 4.0) == (found.difference, found.df)
    assert pytest.approx(error) == found.se
    assert pytest.approx((60 - 2.7764451 * error, 60 + 2.7764451 * error)) == found.ci95


def test_under_five_documents_there_is_no_interval() -> None:
    """As a score has none; the p value by lot stands."""
    found = compare_samples(made_values([100, 0, 100, 100]), made_values([0, 0, 0, 100]))

    assert (None, None, None) == (found.ci95, found.se, found.smallest_detectable)
    assert found.p is not None and 0.3 < found.p < 0.7


def test_answers_that_all_differ_alike_have_no_interval() -> None:
    """Five of five say something, but no spread says how much."""
    found = compare_samples(made_values(right(6, 6)), made_values(right(0, 6)))

    assert (100.0, None) == (found.difference, found.ci95)
    assert found.p is not None and pytest.approx(2 / 2**6, abs=0.01) == found.p


def test_the_same_answers_differ_by_nothing() -> None:
    """Surely so on these samples."""
    found = compare_task(made_values(right(3, 9)), made_values(right(3, 9)))

    assert (0.0, (0.0, 0.0), 1.0, 9) == (found.difference, found.ci95, found.p, found.ties)


def test_a_score_that_is_not_right_or_wrong_has_no_mcnemar() -> None:
    """Its wins and losses count all the same."""
    found = compare_task(made_values([10, 20, 30, 40, 50]), made_values([0, 20, 40, 30, 40]))

    assert (None, 3, 1, 1) == (found.mcnemar_p, found.wins, found.losses, found.ties)


@pytest.mark.parametrize("seed", range(4))
def test_lots_and_students_t_agree_on_many_clusters(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """So that either may give the p value."""
    draw = np.random.default_rng(seed)
    both = [made_values(draw.uniform(0, 100, 300)) for _ in range(2)]

    by_lot = compare_samples(*both).p
    monkeypatch.setattr("evalkit.verdicts._paired.MOST_RESAMPLED", 10)
    by_t = compare_samples(*both).p

    assert by_lot != by_t and by_lot == pytest.approx(by_t, abs=0.02)


def test_a_mean_adds_squared_errors_over_its_tasks() -> None:
    """Samples are never pooled."""
    pairs = {
        name: (made_values(left, task=name, clusters=[f"{name}{i}" for i in range(8)]),
               made_values(other, task=name, clusters=[f"{name}{i}" for i in range(8)]))
        for name, left, other in (("a", right(5, 8), right(2, 8)), ("b", right(8, 8), [*right(4, 7), 100]))
    }  # fmt: skip
    scores = {name: compare_samples(*both) for name, both in pairs.items()}

    found = compare_mean(pairs, scores, {"a": 0.25, "b": 0.75})

    assert found is not None
    errors = [scores[name].se or 0 for name in "ab"]
    assert pytest.approx(0.25 * scores["a"].difference + 0.75 * scores["b"].difference) == found.difference
    assert pytest.approx(math.hypot(0.25 * errors[0], 0.75 * errors[1])) == found.se


def test_tasks_on_the_same_documents_move_together() -> None:
    """Their errors add as they are where the answers are the same."""
    both = (made_values(right(5, 8)), made_values(right(2, 8)))
    pairs = {"a": both, "b": both}
    scores = {name: compare_samples(*each) for name, each in pairs.items()}

    found = compare_mean(pairs, scores, {"a": 0.5, "b": 0.5})

    assert found is not None and pytest.approx(scores["a"].se) == found.se


def test_a_mean_of_a_task_that_was_not_compared_is_none() -> None:
    """A mean is never given for fewer tasks than it says."""
    both = (made_values(right(5, 8)), made_values(right(2, 8)))

    assert compare_mean({"a": both}, {"a": compare_samples(*both)}, {"a": 0.5, "b": 0.5}) is None


def test_one_large_document_widens_the_interval() -> None:
    """60 samples of one document beside 20 of one each: hardly more than one degree of freedom, not 20."""
    generator = np.random.default_rng(3)
    ours, theirs = (100.0 * (generator.random(80) < 0.5) for _ in range(2))
    unequal = ["a"] * 60 + [str(place) for place in range(20)]

    found = compare_samples(made_values(ours, unequal), made_values(theirs, unequal))

    assert found.df is not None and found.se is not None and found.ci95 is not None
    assert 1 <= found.df < 1.1
    assert found.ci95[1] - found.ci95[0] > 2 * 9 * found.se
