"""Every golden vector of NeedleBench's evaluators, to 1e-9."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from evalkit import metrics
from evalkit.metrics import UnscorableError

Row = dict[str, Any]
Check = Callable[[Row], bool | None]

TOLERANCE = 1e-9

SINGLE: dict[str, Callable[[str, str], float]] = {
    "needlebench_v1_single.json": metrics.needlebench_single_v1,
    "needlebench_v1_single_trim.json": partial(metrics.needlebench_single_v1, use_trim=True),
    "needlebench_v1_multi_reasoning.json": metrics.needlebench_multi_reasoning_v1,
    "needlebench_v2_single.json": metrics.needlebench_single_v2,
    "needlebench_v2_atc.json": metrics.needlebench_atc_v2,
}


@pytest.mark.parametrize("name", SINGLE)
def test_scores_are_the_official_ones(name: str, mismatches: Callable[[str, Check], list[Row]]) -> None:
    """A sample that the official code cannot score is refused."""

    def agrees(row: Row) -> bool:
        try:
            score: float | None = SINGLE[name](row["prediction"], row["references"][0])
        except UnscorableError:
            score = None
        return _is_near(score, row["score"])

    assert [] == mismatches(name, agrees)


@pytest.mark.parametrize("name", ["needlebench_v1_multi_retrieval.json", "needlebench_v2_multi_retrieval.json"])
def test_retrieval_is_scored_by_depth(name: str, mismatches: Callable[[str, Check], list[Row]]) -> None:
    """The mean over samples of each depth, and the mean over depths."""

    def agrees(row: Row) -> bool:
        depths = [int(depth) for depth in row["references"][0].split("#")[1].split("*")]
        pairs = zip(row["prediction"], row["references"], strict=True)
        found = [metrics.needlebench_retrieved_by_depth(prediction, target, depths) for prediction, target in pairs]
        means = {depth: sum(each[depth] for each in found) / len(found) for depth in found[0]}
        wanted = {depth: row["extra"][f"Depth{depth}"] for depth in means}
        overall = sum(means.values()) / len(means)
        return _is_near(overall, row["score"]) and all(_is_near(means[depth], wanted[depth]) for depth in means)

    assert [] == mismatches(name, agrees)


def test_choices_are_scored_over_their_rotations(mismatches: Callable[[str, Check], list[Row]]) -> None:
    """Every number of the circular evaluator that is not a constant or a repetition."""

    def agrees(row: Row) -> bool:
        questions: dict[str, tuple[dict[str, str], str]] = {}
        for letter, target in zip(row["prediction"], row["references"], strict=True):
            index, gold, pattern = target.split("--")
            chosen, _ = questions.setdefault(index, ({}, pattern["ABCD".index(gold)]))
            chosen[pattern] = letter
        found = [metrics.needlebench_circular(chosen, gold) for chosen, gold in questions.values()]
        means = {name: sum(each[name] for each in found) / len(found) for name in found[0]}
        return all(_is_near(mean, row["extra"][name]) for name, mean in means.items())

    assert [] == mismatches("needlebench_v1_atc_choice_circular.json", agrees)


def _is_near(score: float | None, wanted: float | None) -> bool:
    if score is None or wanted is None:
        return score is wanted
    return abs(score - wanted) <= TOLERANCE
