"""Task scores of both versions: by length, by depth, by needle count, over rotations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from evalkit.scores import TaskAnswers, score_task
from evalkit.tasks import Answer, Sample
from evalkit.tasks.needlebench import NeedleBench
from evalkit.tasks.needlebench._scoring import CIRCULAR_COLUMNS

Load = Callable[..., NeedleBench]
Samples = Callable[..., list[Sample]]


def answers(samples: Sequence[Sample], predict: Callable[[Sample], str]) -> list[Answer]:
    """What a model that answers by rule said."""
    return [Answer(each.id, each.document, predict(each), each.targets, each.metadata) for each in samples]


def keyword(sample: Sample) -> str:
    """The keyword of a single needle."""
    return sample.targets[0].split("*")[1]


def test_scores_are_reported_by_length(load: Load, samples: Samples) -> None:
    """A model that finds needles up to 2,000 tokens has an effective length of 2,000."""
    found = samples("needlebench-v2-4k", "single_en")
    given = answers(found, lambda each: keyword(each) if each.metadata["length"] <= 2000 else "")

    score, _ = score_task(load("needlebench-v2-4k"), "single_en", "opencompass", TaskAnswers(given))

    assert {"1000": 100, "2000": 100, "3000": 0, "4000": 0} == {
        length: bucket.score for length, bucket in (score.buckets or {}).items()
    }
    assert score.effective_length is not None
    assert (50, 2000, 85) == (score.score, score.effective_length.length, score.effective_length.threshold)


def test_the_threshold_decides_the_effective_length(load: Load, samples: Samples) -> None:
    """It is an option, and the length is null where no length reaches it."""
    found = samples("needlebench-v2-4k", "single_en")
    given = answers(found, lambda each: keyword(each) if each.metadata["repeat"] < 8 else "")
    tasks = TaskAnswers(given)

    lengths = [
        score_task(load("needlebench-v2-4k", threshold=threshold), "single_en", "opencompass", tasks)[
            0
        ].effective_length
        for threshold in ("80", "81")
    ]

    assert [4000, None] == [each.length for each in lengths if each is not None]


def test_version_1_keeps_a_fifth_of_the_likeness(load: Load, samples: Samples) -> None:
    """A wrong keyword in an otherwise right sentence scores under 20."""
    found = samples("needlebench-4k", "single_en")[:1]
    given = answers(found, lambda each: each.evidence[0].replace("key", "cow"))

    score, _ = score_task(load("needlebench-4k"), "single_en", "opencompass", TaskAnswers(given))

    assert score.score is not None
    assert 10 < score.score < 20


def test_each_retrieved_needle_is_a_row_at_its_depth(load: Load, samples: Samples) -> None:
    """Finding the first two of eleven needles scores 2/11, and their two cells 100."""
    found = samples("needlebench-32k", "multi_retrieval_en")
    given = answers(found, lambda each: " ".join(each.targets[0].split("#")[0].split("*")[:2]) + ".")

    score, rows = score_task(load("needlebench-32k"), "multi_retrieval_en", "opencompass", TaskAnswers(given))

    cells = {(row.metadata["depth"], row.score) for row in rows if row.metadata["depth"] <= 21}
    assert len(found) * 11 == len(rows)
    assert {"keyword_by_depth"} == {row.metric for row in rows}
    assert {(0, 100), (10, 100)} <= cells
    assert score.score is not None
    assert score.score >= 200 / 11


@pytest.mark.parametrize("target", ["Orb*Key", "Orb#deep", "Orb*Key#0*x", ""])
def test_damaged_depths_fail_every_sample_of_the_task(load: Load, samples: Samples, target: str) -> None:
    """The evaluator takes the depths of the first target for all samples and raises without them."""
    given = answers(samples("needlebench-4k", "multi_retrieval_en")[:3], lambda _: "Orb")
    given[0] = replace(given[0], targets=(target,))

    score, rows = score_task(load("needlebench-4k"), "multi_retrieval_en", "opencompass", TaskAnswers(given))

    assert (None, 0, 3) == (score.score, score.n, score.failed)
    assert [] == rows


@pytest.mark.parametrize(
    ("benchmark", "task"),
    [
        ("needlebench-4k", "single_en"),
        ("needlebench-4k", "multi_retrieval_en"),
        ("needlebench-v2-4k", "single_en"),
        ("needlebench-atc-choice-20", "en"),
    ],
)
def test_a_sample_without_any_target_fails(load: Load, samples: Samples, benchmark: str, task: str) -> None:
    """A damaged record is counted as failed."""
    given = [replace(each, targets=()) for each in answers(samples(benchmark, task)[:1], lambda _: "Answer: A")]

    score, _ = score_task(load(benchmark), task, "opencompass", TaskAnswers(given))

    assert (0, 1) == (score.n, score.failed)


def test_a_rotation_is_judged_by_the_letter_it_means(load: Load, samples: Samples) -> None:
    """A model that always says A is right in one rotation of four, and never in all."""
    found = samples("needlebench-atc-choice-20", "en")[:8]

    score, _ = score_task(
        load("needlebench-atc-choice-20"), "en", "opencompass", TaskAnswers(answers(found, lambda _: "Answer: A"))
    )

    assert 25 == score.score
    assert score.columns is not None
    assert (100, 0, 100) == (score.columns["acc_1"], score.columns["perf_4"], score.columns["prior_A"])


def test_a_question_with_a_missing_rotation_enters_no_circular_column(load: Load, samples: Samples) -> None:
    """Whether all four are right cannot be told; its other rotations still count as answers."""
    given = answers(samples("needlebench-atc-choice-20", "en")[:3], lambda _: "Answer: A")
    scorer = load("needlebench-atc-choice-20").scorer("en", "opencompass", given)

    columns = dict(zip(CIRCULAR_COLUMNS, scorer.score(given[0]), strict=True))

    assert (100, 100) == (columns["acc_4"], columns["acc_1"])
    assert math.isnan(columns["perf_4"])


def test_free_form_notes_the_maximum_of_needles(load: Load, samples: Samples) -> None:
    """A model that follows chains of up to eight names gets stuck at eleven."""
    found = samples("needlebench-atc", "en")
    given = answers(found, lambda each: keyword(each) if each.metadata["needles"] <= 8 else "nobody")

    score, _ = score_task(load("needlebench-atc"), "en", "opencompass", TaskAnswers(given))

    assert ["maximum needles: 8 (the count before the last fall below 60)"] == score.notes


def test_a_needle_that_truncation_cut_marks_its_own_row_only(load: Load, samples: Samples) -> None:
    """Of several needles in a prompt, each knows whether it is still inside."""
    from evalkit.runs import LedgerRecord

    sample = samples("needlebench-32k", "multi_retrieval_en")[0]
    ledger = LedgerRecord(
        mode="middle", before=9, after=6, head=3, tail=3, kept=[(0, 3), (6, 9)], evidence_kept=False, evidence_lost=[5]
    )
    given = replace(TaskAnswers(answers([sample], lambda _: "")), ledgers={sample.id: ledger})

    _, rows = score_task(load("needlebench-32k"), "multi_retrieval_en", "opencompass", given)

    assert [52] == [row.metadata["depth"] for row in rows if row.evidence_kept is False]


pytestmark = pytest.mark.usefixtures("wheel")
