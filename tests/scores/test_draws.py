"""Scores of several draws: their mean is the sample's value, and how far whole draws lie apart is told."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from evalkit.scores import BenchmarkScores, ScoreRow, TaskAnswers, own_rows, score_benchmark
from evalkit.scores._flags import AnswerFlags
from evalkit.tasks import Answer

Quiz = Callable[..., Any]
Answers = Callable[..., list[Answer]]


def drawn(answers: Answers, *draws: str, task: str = "a") -> list[Answer]:
    """Answers of several draws, `y` for a right one, `n` for a wrong one, `-` for none; sample after sample."""
    made = [answers(*("yes" if sign == "y" else "no" for sign in draw), task=task) for draw in draws]
    return [
        replace(made[draw][index], draw=draw)
        for index in range(len(draws[0]))
        for draw in range(len(draws))
        if draws[draw][index] != "-"
    ]


def scored(quiz: Quiz, **tasks: TaskAnswers) -> tuple[BenchmarkScores, list[ScoreRow]]:
    return score_benchmark(quiz(), "full", tasks, model="m")


def test_a_sample_is_worth_the_mean_of_its_draws(quiz: Quiz, answers: Answers) -> None:
    """The score is the mean over samples; n counts samples, rows are one a draw."""
    result, rows = scored(quiz, a=TaskAnswers(drawn(answers, "yyn", "ynn"), draws=2))

    task = result.tasks["a"]
    assert (50.0, 3, 0) == (task.score, task.n, task.failed)
    assert task.draws is not None
    assert ([200 / 3, 100 / 3], 2, 6, 0) == (
        pytest.approx(task.draws.scores), task.draws.per_sample, task.draws.answers, task.draws.failed
    )  # fmt: skip
    assert statistics.stdev(task.draws.scores) == task.draws.spread  # type: ignore[type-var]
    assert (min(task.draws.scores), max(task.draws.scores)) == task.draws.range  # type: ignore[type-var]
    assert [(row.id[-1], row.draw, row.score) for row in rows] == [
        ("0", 0, 100.0), ("0", 1, 100.0), ("1", 0, 100.0), ("1", 1, 0.0), ("2", 0, 0.0), ("2", 1, 0.0)
    ]  # fmt: skip


def test_one_row_a_sample_is_what_figures_are_drawn_of(quiz: Quiz, answers: Answers) -> None:
    """The mean over its draws, so that a cell counts samples."""
    result, rows = scored(quiz, a=TaskAnswers(drawn(answers, "yyn", "ynn"), draws=2))

    assert [100.0, 50.0, 0.0] == [row.score for row in own_rows(result, rows)]


def test_the_interval_is_that_of_the_means(quiz: Quiz, answers: Answers) -> None:
    """Draws of a sample are no further documents: the same draws twice change nothing."""
    signs = "yynynyynnyyynynnyy" * 3
    once, _ = scored(quiz, a=TaskAnswers(answers(*("yes" if sign == "y" else "no" for sign in signs))))
    twice, _ = scored(quiz, a=TaskAnswers(drawn(answers, signs, signs), draws=2))

    assert once.tasks["a"].ci95 is not None
    assert (once.tasks["a"].ci95, once.tasks["a"].clusters) == (twice.tasks["a"].ci95, twice.tasks["a"].clusters)
    assert twice.tasks["a"].draws is not None
    assert 0.0 == twice.tasks["a"].draws.spread


def test_missing_draws_make_a_score_partial(quiz: Quiz, answers: Answers) -> None:
    """The sample is scored on those that it has; it has failed only where it has none.

    A draw that lacks a sample has no score, because it would be one over other samples.
    """
    result, _ = scored(quiz, a=TaskAnswers(drawn(answers, "y-n", "nyn"), draws=2))

    task = result.tasks["a"]
    assert (3, 0, 5, 1, True) == (task.n, task.failed, task.answers, task.missing_draws, task.is_partial)
    assert 50.0 == task.score
    assert task.draws is not None
    assert (None, pytest.approx(100 / 3)) == (task.draws.scores[0], task.draws.scores[1])
    assert task.draws.spread is None


def test_draws_that_the_scorer_refuses_fail_alone(quiz: Quiz, answers: Answers) -> None:
    """A sample fails where all of its draws do."""
    given = drawn(answers, "yy", "yy")
    given[1] = replace(given[1], prediction="refused")
    given[2] = replace(given[2], prediction="refused")
    given[3] = replace(given[3], prediction="refused")

    task = scored(quiz, a=TaskAnswers(given, draws=2))[0].tasks["a"]

    assert task.draws is not None
    assert (1, 1, 3) == (task.n, task.failed, task.draws.failed)


def test_flags_count_answers(quiz: Quiz, answers: Answers) -> None:
    """One draw of a sample may be cut, or starved, and the other not."""
    given = drawn(answers, "y" * 10, "n" * 10)
    cut = frozenset({"quiz/a/0", "quiz/a/0 draw 1", "quiz/a/1 draw 1"})

    task = scored(quiz, a=TaskAnswers(given, draws=2, flags=AnswerFlags(cut=cut)))[0].tasks["a"]

    assert 3 == task.cut
    assert ["3 of 20 answers were cut at the generation limit"] == task.notes


def test_groups_and_overall_have_the_spread_of_whole_draws(quiz: Quiz, answers: Answers) -> None:
    """The mean over tasks of one draw is not the mean of the tasks' spreads."""
    tasks = {name: TaskAnswers(drawn(answers, "yy", "nn", task=name), draws=2) for name in ("a", "b", "c")}

    result, _ = scored(quiz, **tasks)

    assert result.overall.draws is not None
    assert [100.0, 0.0] == result.overall.draws.scores
    assert (0.0, 100.0) == result.overall.draws.range
    assert all(group.draws is not None for group in result.groups.values())


def test_one_answer_a_sample_has_no_draws(quiz: Quiz, answers: Answers) -> None:
    """As all runs before there were several."""
    result, rows = scored(quiz, a=TaskAnswers(answers("yes", "no")))

    assert (None, None, 2) == (result.tasks["a"].draws, result.overall.draws, result.tasks["a"].answers)
    assert rows == own_rows(result, rows)
