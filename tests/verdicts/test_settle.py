"""What would settle a verdict is computed, or said to be beyond reach."""

from __future__ import annotations

import math
import re

import pytest

from evalkit.verdicts import Gap, Verdict, judge, rerun_gap, run_noise, settle, unpaired_gap

from .made import made_values, right


def test_samples_that_settle_do() -> None:
    """With as many as it says, and the same difference and spread, the verdict is no longer inconclusive."""
    gap = unpaired_gap(made_values(right(141, 200)), 69.95, 70.05, 200)
    said = settle(gap, 2.0, 200)

    needed = int(re.findall(r"[\d,]+", said)[0].replace(",", ""))

    assert "samples would settle it" in said
    for n, expected in ((needed, Verdict.HELD), (needed * 0.9, Verdict.INCONCLUSIVE)):
        scaled = type(gap)(gap.difference, gap.error * math.sqrt(200 / n), gap.df, gap.digits)
        assert expected is judge(scaled, 2.0).verdict


def test_runs_that_settle_do() -> None:
    """More runs of one's own leave the noise of the published one."""
    runs = [made_values(right(count, 500)) for count in (351, 354)]
    noise = run_noise(runs)
    gap = rerun_gap(runs, 69.95, 70.05, 1)
    assert Verdict.INCONCLUSIVE is judge(gap, 1.3).verdict

    said = settle(gap, 1.3, 500, noise, 1)

    needed = int(re.findall(r"[\d,]+", said)[0])
    assert needed > 2
    for count, expected in ((needed, Verdict.HELD), (needed - 1, Verdict.INCONCLUSIVE)):
        error = noise.error * math.sqrt(1 + 1 / count)
        assert expected is judge(type(gap)(gap.difference, error, gap.df, gap.digits), 1.3).verdict


def test_a_single_noisy_published_run_cannot_be_settled() -> None:
    """20 of 200 answers flip: the published run alone moves by ±3, whatever is run again."""
    runs = [made_values(right(140, 200)), made_values([*right(0, 10), *right(140, 190)])]
    noise = run_noise(runs)

    said = settle(rerun_gap(runs, 69.95, 70.05, None), 2.0, 200, noise)

    assert "cannot be settled: the noise of a single published run alone is ±" in said
    floor = float(said.split("±")[1])
    assert 1.645 * noise.expected(1000)[0] + 0.05 == pytest.approx(floor, abs=0.1)
    assert noise.expected(1000)[0] < noise.error


def test_a_third_run_settles_what_two_without_a_flip_leave_open() -> None:
    """No flip in 200 bounds three runs closer than two: nothing that more runs settle is said to be beyond them."""
    ours = made_values(right(140, 200))
    two, three = ([ours] * count for count in (2, 3))
    assert Verdict.INCONCLUSIVE is judge(rerun_gap(two, 69.95, 70.05, 1), 1.0).verdict

    said = settle(rerun_gap(two, 69.95, 70.05, 1), 1.0, 200, run_noise(two))

    assert "about 3 runs of one's own would settle it, should the difference stay" == said
    assert Verdict.HELD is judge(rerun_gap(three, 69.95, 70.05, 1), 1.0).verdict


def test_reruns_are_not_offered_where_they_cannot_settle_it() -> None:
    """Of 30 samples that never change, the published run still may be 5 points away."""
    ours = made_values(right(15, 30))
    gap = unpaired_gap(ours, 49.95, 50.05, 30)

    assert "runs of one's own will not, even if no answer changes in them" in settle(gap, 3.0, 30)
    many = judge(rerun_gap([ours] * 50, 49.95, 50.05, 1), 3.0)
    assert Verdict.INCONCLUSIVE is many.verdict


def test_a_single_published_draw_is_noisier_than_runs_of_four() -> None:
    """Four draws a sample halve the noise of our runs, and not that of the published one."""
    runs = [made_values(right(140, 200)), made_values(right(144, 200))]

    one, four = (rerun_gap(runs, 69.95, 70.05, 1, draws=draws) for draws in (1, 4))

    assert math.sqrt((4 + 1 / 2) / (1 + 1 / 2)) == pytest.approx(four.error / one.error)


def test_a_difference_at_the_margin_stays_there() -> None:
    """Neither samples nor reruns move what the printed digits hide."""
    ours = made_values(right(144, 200))

    assert "at the margin" in settle(unpaired_gap(ours, 69.5, 70.5, 200), 2.0, 200)
    assert "nearer to the margin" in settle(rerun_gap([ours, ours], 69.95, 70.05, 1), 2.0, 200, run_noise([ours, ours]))


def test_samples_that_settle_a_difference_are_more_than_there_are() -> None:
    """A least-effect test has two tails: what one tail of it would settle is not settled yet."""
    clusters = [str(place % 5) for place in range(55)]
    gap = unpaired_gap(made_values(right(0, 55), clusters), 99.95, 100.0, 55)
    assert Verdict.INCONCLUSIVE is judge(gap, 3.0).verdict

    needed = int(re.findall(r"[\d,]+", settle(gap, 3.0, 55))[0].replace(",", ""))

    assert needed > 55
    for n, expected in ((needed, Verdict.DIFFERS), (needed - 1, Verdict.INCONCLUSIVE)):
        scaled = type(gap)(gap.difference, gap.error * math.sqrt(55 / n), gap.df, gap.digits)
        assert expected is judge(scaled, 3.0).verdict


def test_a_single_document_settles_nothing() -> None:
    """In a mean with a task whose paired answers are all of one document, no number of samples is named."""
    said = settle(Gap(1.0, math.inf, math.inf, 0.05), 3.0, 200)

    assert "cannot be settled: of a single document" in said
