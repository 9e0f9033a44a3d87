"""Lengths read off a sweep, and what is said of them where documents are few."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.sweeps import LengthEstimate, SweepCell
from evalkit.sweeps._bootstrap import DRAWS, Resampled, holds_to, pays_from

from .worlds import made_points

LENGTHS = (512, 1024, 2048)
RIGHT, WRONG = [100.0] * 12, [0.0] * 12
MOST = [100.0] * 11 + [0.0]
HALF = [100.0, 0.0] * 6


def cell(length: int, ends: tuple[float, float] | None) -> SweepCell:
    return SweepCell(length, 12, 12, 0.0, None, 0.0, ends, None, None)


def test_the_means_are_those_of_the_samples_and_draws_vary_about_them() -> None:
    """Weighted means have the spread that Dirichlet weights give them: that of the values over √(G + 1)."""
    found = Resampled(made_points([[RIGHT, HALF, WRONG]]))

    assert [100.0, 50.0, 0.0] == found.means[0].tolist()
    assert (DRAWS, 1, 3) == found.draws.shape
    assert found.draws[:, 0, 1].std() == pytest.approx(50 / 13**0.5, rel=0.05)


def test_the_draws_are_the_same_each_time() -> None:
    """Seeded by the number of documents and lengths."""
    first, again = (Resampled(made_points([[HALF, MOST, RIGHT]])) for _ in range(2))

    assert np.array_equal(first.draws, again.draws)


def test_spread_draws_end_where_students_t_ends() -> None:
    """Twelve documents, half of them right: ± 2.20 standard errors."""
    found = Resampled(made_points([[HALF, HALF, HALF]]))

    low, high = np.quantile(found.spread(found.means[0], found.draws[:, 0])[:, 1], [0.025, 0.975])

    error = np.std(HALF, ddof=1) / 12**0.5
    assert (high - low) / 2 == pytest.approx(2.201 * error, rel=0.06)


def test_a_length_holds_where_it_and_all_shorter_ones_do() -> None:
    """One that falls and rises again holds to before its fall."""
    points = [[RIGHT, RIGHT, RIGHT], [RIGHT, WRONG, RIGHT], [WRONG, RIGHT, RIGHT]]
    found = Resampled(made_points(points, alike=[(1, 0)]))

    assert 2048 == holds_to(found, 0, LENGTHS, 0, 0.85).tokens
    assert LengthEstimate(512, (512, 512), False) == holds_to(found, 1, LENGTHS, 0, 0.85)
    assert holds_to(found, 2, LENGTHS, 0, 0.85).tokens is None


def test_the_longest_tested_length_is_marked_and_never_passed() -> None:
    """What holds at the longest length may hold beyond, and no interval says how far."""
    found = holds_to(Resampled(made_points([[RIGHT, RIGHT, RIGHT]])), 0, LENGTHS, 1, 0.85)

    assert (2048, True, 2048) == (found.tokens, found.is_longest, found.ci95[1])


def test_twelve_right_answers_do_not_vouch_for_85_percent() -> None:
    """0.025^(1/12) is 74%: the interval reaches below. The reference at its control keeps its own share for certain."""
    points = [[RIGHT, RIGHT, RIGHT], [RIGHT, RIGHT, WRONG]]
    own, others = (Resampled(made_points(points, alike=alike)) for alike in ([(1, 0)], []))

    assert LengthEstimate(1024, (512, 1024), False) == holds_to(own, 1, LENGTHS, 0, 0.85)
    assert LengthEstimate(1024, (None, 1024), False) == holds_to(others, 1, LENGTHS, 0, 0.85)


def test_a_reference_of_nothing_has_no_effective_length() -> None:
    """Any score is a share of 0."""
    found = Resampled(made_points([[WRONG, RIGHT, RIGHT]]))

    assert LengthEstimate(None, (None, None), False) == holds_to(found, 0, LENGTHS, 0, 0.85)


def test_under_five_documents_any_length_may_be_the_true_one() -> None:
    """Four documents say nothing, so the interval is everything that was tested."""
    found = Resampled(made_points([[RIGHT[:4], RIGHT[:4], WRONG[:4]]]))

    assert LengthEstimate(1024, (None, 2048), False) == holds_to(found, 0, LENGTHS, 0, 0.85)


def test_a_spec_pays_from_the_first_length_that_is_surely_better() -> None:
    """The reference's own answers begin nothing; of what is better but not surely, the interval tells."""
    found = Resampled(made_points([[RIGHT, HALF, WRONG], [RIGHT, MOST, RIGHT]], alike=[(1, 0)]))

    unsure = pays_from(found, 1, LENGTHS, [cell(512, (0, 0)), cell(1024, (-2, 80)), cell(2048, (70, 100))])
    sure = pays_from(found, 1, LENGTHS, [cell(512, (0, 0)), cell(1024, (2, 80)), cell(2048, (70, 100))])

    assert (2048, 1024, True) == (unsure.tokens, unsure.ci95[0], unsure.is_longest)
    assert (1024, 1024, False) == (sure.tokens, sure.ci95[0], sure.is_longest)


def test_a_spec_that_is_surely_worse_beyond_does_not_pay_before() -> None:
    """`from` means from there on."""
    found = Resampled(made_points([[HALF, HALF, HALF], [RIGHT, WRONG, WRONG]]))
    cells = [cell(512, (10, 90)), cell(1024, (-90, -10)), cell(2048, (-90, -10))]

    assert pays_from(found, 1, LENGTHS, cells).tokens is None


def test_a_spec_that_turns_as_the_first_never_pays() -> None:
    """The interval is no length too."""
    alike = [(1, place) for place in range(len(LENGTHS))]
    found = Resampled(made_points([[RIGHT, HALF, WRONG], [RIGHT, HALF, WRONG]], alike=alike))

    assert LengthEstimate(None, (None, None), False) == pays_from(
        found, 1, LENGTHS, [cell(length, (0, 0)) for length in LENGTHS]
    )


def test_two_specs_that_find_nothing_need_not_be_equal() -> None:
    """Twelve documents do not show that one finds none where the other finds none: it may pay from there."""
    found = Resampled(made_points([[RIGHT, WRONG, WRONG], [WRONG, WRONG, RIGHT]]))

    estimate = pays_from(found, 1, LENGTHS, [cell(512, (-100, -50)), cell(1024, (0, 0)), cell(2048, (50, 100))])

    assert LengthEstimate(2048, (1024, 2048), True) == estimate


def test_the_same_answers_of_four_documents_do_not_say_that_a_spec_never_pays() -> None:
    """Under five documents the interval is everything that was tested, here too."""
    found = Resampled(made_points([[RIGHT[:4], WRONG[:4], WRONG[:4]]] * 2))
    cells = [cell(length, (0, 0)) for length in LENGTHS]

    assert LengthEstimate(None, (512, None), False) == pays_from(found, 1, LENGTHS, cells)
