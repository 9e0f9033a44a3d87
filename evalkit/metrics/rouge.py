"""ROUGE F-measures on the 0–100 scale, equal to `rouge_score` 0.1.2 without a stemmer, in C++ instead of Python.

L-Eval takes the plain mean over samples; OpenCompass the bootstrap median of `bootstrap_medians`. LongBench uses
another package with another definition: see `longbench_rouge`.
The tokenizer knows only a–z and 0–9, so Chinese text scores 0 here, as upstream.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from evalkit.metrics._shared import best_of, harmonic_mean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["bootstrap_medians", "rouge1", "rouge2", "rouge_l", "rouge_tokens"]

_Gram = TypeVar("_Gram")
_TOKEN = re.compile(r"[a-z0-9]+")

BOOTSTRAP_RESAMPLES = 1000  # rouge_score/scoring.py, BootstrapAggregator(n_samples=1000)
BOOTSTRAP_SEED = 0  # OpenCompass bundles HF's metric, whose compute() seeds numpy's global generator with 0
_DRAWS_AT_ONCE = 1 << 20  # bounds the memory of one block of resamples; the stream of draws does not depend on it


@lru_cache(maxsize=2048)
def rouge_tokens(text: str) -> tuple[str, ...]:
    """The words that count: runs of a–z and 0–9, lower-cased."""
    return tuple(_TOKEN.findall(text.lower()))


def rouge1(prediction: str, targets: Sequence[str]) -> float:
    """ROUGE-1 F-measure (0–100), best over targets."""
    return 100.0 * best_of(_rouge1, prediction, targets)


def rouge2(prediction: str, targets: Sequence[str]) -> float:
    """ROUGE-2 F-measure (0–100), best over targets."""
    return 100.0 * best_of(_rouge2, prediction, targets)


def rouge_l(prediction: str, targets: Sequence[str]) -> float:
    """ROUGE-L F-measure (0–100) of the whole texts, best over targets."""
    return 100.0 * best_of(_rouge_l, prediction, targets)


def bootstrap_medians(columns: Sequence[Sequence[float]]) -> list[float]:
    """OpenCompass's corpus value of each column of per-sample scores: the median of 1,000 bootstrap means.

    The columns share one random stream, so their order matters: OpenCompass draws rouge1, rouge2, rougeL, rougeLsum.
    """
    import numpy as np

    generator = np.random.RandomState(BOOTSTRAP_SEED)
    return [_bootstrap_median(np.asarray(column, dtype=np.float64), generator) for column in columns]


def _bootstrap_median(values: npt.NDArray[np.float64], generator: np.random.RandomState) -> float:
    import numpy as np

    if not values.size:
        raise ValueError("a bootstrap needs at least one score")
    block = max(1, _DRAWS_AT_ONCE // values.size)
    means = []
    for start in range(0, BOOTSTRAP_RESAMPLES, block):
        resamples = min(block, BOOTSTRAP_RESAMPLES - start)
        means.append(values[generator.randint(0, values.size, size=(resamples, values.size))].mean(axis=1))
    return float(np.percentile(np.concatenate(means), 50))


def _rouge1(prediction: str, target: str) -> float:
    return _overlap(Counter(rouge_tokens(prediction)), Counter(rouge_tokens(target)))


def _rouge2(prediction: str, target: str) -> float:
    return _overlap(Counter(_bigrams(prediction)), Counter(_bigrams(target)))


def _bigrams(text: str) -> Iterator[tuple[str, str]]:
    tokens = rouge_tokens(text)
    return pairwise(tokens)


def _overlap(predicted: Counter[_Gram], expected: Counter[_Gram]) -> float:
    return _f_measure((predicted & expected).total(), predicted.total(), expected.total())


def _f_measure(hits: int, predicted: int, expected: int) -> float:
    return harmonic_mean(hits / max(predicted, 1), hits / max(expected, 1))


def _rouge_l(prediction: str, target: str) -> float:
    from rapidfuzz.distance import LCSseq

    predicted, expected = rouge_tokens(prediction), rouge_tokens(target)
    return _f_measure(LCSseq.similarity(predicted, expected), len(predicted), len(expected))
