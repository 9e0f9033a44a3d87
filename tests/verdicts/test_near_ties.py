"""How many differences between two runs began at a near tie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evalkit.runs import Manifest
from evalkit.scores import TaskValues, near_tie_of
from evalkit.verdicts import NearTieFlips, near_tie_flips

RUN = Manifest(identity={}, settings={}, environment={"engine": {"dtype": "float32"}})
HALF = Manifest(identity={}, settings={}, environment={"engine": {"dtype": "bfloat16"}})
NEAR, CLEAR = near_tie_of("float32") / 2, near_tie_of("float32") * 2


def values(texts: str, margins: tuple[float | None, ...]) -> TaskValues:
    """Answers of one letter each."""
    ids = tuple(f"quiz/a/{index}" for index in range(len(texts)))
    return TaskValues(
        task="a", metric="m", ids=ids, clusters=ids, columns=np.zeros((len(texts), 1)), combine=lambda means: means[0],
        score=0.0, texts=tuple(texts), targets=((),) * len(texts), axes=({},) * len(texts), truncated=None,
        cluster_unit="document", margins=margins,
    )  # fmt: skip


def test_flips_are_told_by_the_near_ties_of_either_side() -> None:
    """Of answers that differ and of answers that are the same."""
    ours = values("aaaaaa", (NEAR, CLEAR, CLEAR, NEAR, CLEAR, None))
    theirs = values("bbbaaa", (CLEAR, NEAR, CLEAR, CLEAR, CLEAR, None))

    found = near_tie_flips([(ours, theirs)], RUN, RUN)

    assert NearTieFlips(
        flips=3, began_at_near_tie=2, fragile=3, fragile_not_flipped=1, threshold=near_tie_of("float32")
    ) == found  # fmt: skip
    assert "3 answers differ: 2 met a near tie" in str(found)
    assert "1 did not, so rounding alone does not explain it; 1 that met one are the same" in str(found)


def test_the_coarser_run_sets_the_threshold() -> None:
    """So a clear choice in float32 may be a near tie beside bfloat16."""
    ours, theirs = values("a", (CLEAR,)), values("b", (CLEAR,))

    found = [near_tie_flips([(ours, theirs)], RUN, other) for other in (RUN, HALF)]

    assert [0, 1] == [each.began_at_near_tie for each in found if each is not None]


def test_nothing_is_said_where_neither_run_tells() -> None:
    """Null is not zero: outputs made elsewhere, and runs of before."""
    silent = values("ab", ())

    assert near_tie_flips([(silent, replace(silent, margins=(None, None)))], RUN, None) is None
