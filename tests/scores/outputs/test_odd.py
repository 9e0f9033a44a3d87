"""What of a task's rows is said beside the score, and what is too common to be said."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from evalkit.scores.outputs._odd import odd_rows
from evalkit.scores.outputs._rows import Row

BUSY = "Error 429: a server is busy"


def rows(predictions: Sequence[str], golds: Sequence[str], classes: Sequence[Sequence[str]] | None = None) -> list[Row]:
    """Rows of these answers."""
    metadata = [{"all_classes": each} for each in classes] if classes else [{}] * len(golds)
    return [
        Row(f"m.jsonl:{index + 1}", index, prediction, (gold,), metadata[index])
        for index, (prediction, gold) in enumerate(zip(predictions, golds, strict=True))
    ]


def texts(count: int) -> list[str]:
    """As many different texts."""
    return [f"a text about {number}" for number in range(count)]


@pytest.mark.parametrize(("same", "golds", "is_said"), [
    (6, texts(100), True),
    (5, texts(100), False),
    (21, list("ABCD") * 25, True),
    (20, list("ABCD") * 25, False),
])  # fmt: skip
def test_one_text_for_many_answers_is_said(same: int, golds: list[str], is_said: bool) -> None:
    """From 5% on; from 20% on where gold answers are labels, which models fall back on."""
    notes = odd_rows(rows([BUSY] * same + [f"answer {n} of many" for n in range(100 - same)], golds))

    wanted = [f"{same} of 100 predictions are one text that names no gold answer: '{BUSY}'"]
    assert (wanted if is_said else []) == notes


@pytest.mark.parametrize(("text", "gold"), [
    ("The correct answer is (B)", "B"), ("Yes", "Paris"), ("", "Paris"), ("unanswerable", "Unanswerable"),
    ("You should visit Dolores Park", "The best thing is a visit*Dolores Park"), ("answer B, C", "B, C"),
])  # fmt: skip
def test_an_answer_that_a_model_may_well_give_again_is_not_said(text: str, gold: str) -> None:
    """It names a gold answer of the task, or is short; empty ones are counted elsewhere."""
    assert [] == odd_rows(rows([text] * 100, [gold, *texts(99)]))


def test_classes_that_differ_between_rows_are_said() -> None:
    """Each row's cut down to its gold answer leaves nothing to choose from."""
    golds = ["Food", "Date", "Food"]

    (note,) = odd_rows(rows(golds, golds, [[gold] for gold in golds]))

    assert "'all_classes' differ between rows (2 lists; first other: m.jsonl:2): the data has one for all" == note
    assert [] == odd_rows(rows(golds, golds, [["Food", "Date"], ["Date", "Food"], ["Food", "Date"]]))
