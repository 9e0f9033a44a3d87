"""Degrees of freedom of errors that are estimated from clusters: few large ones among many small are few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from evalkit.scores import Spread

__all__ = ["effective_clusters", "freedom_of_sizes", "spread_freedom"]


def effective_clusters(clusters: Sequence[str]) -> float:
    """How many clusters of one size tell as much of a variance: (Σ m²)² / Σ m⁴ of clusters of m samples.

    Satterthwaite's count where the samples of a cluster move as one, so that its sum varies with m². Clusters of one
    size count fully; one with almost all samples counts as one, whatever stands beside it.
    """
    squares = np.array(list(Counter(clusters).values()), dtype=np.float64) ** 2
    return float(squares.sum() ** 2 / (squares**2).sum())


def spread_freedom(spread: Spread, clusters: Sequence[str]) -> float:
    """Degrees of freedom of the jackknife's variance, clusters − 1 at most.

    The lesser of two: of clusters so unequal (Bell and McCaffrey 2002; the samples of one move as one), and of
    differences so sparse, since a variance that hangs on few of them varies more than that of a normal variable: by
    2 / (G − 1) + κ / G of its square, κ their excess kurtosis.
    """
    return min(freedom_of_sizes(clusters), _of_values(spread))


def freedom_of_sizes(clusters: Sequence[str]) -> float:
    """Degrees of freedom of the jackknife's variance of a mean; clusters − 1 where they are of one size, else fewer.

    (tr AΣ)² / tr (AΣ)², A the matrix of that variance in the clusters' sums, Σ the variances of these where the samples
    of a cluster move as one (Bell and McCaffrey 2002). Two clusters at least.
    """
    sizes = np.array(list(Counter(clusters).values()), dtype=np.float64)
    shares = sizes / sizes.sum()
    scale = (1 - shares) ** -2.0
    cross, both = scale * shares, float((scale * shares**2).sum())
    weights = shares**2
    own = scale - 2 * cross + both
    total, once, twice = weights.sum(), (weights * cross).sum(), (weights * cross**2).sum()
    squared = both**2 * total**2 + 2 * total * twice - 4 * both * total * once + 2 * once**2
    squared += (weights**2 * (own**2 - (both - 2 * cross) ** 2)).sum()
    return round(float((weights * own).sum() ** 2 / squared), 9)


def _of_values(spread: Spread) -> float:
    squares = np.array(list(spread.influence.values())) ** 2
    count = len(squares)
    if not squares.sum():
        return float(count - 1)
    excess = max(0.0, count * float((squares**2).sum()) / float(squares.sum()) ** 2 - 3)
    return 2 / (2 / (count - 1) + excess / count)
