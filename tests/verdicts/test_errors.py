"""Verdicts are wrong no oftener than they say; the whole table is `python tests/statistics/verdict_errors.py`."""

from __future__ import annotations

import pytest

from evalkit.verdicts import Verdict
from tests.statistics.verdict_errors import World, measure, paired_coverage, verdicts_at, worlds

NAMES = (
    "R binary 0.7, single samples, runs 2, n 200, unstable 0.1, margin 2, size 1, together 0",
    "R binary 0.7, documents, runs 3, n 100, unstable 0.4, margin 3, size 20, together 0.5",
    "R f1, documents, runs 2, n 200, unstable 0.4, margin 2, size 20, together 0.5",
    "R geometric, single samples, runs 2, n 100, unstable 0.4, margin 1, size 1, together 0",
    "P binary 0.7, single samples, runs 1, n 200, unstable 0.04, margin 2, size 1, together 0",
    "P rouge, documents, runs 1, n 100, unstable 0.4, margin 1, size 5, together 0",
    "U binary 0.5, documents, n 200, margin 2, size 5, correlation 0.1",
    "U rouge 0.25, equal spread, single samples, n 200, margin 2, size 1, correlation 0",
)
WORLDS = {world.name: world for _, world in worlds() if world.name in NAMES}
SMALL = [world for _, world in worlds() if world.name.startswith("U") and len(world.clusters) <= 50]


@pytest.mark.parametrize("name", NAMES)
def test_verdicts_are_rarely_wrong(name: str) -> None:
    """200 draws with the true gap at the margin: 5%, and three errors of such a share."""
    errors = measure(WORLDS[name], 200)

    assert max(errors) <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_what_holds_is_called_held() -> None:
    """Not an empty promise: of 500 samples that are nearly stable, most are held to 3 points."""
    world = next(
        world
        for _, world in worlds()
        if world.name.startswith("R binary 0.7, single samples, runs 2, n 500, unstable 0.04, margin 3")
    )

    verdicts = verdicts_at(world, 0.0, 50)

    assert 45 <= sum(verdict is Verdict.HELD for verdict in verdicts)


@pytest.mark.parametrize("world", SMALL, ids=lambda world: world.name)
def test_nothing_unpaired_is_held_for_50_samples(world: World) -> None:
    """Without a gap, and with one at the margin."""
    verdicts = [*verdicts_at(world, 0.0, 20), *verdicts_at(world, world.margin, 20)]

    assert Verdict.HELD not in verdicts


@pytest.mark.parametrize(("documents", "size"), [(20, 5), (50, 1), (50, 5)])
def test_paired_intervals_hold_the_truth(documents: int, size: int) -> None:
    """95% nominal; 600 draws tell it from 92%."""
    assert 0.92 <= paired_coverage(documents, size, 0.3, 600) <= 0.975
