"""Weighted and nested groups, and how long prompts may be for a score to hold."""

from __future__ import annotations

from typing import Any

import pytest

from evalkit.scores import TaskScore
from evalkit.scores._groups import effective_length, group_scores, overall_score, task_weights
from evalkit.scores._records import BucketScore, EffectiveLength
from evalkit.tasks import BenchmarkSpec


@pytest.fixture
def spec() -> BenchmarkSpec:
    """Three tasks, two groups that weigh 3 and 1, and a group across them that holds another group."""
    rules = {"meaning": "", "source": "", "scoring": ""}
    tasks = {
        name: {"group": group, "expected": {"full": 1}}
        for name, group in zip("abc", ("one", "one", "two"), strict=True)
    }
    groups: dict[str, Any] = {
        "one": {"title": "One", "weight": 3},
        "two": {"title": "Two"},
        "across": {"title": "Across", "in_overall": False, "members": {"one": 1, "c": 4}},
    }
    return BenchmarkSpec.model_validate({
        "name": "toy", "title": "Toy", "kind": "toy", "about": "", "source": "", "default_protocol": "full",
        "tasks": tasks, "groups": groups, "overall": "weighted", "protocols": {"full": rules},
    })  # fmt: skip


def scored(score: float, **lengths: float) -> TaskScore:
    """A task's score, with means at lengths `n100=…`."""
    buckets = {name.removeprefix("n"): BucketScore(score=mean, n=2) for name, mean in lengths.items()} or None
    return TaskScore(
        score=score, metric="m", n=2, failed=0, expected=2, ci95=None, clusters=1, cluster_unit="document", empty=0,
        buckets=buckets, effective_length=effective_length(buckets, 85),
    )  # fmt: skip


def test_groups_weigh_in_the_overall_score(spec: BenchmarkSpec) -> None:
    """(3 × 20 + 1 × 60) / 4; a group that is not in the overall score does not enter."""
    scores = {"a": scored(10), "b": scored(30), "c": scored(60)}

    assert 30 == overall_score(spec, "full", group_scores(spec, "full", scores, {}), scores, {}).score


def test_a_group_may_hold_a_group(spec: BenchmarkSpec) -> None:
    """(20 + 4 × 60) / 5, and it counts the tasks of the group inside it as its own."""
    groups = group_scores(spec, "full", {"a": scored(10), "b": scored(30), "c": scored(60)}, {})

    assert (52, ["a", "b", "c"]) == (groups["across"].score, groups["across"].tasks)


def test_weights_reach_the_tasks_through_groups(spec: BenchmarkSpec) -> None:
    """One fifth of the group inside, shared by its two tasks; this is what intervals of groups weigh by."""
    assert pytest.approx({"a": 0.1, "b": 0.1, "c": 0.8}) == task_weights(spec, "full", "across")


def test_a_group_with_a_missing_member_has_no_score(spec: BenchmarkSpec) -> None:
    """Nor has what is made of it."""
    scores = {"a": scored(10), "c": scored(60)}

    groups = group_scores(spec, "full", scores, {})

    assert (None, 60, None) == (groups["one"].score, groups["two"].score, groups["across"].score)
    assert overall_score(spec, "full", groups, scores, {}).score is None


def test_a_group_has_means_by_length(spec: BenchmarkSpec) -> None:
    """Where all members have the same lengths; its effective length follows from them."""
    long, short = scored(70, n100=100, n200=40), scored(90, n100=90, n200=90)

    group = group_scores(spec, "full", {"a": long, "b": short}, {})["one"]

    assert group.buckets is not None
    assert {"100": (95, 4), "200": (65, 4)} == {name: (part.score, part.n) for name, part in group.buckets.items()}
    assert EffectiveLength(length=100, threshold=85) == group.effective_length


def test_members_without_common_lengths_have_no_common_means(spec: BenchmarkSpec) -> None:
    """A mean over different lengths would be of nothing."""
    group = group_scores(spec, "full", {"a": scored(1, n100=1), "b": scored(1, n300=1)}, {})["one"]

    assert (1, None, None) == (group.score, group.buckets, group.effective_length)


@pytest.mark.parametrize(
    ("means", "length"),
    [({"100": 85, "200": 84.9}, 100), ({"100": 99, "200": 10, "400": 90}, 400), ({"100": 10}, None)],
)
def test_the_longest_length_that_holds_is_effective(means: dict[str, float], length: int | None) -> None:
    """A gap before it does not matter, and equal to the threshold is enough."""
    buckets = {name: BucketScore(score=mean, n=1) for name, mean in means.items()}

    assert EffectiveLength(length=length, threshold=85) == effective_length(buckets, 85)


def test_a_length_without_samples_leaves_it_open() -> None:
    """It might be the one that holds."""
    buckets = {"100": BucketScore(score=99, n=1), "200": BucketScore(score=None, n=0)}

    assert effective_length(buckets, 85) is None
