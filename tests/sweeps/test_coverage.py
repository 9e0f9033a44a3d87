"""Intervals of lengths hold the true length about 95% of the time, in worlds where it is known."""

from __future__ import annotations

from itertools import takewhile

import numpy as np
import pytest

from evalkit.sweeps import SweepCell
from evalkit.sweeps import _bootstrap as bootstrap
from evalkit.sweeps._bootstrap import Resampled, holds_to, pays_from

from .worlds import world

WORLDS = 150
LENGTHS = (512, 1024, 2048, 4096, 8192)
SHARE = 0.85
CONTROL = 1

FALLING = (0.99, 0.98, 0.95, 0.5, 0.1)
NEAR = (0.98, 0.97, 0.88, 0.80, 0.5)
JUST_UNDER = (0.95, 0.95, 0.80, 0.79, 0.2)
JUST_OVER = (0.95, 0.85, 0.75, 0.74, 0.73)
WEAK = (0.6, 0.6, 0.55, 0.5, 0.3)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for the ends of an interval of five lengths."""
    monkeypatch.setattr(bootstrap, "DRAWS", 500)


def true_length(rates: tuple[float, ...], reference: tuple[float, ...]) -> int | None:
    held = [*takewhile(lambda pair: pair[1] >= SHARE * reference[CONTROL], zip(LENGTHS, rates, strict=True))]
    return held[-1][0] if held else None


def rank(length: int | None) -> int:
    return -1 if length is None else LENGTHS.index(length)


@pytest.mark.parametrize("documents, samples", [(10, 3), (10, 11), (30, 1)])
@pytest.mark.parametrize("rates", [FALLING, NEAR, JUST_UNDER, JUST_OVER, WEAK])
def test_the_interval_of_the_effective_length_holds_the_true_one(
    rates: tuple[float, ...], documents: int, samples: int
) -> None:
    """At 95% or above: lengths are few, so an interval of them can seldom hold just 95%."""
    generator = np.random.default_rng(round(1000 * rates[2]) + documents)
    true, hits, whole = rank(true_length(rates, NEAR)), 0, 0
    for _ in range(WORLDS):
        found = Resampled(world(generator, [NEAR, rates], documents, samples, 0.15))
        low, high = map(rank, holds_to(found, 1, LENGTHS, CONTROL, SHARE).ci95)
        hits += low <= true <= high
        whole += (low, high) == (-1, len(LENGTHS) - 1)

    assert hits >= 0.925 * WORLDS  # 95% less 1.4 standard errors of so few worlds
    assert whole < 0.6 * WORLDS  # and it says something


AS_GOOD = (0.97, 0.97, 0.6, 0.2, 0.0), (0.97, 0.97, 0.85, 0.6, 0.2)
WORSE = (0.97, 0.97, 0.0, 0.0, 0.0), (0.2, 0.2, 0.04, 0.6, 0.2)  # and at 2,048 tokens often none finds anything


@pytest.mark.parametrize("documents, samples", [(10, 3), (30, 1)])
@pytest.mark.parametrize("first, better", [AS_GOOD, WORSE])
def test_the_interval_of_where_a_spec_pays_holds_the_true_length(
    first: tuple[float, ...], better: tuple[float, ...], documents: int, samples: int
) -> None:
    """A spec as good, or worse, up to 1,024 tokens and better from 2,048 on."""
    generator, hits = np.random.default_rng(documents), 0
    for _ in range(WORLDS):
        found = Resampled(world(generator, [first, better], documents, samples, 0.15))
        low, high = pays_from(found, 1, LENGTHS, _cells(found)).ci95
        hits += (low or 10**9) <= 2048 <= (high or 10**9)

    assert hits >= 0.925 * WORLDS


def _cells(found: Resampled) -> list[SweepCell]:
    """Cells that know of no difference: the interval is the bootstrap's own."""
    return [
        SweepCell(length, 0, 0, 0.0, None, 0.0, (-1.0, 1.0), None, None) for length in LENGTHS[: found.points.count]
    ]
