"""From answers to scores: failed is never scored, missing never averaged away, and every score says what it is of."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas
import pytest

from evalkit.runs import LedgerRecord
from evalkit.scores import BenchmarkScores, ScoreRow, TaskAnswers, score_benchmark
from evalkit.tasks import Answer, Scorer, single

Quiz = Callable[..., Any]
Answers = Callable[..., list[Answer]]

SIX = ("yes", "no", "yes", "yes", "", "yes")


def scored(quiz: Any, tasks: dict[str, TaskAnswers], protocol: str = "full") -> BenchmarkScores:
    """Scores without rows."""
    return score_benchmark(quiz, protocol, tasks, model="tiny")[0]


def test_a_task_score_is_the_mean_with_its_counts(quiz: Quiz, answers: Answers) -> None:
    """0–100, unrounded, beside how many samples it is of and how many there should be."""
    task = scored(quiz(), {"a": TaskAnswers(answers(*SIX))}).tasks["a"]

    assert (100 * 4 / 6, "exact", 6, 0, 6) == (task.score, task.metric, task.n, task.failed, task.expected)
    assert (3, "document", 1) == (task.clusters, task.cluster_unit, task.empty)
    assert (None, False) == (task.ci95, task.is_partial)


def test_failed_samples_are_counted_and_never_scored(quiz: Quiz, answers: Answers) -> None:
    """Neither those without an answer nor those the official scorer refuses lower or raise the score."""
    task = scored(quiz(), {"a": TaskAnswers(answers("yes", "refused", "no"), failed=2)}).tasks["a"]

    assert (50.0, 2, 3) == (task.score, task.n, task.failed)
    assert task.is_partial


def test_failures_that_the_protocol_does_not_have_are_in_no_count(quiz: Quiz, answers: Answers) -> None:
    """Outputs made elsewhere tell which sample failed; what was known beforehand is noted."""
    scorer = replace(single("exact", lambda *_: 100.0), includes=lambda answer: answer.document != "doc1")

    given = TaskAnswers(answers("yes"), unanswered=answers("", "", "", "")[1:], notes=["seen before"])
    task = scored(quiz(scorer), {"a": given}).tasks["a"]

    assert (1, 1, ["seen before"]) == (task.n, task.failed, task.notes)


def test_a_task_where_everything_failed_has_no_score(quiz: Quiz, answers: Answers) -> None:
    """Null, not zero; and so are its group and the overall score."""
    scores = scored(quiz(), {"a": TaskAnswers([], failed=6), "b": TaskAnswers(answers("refused"))})

    assert [(None, 0, 6), (None, 0, 1)] == [(task.score, task.n, task.failed) for task in scores.tasks.values()]
    assert (None, None) == (scores.groups["one"].score, scores.overall.score)


def test_samples_a_protocol_does_not_have_are_in_no_count(quiz: Quiz, answers: Answers) -> None:
    """Left out is not failed."""
    scorer = Scorer("m", lambda _: (100.0,), ("m",), includes=lambda answer: answer.prediction != "skip")

    task = scored(quiz(scorer), {"a": TaskAnswers(answers("x", "skip", "skip", "y"))}).tasks["a"]

    assert (100.0, 2, 0) == (task.score, task.n, task.failed)


def test_group_and_overall_are_plain_means(quiz: Quiz, answers: Answers) -> None:
    """Tasks weigh the same in their group, groups in the overall score, however many samples they have."""
    tasks = {
        "a": TaskAnswers(answers(*["yes"] * 6)),
        "b": TaskAnswers(answers("no", task="b")),
        "c": TaskAnswers(answers(*["yes"] * 6, task="c")),
    }

    scores = scored(quiz(), tasks)

    assert (50.0, 100.0, 75.0) == (scores.groups["one"].score, scores.groups["two"].score, scores.overall.score)
    assert not scores.partial


@pytest.mark.parametrize("there", [("a",), ("a", "b"), ("c",), ()])
def test_a_mean_never_stands_for_fewer_tasks_than_it_says(quiz: Quiz, answers: Answers, there: tuple[str, ...]) -> None:
    """A group is null when a member is missing, the overall score when a group is; what is missing is listed."""
    scores = scored(quiz(), {task: TaskAnswers(answers("yes", task=task)) for task in there})

    assert (100.0 if {"a", "b"} <= {*there} else None) == scores.groups["one"].score
    assert scores.overall.score is None
    assert sorted({"a", "b", "c"} - {*there}) == scores.missing
    assert scores.partial


def test_a_protocol_without_a_task_skips_it(quiz: Quiz, answers: Answers) -> None:
    """It is named, it is not missing, and no group waits for it; a group left without members has no mean."""
    scores = scored(quiz(), {task: TaskAnswers(answers("yes", task=task)) for task in ("a", "b", "c")}, "short")

    assert (["c"], [], ["a", "b"]) == (scores.skipped, scores.missing, list(scores.tasks))
    assert (100.0, None, None) == (scores.groups["one"].score, scores.groups["two"].score, scores.overall.score)


def test_fewer_samples_than_the_task_has_is_partial(quiz: Quiz, answers: Answers) -> None:
    """Below full coverage a score says so; where the full size is not published nothing can be said."""
    tasks = scored(quiz(), {"a": TaskAnswers(answers("yes")), "b": TaskAnswers(answers("yes", task="b"))}).tasks

    assert (True, False) == (tasks["a"].is_partial, tasks["b"].is_partial)


def test_the_same_answers_have_the_same_interval_under_every_protocol(quiz: Quiz, answers: Answers) -> None:
    """Protocols that score alike are then seen to differ in nothing, not in the luck of their draws."""
    given = {"a": TaskAnswers(answers(*(str(index * index) for index in range(10))))}
    scorer = Scorer("m", lambda answer: (float(answer.prediction),), ("m",))

    full, short = (scored(quiz(scorer), given, protocol).tasks["a"].ci95 for protocol in ("full", "short"))

    assert full is not None
    assert full == short


@pytest.mark.parametrize(
    ("columns", "tokens", "places"),
    [
        ((), [40], [{"real_depth": 9.5, "needle_token": 40}] * 2),
        ((), [], [{"real_depth": 9.5}] * 2),
        ((), [40, 80], [{}, {}]),
        ((1, 0), [40, 80], [{"real_depth": 61.0, "needle_token": 80}, {"real_depth": 9.5, "needle_token": 40}]),
    ],
)
def test_a_row_says_where_its_needle_really_stands(
    quiz: Quiz, answers: Answers, columns: tuple[int, ...], tokens: list[int], places: list[dict[str, Any]]
) -> None:
    """The column's own needle, or the only one there is; of several without columns, none."""
    scorer = Scorer("m", lambda _: (1.0, 2.0), ("one", "two"), column_evidence=columns)
    depths = [9.5, 61.0][: max(1, len(tokens))]
    ledger = LedgerRecord(
        mode="none", before=99, after=99, head=99, tail=0, kept=[(0, 99)], evidence_kept=True,
        evidence_tokens=tokens, evidence_depths=depths,
    )  # fmt: skip
    given = TaskAnswers(answers("yes"), ledgers={"quiz/a/0": ledger})

    _, rows = score_benchmark(quiz(scorer), "full", {"a": given}, model="tiny")

    assert places == [
        {key: row.metadata[key] for key in ("real_depth", "needle_token") if key in row.metadata} for row in rows
    ]


def test_truncation_is_reported_beside_the_score(quiz: Quiz, answers: Answers) -> None:
    """How many samples it touched and how those fared."""
    given = TaskAnswers(
        answers(*SIX), truncated=frozenset({"quiz/a/0", "quiz/a/1", "quiz/a/99"}),
        evidence_lost=frozenset({"quiz/a/1"}), has_ledger=True,
    )  # fmt: skip

    cut = scored(quiz(), {"a": given}).tasks["a"].truncation

    assert cut is not None
    assert (2, 1, 50.0, 75.0) == (cut.truncated, cut.evidence_lost, cut.score_truncated, cut.score_whole)


@pytest.mark.parametrize("touched", [(), tuple(range(6))])
def test_truncation_of_none_or_all_leaves_one_side_empty(
    quiz: Quiz, answers: Answers, touched: tuple[int, ...]
) -> None:
    """Null, not zero."""
    given = TaskAnswers(answers(*SIX), truncated=frozenset(f"quiz/a/{index}" for index in touched), has_ledger=True)

    cut = scored(quiz(), {"a": given}).tasks["a"].truncation

    assert cut is not None
    assert bool(touched) == (cut.score_whole is None) == (cut.score_truncated is not None)


def test_columns_are_reported_and_combined(quiz: Quiz, answers: Answers) -> None:
    """A score made of several means shows them; a sample outside a column does not enter its mean."""
    scorer = Scorer(
        "pair", lambda answer: (80.0, math.nan if answer.prediction == "no" else 20.0), ("left", "right"),
        combine=lambda means: sum(means) / 2,
    )  # fmt: skip

    scores, rows = score_benchmark(quiz(scorer), "full", {"a": TaskAnswers(answers("yes", "no"))}, model="tiny")

    task = scores.tasks["a"]
    assert (50.0, 2, {"left": 80.0, "right": 20.0}) == (task.score, task.n, task.columns)
    assert [("left", 80.0), ("right", 20.0), ("left", 80.0), ("right", None)] == [
        (row.metric, row.score) for row in rows
    ]


def test_scores_by_length_list_every_range(quiz: Quiz, answers: Answers) -> None:
    """In the benchmark's order, the empty ones with null."""
    scorer = Scorer(
        "m", lambda answer: (100.0 * (answer.prediction == "yes"),), ("m",),
        bucket=lambda answer: str(answer.metadata["range"]), bucket_names=("short", "mid", "long"),
    )  # fmt: skip
    metadata = [{"range": name} for name in ("long", "short", "long")]

    buckets = (
        scored(quiz(scorer), {"a": TaskAnswers(answers("yes", "yes", "no", metadata=metadata))}).tasks["a"].buckets
    )

    assert buckets is not None
    assert [("short", 100.0, 1), ("mid", None, 0), ("long", 50.0, 2)] == [
        (name, bucket.score, bucket.n) for name, bucket in buckets.items()
    ]


def test_a_row_is_one_number_of_one_sample(quiz: Quiz, answers: Answers) -> None:
    """With the axes that figures are drawn against, and no other metadata."""
    metadata = [{"length": 4000, "depth": 50, "index": 0}]

    _, (row,) = score_benchmark(quiz(), "full", {"a": TaskAnswers(answers("yes", metadata=metadata))}, model="tiny")

    assert ScoreRow("quiz/a/0", "a", "full", "exact", 100.0, {"length": 4000, "depth": 50}) == row


def test_notes_are_found_in_the_scored_answers(quiz: Quiz, answers: Answers) -> None:
    """A quirk of the protocol is said with its count."""
    scorer = Scorer("m", lambda _: (1.0,), ("m",), notes=lambda scored: [f"{len(scored)} touched"])

    assert ["2 touched"] == scored(quiz(scorer), {"a": TaskAnswers(answers("a", "b"))}).tasks["a"].notes


def test_the_json_has_the_documented_shape(quiz: Quiz, answers: Answers) -> None:
    """Names, nesting and nulls that other programs rely on; strict JSON without NaN."""
    values = scored(quiz(), {"a": TaskAnswers(answers(*SIX * 2), failed=1)}).to_json()

    assert values == json.loads(json.dumps(values, allow_nan=False))
    assert {
        "schema": 1, "benchmark": "quiz", "protocol": "full", "model": "tiny", "partial": True, "skipped": [],
        "missing": ["b", "c"],
        "overall": {"score": None, "rule": "mean of groups", "ci95": None, "ci95_kind": None, "draws": None},
    }.items() <= values.items()  # fmt: skip
    assert [(None, ["a", "b"]), (None, ["c"])] == [(each["score"], each["tasks"]) for each in values["groups"].values()]
    task = values["tasks"]["a"]
    assert {"score", "metric", "n", "failed", "expected", "ci95", "clusters", "cluster_unit", "empty"} <= set(task)
    assert (12, 1, 6) == (task["n"], task["failed"], task["expected"])
    low, high = task["ci95"]
    assert 0 <= low < task["score"] < high <= 100
    assert "bound" == task["ci95_kind"]


def test_groups_and_the_overall_score_have_intervals(quiz: Quiz, answers: Answers) -> None:
    """Two tasks on the same documents lie as far apart as one; the overall score has one as soon as all groups do."""
    texts = [["yes", "no"][index % 3 == 0] for index in range(60)]
    tasks = {task: TaskAnswers(answers(*texts, task=task)) for task in "abc"}

    scores = scored(quiz(), tasks)

    group, overall = scores.groups["one"], scores.overall
    assert ("cluster t", "cluster t") == (group.ci95_kind, overall.ci95_kind)
    assert scores.tasks["a"].ci95 == pytest.approx(group.ci95)
    assert group.ci95 == pytest.approx(overall.ci95)


def test_a_bootstrap_median_has_its_interval_round_itself(quiz: Quiz, answers: Answers) -> None:
    """The printed score lies inside, where it is no mean too."""
    scorer = Scorer("m", lambda answer: (float(len(answer.prediction)),), ("m",), point=lambda _: 7.0)

    task = scored(quiz(scorer), {"a": TaskAnswers(answers(*("x" * (index % 9) for index in range(90))))}).tasks["a"]

    low, high = task.ci95 or (0, 0)
    assert low < task.score == 7.0 < high


def test_the_frame_tells_tasks_groups_and_the_overall_score_apart(quiz: Quiz, answers: Answers) -> None:
    """For people who go on in pandas."""
    frame = scored(quiz(), {"a": TaskAnswers(answers(*SIX)), "c": TaskAnswers(answers("yes", task="c"))}).to_pandas()

    tasks = frame[frame["kind"] == "task"]
    assert ["a", "c"] == list(tasks["task"])
    assert [6, 1] == list(tasks["n"])
    assert ["task", "group", "overall"] == list(dict.fromkeys(frame["kind"]))
    assert 7 == frame.set_index("kind").loc["overall", "n"]
    assert {"benchmark", "protocol", "model", "score", "metric", "failed", "expected", "ci95_low", "ci95_high"} <= set(
        frame
    )


def test_the_frame_has_the_numbers_of_its_tasks(quiz: Quiz, answers: Answers) -> None:
    """The interval's ends in their order, and nothing where there is none."""
    tasks = {"a": TaskAnswers(answers(*SIX * 2), failed=3), "b": TaskAnswers(answers("no", task="b"))}
    scores = scored(quiz(), tasks)

    frame = scores.to_pandas().query("kind == 'task'").set_index("task")

    assert scores.tasks["a"].ci95 == tuple(frame.loc["a", ["ci95_low", "ci95_high"]])
    assert frame.loc["b", ["ci95_low", "ci95_high"]].isna().all()
    assert [("a", 12, 3, 6), ("b", 1, 0, None)] == [
        (name, row.n, row.failed, None if pandas.isna(row.expected) else row.expected) for name, row in frame.iterrows()
    ]
    assert ("quiz", "full", "tiny", "exact") == tuple(frame.loc["a", ["benchmark", "protocol", "model", "metric"]])


LEDGER = LedgerRecord(
    mode="middle", before=90, after=60, head=30, tail=30, kept=[(0, 30), (60, 90)], evidence_kept=False,
    evidence_lost=[1],
)  # fmt: skip


@pytest.mark.parametrize(("needles", "kept"), [((), [False, False]), ((0, 1), [True, False]), ((1, 0), [False, True])])
def test_a_row_of_one_needle_says_whether_that_needle_was_there(
    quiz: Quiz, answers: Answers, needles: tuple[int, ...], kept: list[bool]
) -> None:
    """Each column asks for its own needle, at its own place; a column that asks for all of them lost one."""
    scorer = Scorer(
        "m", lambda _: (100.0, 0.0), ("depth_10", "depth_90"), column_evidence=needles,
        column_metadata=({"depth": 10}, {"depth": 90}),
    )  # fmt: skip
    given = TaskAnswers(answers("yes", metadata=[{"length": 100}]), ledgers={"quiz/a/0": LEDGER}, has_ledger=True)

    _, rows = score_benchmark(quiz(scorer), "full", {"a": given}, model="tiny")

    assert [("m", 100.0, 10), ("m", 0.0, 90)] == [(row.metric, row.score, row.metadata["depth"]) for row in rows]
    assert [(90, 60, each) for each in kept] == [
        (row.prompt_tokens, row.kept_tokens, row.evidence_kept) for row in rows
    ]
    assert {100} == {row.metadata["length"] for row in rows}


def test_a_needle_that_is_there_or_never_was_is_not_called_lost(quiz: Quiz, answers: Answers) -> None:
    """Of a prompt that lost nothing every column says so, and of an unknown one none says anything."""
    scorer = Scorer("m", lambda _: (100.0, 0.0), ("x", "y"), column_evidence=(0, 1))
    ledgers = {
        f"quiz/a/{index}": LEDGER.model_copy(update={"evidence_kept": kept, "evidence_lost": []})
        for index, kept in enumerate((True, None))
    }
    given = TaskAnswers(answers("yes", "yes", "yes"), ledgers=ledgers, has_ledger=True)

    _, rows = score_benchmark(quiz(scorer), "full", {"a": given}, model="tiny")

    assert [True, True, None, None, None, None] == [row.evidence_kept for row in rows]
    assert [90, 90, 90, 90, None, None] == [row.prompt_tokens for row in rows]


def test_altered_data_is_said_and_makes_the_whole_partial(quiz: Quiz, answers: Answers) -> None:
    """Even with every sample there, the score is not the benchmark's."""
    full = {name: TaskAnswers(answers(*["yes"] * 6, task=name)) for name in ("a", "b", "c")}
    altered = full | {"c": replace(full["c"], is_altered=True)}

    whole, other = (scored(quiz(), given) for given in (full, altered))

    assert (False, True) == (whole.partial, other.partial)
    assert [[], [], []] == [task.notes for task in whole.tasks.values()]
    assert ["the data is not the pinned one: a part of the benchmark, or altered"] == other.tasks["c"].notes


def test_an_answer_may_belong_to_several_parts(quiz: Quiz, answers: Answers) -> None:
    """It counts in each of them and once in the score."""
    scorer = Scorer(
        "m", lambda answer: (100.0 * (answer.prediction == "yes"),), ("m",),
        bucket=lambda answer: ("easy", "short") if answer.prediction == "yes" else "short",
        bucket_names=("easy", "short"),
    )  # fmt: skip

    task = scored(quiz(scorer), {"a": TaskAnswers(answers("yes", "no"))}).tasks["a"]

    assert task.buckets is not None
    assert {"easy": (100.0, 1), "short": (50.0, 2)} == {
        name: (part.score, part.n) for name, part in task.buckets.items()
    }
    assert (50.0, 2, None, None) == (task.score, task.n, task.columns, task.effective_length)


def test_a_score_that_is_not_made_of_means_is_its_own_everywhere(quiz: Quiz, answers: Answers) -> None:
    """The whole, each part, and what truncation did: the same rule over those samples."""
    scorer = Scorer(
        "median", lambda answer: (float(answer.prediction),), ("m",), point=lambda columns: float(np.median(columns)),
        bucket=lambda answer: "low" if float(answer.prediction) < 5 else "high", bucket_names=("low", "high"),
    )  # fmt: skip
    cut = frozenset({"quiz/a/0", "quiz/a/1", "quiz/a/3"})
    given = TaskAnswers(answers("0", "1", "4", "9"), truncated=cut, has_ledger=True)

    task = scored(quiz(scorer), {"a": given}).tasks["a"]

    assert task.buckets is not None
    assert task.truncation is not None
    assert (2.5, 1.0, 9.0) == (task.score, task.buckets["low"].score, task.buckets["high"].score)
    assert (1.0, 4.0) == (task.truncation.score_truncated, task.truncation.score_whole)


def test_outputs_made_elsewhere_say_nothing_of_truncation(quiz: Quiz, answers: Answers) -> None:
    """Unknown, not none."""
    assert scored(quiz(), {"a": TaskAnswers(answers("yes"))}).tasks["a"].truncation is None


def test_blank_answers_are_empty_ones(quiz: Quiz, answers: Answers) -> None:
    """Spaces and line ends are nothing said."""
    assert 2 == scored(quiz(), {"a": TaskAnswers(answers("yes", " \n", ""))}).tasks["a"].empty
