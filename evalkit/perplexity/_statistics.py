"""How sure a loss is: a mean over tokens, whose documents vary.

Tokens of one document share its subject and style, and its windows do too, so documents are the clusters. The loss is a
ratio of two sums over documents, nats over tokens; its standard error is the jackknife's that leaves out one document
at a time ("CV3" in MacKinnon, Nielsen and Webb 2022), as for scores, and the interval is Student's t with documents − 1
degrees of freedom. Perplexity = exp(loss), so its interval is that of the ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.scores.intervals import t_quantile

from ._passes import Sums

__all__ = ["MIN_DOCUMENTS", "Estimate", "difference_of", "loss_of"]

MIN_DOCUMENTS = 5
"""Under so many documents there is no interval, as for scores: their spread says next to nothing of others."""
TAIL = 0.025  # on each side of a 95% interval
Array = NDArray[np.float64]


class Estimate(NamedTuple):
    """A mean over tokens."""

    value: float
    """Nats per token."""
    ci95: tuple[float, float] | None
    """95% interval over documents; None for fewer than `MIN_DOCUMENTS`."""


def loss_of(documents: Sequence[Sums]) -> Estimate:
    """The loss over the documents' tokens; `ValueError` where there are none."""
    nats, tokens = _columns(documents)
    return _ratio(nats, tokens)


def difference_of(documents: Sequence[Sums], reference: Sequence[Sums]) -> Estimate:
    """The loss minus the reference's on the same tokens of the same documents, in that order."""
    (nats, tokens), (other, same) = _columns(documents), _columns(reference)
    if not np.array_equal(tokens, same):
        raise ValueError("the reference has other tokens")
    return _ratio(nats - other, tokens)


def _columns(documents: Sequence[Sums]) -> tuple[Array, Array]:
    return (
        np.array([sums.nats for sums in documents], dtype=np.float64),
        np.array([sums.tokens for sums in documents], dtype=np.float64),
    )


def _ratio(nats: Array, tokens: Array) -> Estimate:
    if not tokens.sum():
        raise ValueError("no tokens")
    value = math.fsum(nats) / float(tokens.sum())
    clusters = len(nats)
    if clusters < MIN_DOCUMENTS:
        return Estimate(value, None)
    without = (nats.sum() - nats) / (tokens.sum() - tokens)
    error = math.hypot(*(value - without)) * math.sqrt((clusters - 1) / clusters)
    half = t_quantile(1 - TAIL, clusters - 1) * error
    return Estimate(value, (value - half, value + half))
