"""Fragile answers: what a run's margins say of another kernel, batch or number format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evalkit.runs import SampleRecord
from evalkit.scores import NEAR_TIE, NEAR_TIES, NearTie, TaskAnswers, near_tie_of, remarks_on, score_benchmark
from evalkit.scores._flags import AnswerFlags
from evalkit.scores._near_ties import closest_call
from evalkit.tasks import Answer

Quiz = Callable[..., Any]
Answers = Callable[..., list[Answer]]
CLEAR = 10 * NEAR_TIE


def record(**fields: Any) -> SampleRecord:
    """A record of an answer."""
    values = {
        "id": "quiz/a/0", "step": 0, "attempt": 1, "prompt_sha256": "", "ledger": None, "text": "yes",
        "output_tokens": 1, "finish_reason": "stop", "seconds": 0.0, "cached_tokens": None, "error": None,
        "rope": "native", "preview": "",
    }  # fmt: skip
    return SampleRecord.model_validate(values | fields)


def flags(**margins: float) -> AnswerFlags:
    """Flags of answers of the quiz by their number: `flags(_0=0.1)`."""
    return AnswerFlags(ties={f"quiz/a/{name[1:]}": NearTie(margin, 3) for name, margin in margins.items()})


def test_the_nearest_tie_is_the_smallest_margin_over_steps() -> None:
    """With its step and its token; of equal ones the first."""
    steps = [record(margin=2.0, margin_token=7), record(step=1, margin=0.5, margin_token=0), record(step=2, text="")]

    assert NearTie(0.5, 0, 1) == closest_call([*steps, record(step=3, margin=0.5, margin_token=4)])


def test_records_of_before_have_no_tie() -> None:
    """Nor have those of backends that tell nothing."""
    assert closest_call([record(), record(step=1)]) is None


def test_fragile_answers_are_counted_and_no_score_changes(quiz: Quiz, answers: Answers) -> None:
    """A margin at the threshold is none of them."""
    given = answers("yes", "no", "yes", "yes")
    known = flags(_0=NEAR_TIE / 2, _1=0.0, _2=NEAR_TIE, _3=CLEAR)

    plain, scored = (
        score_benchmark(quiz(), "full", {"a": TaskAnswers(given, flags=each)}, model="m")[0].tasks["a"]
        for each in (AnswerFlags(), known)
    )

    assert (None, None) == (plain.fragile, plain.margins)
    assert (2, 4) == (scored.fragile, scored.margins)
    assert plain == scored.model_copy(update={"fragile": None, "margins": None})


def test_one_line_says_how_many_are_fragile_and_of_how_many_nothing_is_known(quiz: Quiz, answers: Answers) -> None:
    """Over all tasks; no line where none is."""
    given = answers("yes", "yes", "yes")

    def said(known: AnswerFlags) -> list[str]:
        scores, _ = score_benchmark(quiz(), "full", {"a": TaskAnswers(given, flags=known)}, model="m")
        return [line for line in remarks_on(scores) if "fragile" in line]

    assert [] == said(flags(_0=CLEAR))
    (line,) = said(flags(_0=0.0, _1=CLEAR))
    assert line.startswith("1 of 2 answers are fragile")
    assert line.endswith("and of 1 more nothing is known")


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (("float32", "float32"), NEAR_TIES["float32"]),
        (("float32", "bfloat16"), NEAR_TIE),
        (("float16", "float32"), NEAR_TIES["float16"]),
        (("float32", None), NEAR_TIE),
        (("float32", "int4 of some kind"), NEAR_TIE),
        ((), NEAR_TIE),
    ],
)
def test_the_coarser_number_format_sets_the_threshold(dtypes: tuple[str | None, ...], expected: float) -> None:
    """One that is not known counts as the coarsest."""
    assert expected == near_tie_of(*dtypes)
