"""The same samples of two sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from evalkit.errors import UserError
from evalkit.verdicts import Side, pair_sides

from .sides import made_side


def changed(side: Side, **fields: Any) -> Side:
    """The side with other values of its one task."""
    ((name, values),) = side.measured.values.items()
    return replace(side, measured=replace(side.measured, values={name: replace(values, **fields)}))


def side(points: list[float], targets: str, name: str = "run") -> Side:
    """Samples of trec with these gold answers."""
    made = made_side({"trec": points}, name=name)
    return changed(made, targets=tuple((target,) for target in targets))


def test_the_same_ids_are_the_same_samples() -> None:
    """As they are."""
    ours, theirs = pair_sides(side([1, 2, 3], "abc"), side([4, 5, 6], "abc"))["trec"]

    assert ([1, 2, 3], [4, 5, 6]) == (ours.points.tolist(), theirs.points.tolist())


def test_other_gold_answers_under_the_same_ids_are_told_by_content() -> None:
    """Rows are numbered as they stand in a file."""
    ours, theirs = pair_sides(side([1, 2, 3], "abc"), side([6, 4, 5], "cab"))["trec"]

    assert ([1, 2, 3], [4, 5, 6]) == (ours.points.tolist(), theirs.points.tolist())
    assert ours.ids == theirs.ids


def test_samples_that_cannot_be_told_apart_are_left_out() -> None:
    """Two of one gold answer may be either."""
    with pytest.raises(UserError, match=r"2 samples only in l .*2 samples only in r"):
        pair_sides(side([1, 2, 3], "aab", "l"), side([4, 5, 6], "baa", "r"))

    ours, theirs = pair_sides(side([1, 2, 3], "aab"), side([4, 5, 6], "baa"), common=True)["trec"]
    assert ([3], [4]) == (ours.points.tolist(), theirs.points.tolist())


def test_a_task_that_one_side_lacks_is_unmatched() -> None:
    """All its samples; many are counted."""
    left, right = made_side({"trec": [1] * 3, "lsht": [2] * 9}, name="l"), made_side({"trec": [1] * 3}, name="r")

    with pytest.raises(UserError, match=r"9 samples only in l \(0, 1, 2, 3, 4 and 4 more\): --common"):
        pair_sides(left, right)
    assert ["trec"] == list(pair_sides(left, right, common=True))


def test_documents_that_one_side_knows_are_the_clusters_of_both() -> None:
    """Outputs made elsewhere may not tell them."""
    left, right = side([1, 2], "ab"), changed(side([3, 4], "ab"), clusters=("doc", "doc"), cluster_unit="document")

    ours, theirs = pair_sides(left, right)["trec"]

    assert (("doc", "doc"), "document") == (ours.clusters, ours.cluster_unit) == (theirs.clusters, theirs.cluster_unit)


def test_other_protocols_are_refused() -> None:
    """Both are named."""
    with pytest.raises(UserError, match="l is scored under official, r under opencompass: choose one for both"):
        pair_sides(made_side({"trec": [1]}, name="l"), made_side({"trec": [1]}, protocol="opencompass", name="r"))


def test_nothing_in_common_is_refused() -> None:
    """Even where the common samples are asked for."""
    with pytest.raises(UserError, match="no sample is in both"):
        pair_sides(made_side({"trec": [1]}), made_side({"lsht": [1]}), common=True)
