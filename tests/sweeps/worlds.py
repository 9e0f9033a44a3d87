"""Sweeps made of numbers: documents whose difficulty all lengths share, answers right or wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evalkit.sweeps._bootstrap import Points

__all__ = ["made_points", "world"]


def made_points(scores: Sequence[Sequence[Sequence[float]]], *, alike: Sequence[tuple[int, int]] = ()) -> Points:
    """Points from scores[spec][length][document], one sample of each document at each length.

    `alike` names the pairs of spec and place of a length that turn as the first spec, which does itself.
    """
    values = np.asarray(scores, dtype=np.float64)
    specs, lengths, documents = values.shape
    return Points(
        values.reshape(specs, -1),
        np.repeat(np.arange(lengths), documents),
        [f"document {index % documents}" for index in range(lengths * documents)],
        lengths,
        _reference(specs, lengths, alike),
    )


def _reference(specs: int, lengths: int, alike: Sequence[tuple[int, int]] = ()) -> NDArray[np.bool_]:
    found = np.zeros((specs, lengths), dtype=np.bool_)
    found[0] = True
    for pair in alike:
        found[pair] = True
    return found


def world(
    generator: np.random.Generator, rates: Sequence[Sequence[float]], documents: int, samples: int, correlation: float
) -> Points:
    """Points of specs with these rates of right answers by length, rates[spec][length].

    `samples` of each document at each length; `correlation` of answers to one document, by beta-distributed rates
    whose places among documents are the same at all lengths and under all specs.
    """
    from scipy.stats import beta

    places = generator.random(documents)
    shape = (1 - correlation) / correlation
    points = []
    for row in rates:
        for rate in row:
            own = beta.ppf(places, rate * shape, (1 - rate) * shape) if 0 < rate < 1 else np.full(documents, rate)
            points.append(generator.random((documents, samples)) < own[:, None])
    values = 100.0 * np.array(points).reshape(len(rates), -1)
    lengths = len(rates[0])
    names = [f"document {index}" for index in range(documents) for _ in range(samples)]
    return Points(
        values,
        np.repeat(np.arange(lengths), documents * samples),
        names * lengths,
        lengths,
        _reference(len(rates), lengths),
    )
