"""Extra metrics: beside the protocol's score, with counts of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import UserError
from evalkit.metrics import UnscorableError
from evalkit.scores import (
    BenchmarkScores,
    Judgements,
    ScoreRow,
    TaskAnswers,
    cluster_interval,
    score_benchmark,
    with_extra,
)
from evalkit.tasks import Answer, Scorer

Score = Callable[[TaskAnswers, Mapping[str, Any]], tuple[BenchmarkScores, list[ScoreRow]]]


@pytest.fixture
def score(quiz: Callable[..., Any], tmp_path: Path) -> Score:
    """Scorer of task `a` of the quiz with extra metrics."""

    def go(given: TaskAnswers, metrics: Mapping[str, Any], scorer: Scorer | None = None) -> Any:
        benchmark, tasks = quiz(scorer), {"a": given}
        scores, _ = score_benchmark(benchmark, "full", tasks, model="m")
        kept = Judgements(tmp_path / "judgements.jsonl")
        return with_extra(scores, benchmark, "full", tasks, metrics, lambda task: tasks[task].answers, kept)

    return go


def letters(answer: Answer) -> float:
    """Ten for each letter."""
    return 10.0 * len(answer.prediction)


def test_an_extra_score_is_the_mean_over_its_samples(score: Score, answers: Callable[..., list[Answer]]) -> None:
    """With the interval that the protocol's own score would have of these numbers."""
    given = answers("yes", "no", "yes", "maybe", "yes", "no", "no", "yes", "yes", "no")

    scores, rows = score(TaskAnswers(given), {"letters": letters})

    extra = scores.tasks["a"].extra["letters"]
    values = [letters(answer) for answer in given]
    assert (pytest.approx(sum(values) / 10), 10, 0, 5) == (extra.score, extra.n, extra.failed, extra.clusters)
    assert [(answer.id, "letters", value) for answer, value in zip(given, values, strict=True)] == [
        (row.id, row.metric, row.score) for row in rows
    ]
    import numpy as np

    column = np.array(values).reshape(-1, 1)
    documents = [answer.document for answer in given]
    interval = cluster_interval(column, documents, lambda means: means[0])
    assert interval is not None
    assert ((interval.low, interval.high), interval.kind) == (extra.ci95, extra.ci95_kind)


def test_nothing_else_of_the_scores_changes(score: Score, answers: Callable[..., list[Answer]]) -> None:
    """Task, groups and overall are as without."""
    given = TaskAnswers(answers("yes", "no", "refused"))

    plain, extended = score(given, {})[0].to_json(), score(given, {"letters": letters})[0].to_json()

    assert extended["tasks"]["a"].pop("extra") and plain["tasks"]["a"].pop("extra") == {}
    assert plain == extended


def test_a_sample_that_a_metric_cannot_score_fails_for_it_alone(
    score: Score, answers: Callable[..., list[Answer]]
) -> None:
    """Whatever it raises, with the first reasons told; samples without an answer count as failed as well."""

    def picky(answer: Answer) -> float:
        if answer.prediction == "no":
            raise UnscorableError("not this one")
        return {"yes": 100.0}[answer.prediction]

    scores, _ = score(TaskAnswers(answers("yes", "no", "maybe"), failed=2), {"picky": picky, "letters": letters})

    task = scores.tasks["a"]
    assert (100.0, 1, 4) == (task.extra["picky"].score, task.extra["picky"].n, task.extra["picky"].failed)
    assert ["quiz/a/1: UnscorableError: not this one", "quiz/a/2: KeyError: 'maybe'"] == task.extra["picky"].errors
    assert (3, 2) == (task.extra["letters"].n, task.extra["letters"].failed)
    assert (3, 2) == (task.n, task.failed)


@pytest.mark.parametrize("wrong", [101, -1, float("nan"), float("inf"), "much", [1]])
def test_what_is_no_score_is_a_failure(score: Score, answers: Callable[..., list[Answer]], wrong: object) -> None:
    """A score is a number from 0 to 100; anything else would spoil a mean without a word."""
    scores, rows = score(TaskAnswers(answers("yes", "no")), {"odd": lambda _: wrong})

    extra = scores.tasks["a"].extra["odd"]
    assert (None, 0, 2, []) == (extra.score, extra.n, extra.failed, rows)


def test_a_metric_may_have_nothing_to_say(score: Score, answers: Callable[..., list[Answer]]) -> None:
    """None leaves a sample out, without a failure."""
    scores, rows = score(
        TaskAnswers(answers("yes", "no")), {"some": lambda answer: 50 if answer.prediction == "no" else None}
    )

    extra = scores.tasks["a"].extra["some"]
    assert (50.0, 1, 0, 1) == (extra.score, extra.n, extra.failed, len(rows))


def test_samples_outside_the_protocol_are_not_scored(score: Any, answers: Callable[..., list[Answer]]) -> None:
    """What the protocol leaves out of every count is out of this one too."""
    scorer = Scorer("exact", lambda _: (100.0,), ("exact",), includes=lambda answer: answer.prediction == "yes")

    scores, _ = score(TaskAnswers(answers("yes", "no", "no")), {"letters": letters}, scorer)

    assert (30.0, 1) == (scores.tasks["a"].extra["letters"].score, scores.tasks["a"].extra["letters"].n)


def test_a_name_that_the_protocol_has_is_refused(score: Score, answers: Callable[..., list[Answer]]) -> None:
    """Two numbers of one name could not be told apart."""
    with pytest.raises(UserError, match="metric exact: a has one of this name under full"):
        score(TaskAnswers(answers("yes")), {"exact": letters})


def test_wrong_input_of_a_metric_stops_the_scoring(score: Score, answers: Callable[..., list[Answer]]) -> None:
    """A key that is not set is wrong for every sample: one line, not as many failures."""

    def keyless(answer: Answer) -> float:  # noqa: ARG001
        raise UserError("JUDGE_KEY is not set")

    with pytest.raises(UserError, match="JUDGE_KEY is not set"):
        score(TaskAnswers(answers("yes")), {"keyless": keyless})
