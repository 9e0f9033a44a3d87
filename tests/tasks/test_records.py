"""The records that leave a task are values: frozen, comparable, without surprises."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from evalkit.tasks import Answer, Message, Request, Sample, single

SAMPLE = Sample("toy/tales/0", "tales", "toy/tales/doc0", {"question": "So?"}, ("gold",))


@pytest.mark.parametrize(
    "record",
    [
        SAMPLE,
        Message("user", "So?"),
        Request(SAMPLE, 0, (Message("user", "So?"),), "So?", 10),
        Answer("toy/tales/0", "toy/tales/doc0", "text", ("gold",)),
    ],
    ids=lambda record: type(record).__name__,
)
def test_a_record_does_not_change(record: Any) -> None:
    """Nothing downstream can alter what a task said."""
    name = dataclasses.fields(record)[0].name

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(record, name, "other")

    assert record == dataclasses.replace(record)


def test_a_sample_without_evidence_has_none() -> None:
    """Facts and evidence are empty unless a task gives them."""
    assert ({}, ()) == (dict(SAMPLE.metadata), SAMPLE.evidence)


def test_a_single_metric_is_one_column_and_its_mean() -> None:
    """What most tasks need."""
    scorer = single("length", lambda prediction, targets: float(len(prediction) + len(targets[0])))

    assert ((8.0,), ("length",)) == (scorer.score(Answer("a", "d", "text", ("gold",))), scorer.columns)
    assert 5.0 == scorer.combine([5.0])
