"""Judges: asked once for each answer, whatever happens in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.errors import UserError
from evalkit.scores import Judge, Judgements, Verdict
from evalkit.tasks import Answer

ANSWER = Answer("quiz/a/0", "doc0", "yes", ("yes",), {"length": 3}, {"question": "So?"})


class Counting:
    """A judge's model that counts what it is asked."""

    def __init__(self, score: float | None = 70.0) -> None:
        self.asked: list[Answer] = []
        self.score = score

    def __call__(self, answer: Answer) -> Verdict:
        self.asked.append(answer)
        return Verdict(self.score, "because")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "judgements.jsonl"


def test_a_verdict_is_kept_with_the_judges_words(path: Path) -> None:
    """A line that people can read, and that answers the same question again."""
    model = Counting()
    first = Judgements(path).verdict("clear", Judge(model, "v1"), ANSWER)
    again = Judgements(path).verdict("clear", Judge(model, "v1"), ANSWER)

    entry = json.loads(path.read_text())
    assert ("clear", "v1", "quiz/a/0", 70.0, "because") == tuple(
        entry[key] for key in ("metric", "version", "id", "score", "text")
    )
    assert (Verdict(70.0, "because"), first, 1) == (first, again, len(model.asked))


@pytest.mark.parametrize(
    "change",
    [
        {"prediction": "no"}, {"targets": ("no",)}, {"fields": {"question": "Sure?"}}, {"metadata": {"length": 4}},
        {"id": "quiz/a/1"},
    ],
)  # fmt: skip
def test_an_answer_that_is_another_is_judged_again(path: Path, change: dict[str, Any]) -> None:
    """A verdict holds for what the judge was shown and for nothing else."""
    model = Counting()
    for answer in (ANSWER, replace(ANSWER, **change), ANSWER):
        Judgements(path).verdict("clear", Judge(model, "v1"), answer)

    assert 2 == len(model.asked)


def test_another_version_and_another_metric_judge_anew(path: Path) -> None:
    """Each keeps its own verdicts in the same file."""
    model = Counting()
    for metric, version in [("clear", "v1"), ("clear", "v2"), ("short", "v1")] * 2:
        Judgements(path).verdict(metric, Judge(model, version), ANSWER)

    assert (3, 3) == (len(model.asked), len(path.read_text().splitlines()))


@pytest.mark.parametrize("verdict", [Verdict(101.0), Verdict(float("nan")), 50.0, None])
def test_what_is_no_verdict_is_not_kept(path: Path, verdict: Any) -> None:
    """The sample fails, and the judge is asked again the next time."""
    with pytest.raises((ValueError, TypeError)):
        Judgements(path).verdict("clear", Judge(lambda _: verdict, "v1"), ANSWER)

    assert "" == path.read_text()


def test_having_nothing_to_say_is_a_verdict(path: Path) -> None:
    """It is kept like any other."""
    model = Counting(score=None)
    for _ in range(2):
        assert Judgements(path).verdict("clear", Judge(model, "v1"), ANSWER).score is None

    assert 1 == len(model.asked)


@pytest.mark.parametrize("cut", [1, 30, -2])
def test_a_line_cut_off_costs_its_own_verdict_alone(path: Path, cut: int) -> None:
    """A killed process leaves part of a line; what comes after it is kept whole."""
    model = Counting()
    others = [replace(ANSWER, id=f"quiz/a/{number}") for number in range(3)]
    for answer in others[:2]:
        Judgements(path).verdict("clear", Judge(model, "v1"), answer)
    first, second = path.read_text().splitlines(keepends=True)
    path.write_text(first + second[:cut])

    for answer in [*others, *others]:
        Judgements(path).verdict("clear", Judge(model, "v1"), answer)

    assert ["0", "1", "1", "2"] == [answer.id[-1] for answer in model.asked]


def test_nobody_is_asked_where_the_verdict_cannot_be_kept(tmp_path: Path) -> None:
    """It would be paid for twice."""
    model = Counting()
    (tmp_path / "run").write_text("a file, not a folder")

    with pytest.raises(UserError, match=r"judgements\.jsonl: "):
        Judgements(tmp_path / "run" / "judgements.jsonl").verdict("clear", Judge(model, "v1"), ANSWER)

    assert [] == model.asked


def test_a_judge_can_be_asked_without_keeping() -> None:
    """It is a metric like any other."""
    metric: Callable[[Answer], float | None] = Judge(Counting(), "v1")

    assert 70.0 == metric(ANSWER)


def test_a_verdict_that_was_changed_since_is_asked_for_again(path: Path) -> None:
    """Its checksum tells; one of an older release, without a checksum, counts."""
    model = Counting()
    Judgements(path).verdict("clear", Judge(model, "v1"), ANSWER)
    line = path.read_text()

    path.write_text(line.replace("70.0", "30.0"))
    assert 70.0 == Judgements(path).verdict("clear", Judge(model, "v1"), ANSWER).score
    assert 2 == len(model.asked)
    path.write_text(line.partition(', "crc32"')[0].replace("70.0", "30.0") + "}\n")
    assert 30.0 == Judgements(path).verdict("clear", Judge(model, "v1"), ANSWER).score
    assert 2 == len(model.asked)
