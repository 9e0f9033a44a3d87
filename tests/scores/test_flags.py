"""What is said of answers beside their scores: cut at the limit, lost to thoughts, to a part of their prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evalkit.runs import Manifest, SampleRecord
from evalkit.scores import TaskAnswers, score_benchmark
from evalkit.scores._flags import AnswerFlags, ceilings_of, decoding_label, flags_of
from evalkit.tasks import Answer

Quiz = Callable[..., Any]
Answers = Callable[..., list[Answer]]


def record(**fields: Any) -> SampleRecord:
    """A record of an answer."""
    values = {
        "id": "quiz/a/0", "step": 0, "attempt": 1, "prompt_sha256": "", "ledger": None, "text": "yes",
        "output_tokens": 1, "finish_reason": "stop", "seconds": 0.0, "cached_tokens": None, "error": None,
        "rope": "native", "preview": "",
    }  # fmt: skip
    return SampleRecord.model_validate(values | fields)


def ids(*numbers: int) -> frozenset[str]:
    """Ids of answers of the quiz."""
    return frozenset(f"quiz/a/{number}" for number in numbers)


def task(quiz: Quiz, answers: Answers, texts: list[str], flags: AnswerFlags | None) -> Any:
    """The score of a task whose answers have those flags."""
    return score_benchmark(quiz(), "full", {"a": TaskAnswers(answers(*texts), flags=flags)}, model="m")[0].tasks["a"]


def test_outputs_made_elsewhere_have_no_counts(quiz: Quiz, answers: Answers) -> None:
    """Null is not zero."""
    score = task(quiz, answers, ["yes"] * 3, None)

    assert (None, None, []) == (score.cut, score.lost_to_reasoning, score.notes)


@pytest.mark.parametrize(("cut", "is_said"), [(0, False), (1, False), (2, True), (20, True)])
def test_more_than_a_twentieth_cut_is_a_note(quiz: Quiz, answers: Answers, cut: int, is_said: bool) -> None:
    """One long answer is no news; the score stays what it is."""
    score = task(quiz, answers, ["yes"] * 20, AnswerFlags(cut=ids(*range(cut))))

    assert (100.0, cut) == (score.score, score.cut)
    assert [f"{cut} of 20 answers were cut at the generation limit"] * is_said == score.notes


def test_only_scored_answers_are_counted(quiz: Quiz, answers: Answers) -> None:
    """What the scorer refuses is failed, not cut."""
    score = task(quiz, answers, ["yes", "refused"], AnswerFlags(cut=ids(0, 1)))

    assert (1, 1) == (score.n, score.cut)


def test_empty_answers_are_told_apart_by_what_took_their_tokens(quiz: Quiz, answers: Answers) -> None:
    """Thoughts and refusals each have their line, however few; above 1% starved, what to do."""
    flags = AnswerFlags(reasoned_away=ids(0), refused=ids(1, 2))

    score = task(quiz, answers, ["", "", "", *["yes"] * 37], flags)

    assert (3, 1) == (score.empty, score.lost_to_reasoning)
    assert [
        "1 of 40 answers are empty because reasoning took all tokens; raise --max-reasoning-tokens, or switch thinking "
        "off (--chat-arg, or a profile of the card)",
        "2 of 40 answers are empty because the model refused",
    ] == score.notes


def test_answers_at_a_ceiling_that_showed_later_are_named(quiz: Quiz, answers: Answers) -> None:
    """A sample answered by an earlier call, of whose prompt no more was read than of those that failed for it."""
    failed = record(
        id="quiz/a/1", text=None, error="the server read 2050 tokens of a prompt of 9000", prompt_tokens=2050
    )
    earlier = {"quiz/a/0": record(prompt_tokens=2050), "quiz/a/2": record(id="quiz/a/2", prompt_tokens=900)}

    flags = flags_of(earlier, ceilings_of([failed, *earlier.values()]))

    assert ids(0) == flags.doubtful
    assert "1 of 3 answers may be to a part of their prompt" in task(quiz, answers, ["yes"] * 3, flags).notes[0]


def test_flags_come_from_the_records() -> None:
    """`finish_reason` and `lost_to` of each sample's last step."""
    last = {
        "quiz/a/0": record(finish_reason="length"),
        "quiz/a/1": record(lost_to="reasoning", finish_reason="length", text=""),
        "quiz/a/2": record(lost_to="refusal", text=""),
        "quiz/a/3": record(),
    }

    flags = flags_of(last, frozenset())

    assert (ids(0, 1), ids(1), ids(2)) == (flags.cut, flags.reasoned_away, flags.refused)


@pytest.mark.parametrize(
    ("environment", "label"),
    [
        ({}, []),
        ({"engine": None}, []),
        ({"engine": {"dtype": "float32"}}, []),
        ({"engine": {"decoding": "greedy"}}, []),
        ({"engine": {"decoding": "server's default (temperature refused)"}}, ["not-greedy"]),
    ],
)
def test_a_label_says_where_decoding_was_not_greedy(environment: dict[str, Any], label: list[str]) -> None:
    """Runs of before that knew nothing of it are greedy, as all were."""
    assert label == decoding_label(Manifest(identity={}, settings={}, environment=environment))


def test_a_record_of_before_is_read() -> None:
    """Fields that came later are null in it."""
    assert (None, None, None) == (record().reasoning_tokens, record().lost_to, record().reasoning)
