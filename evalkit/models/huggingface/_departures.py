"""An answer held against passes over the whole text before each of its tokens, computed without any cache."""

from __future__ import annotations

from collections.abc import Iterator

from .._stopping import AnswerEnd
from ._choice import best_token
from ._feeding import Feeding
from ._processors import Process

__all__ = ["departures"]

# Between a token's logits over a cache and without one, relative to their spread: kernels add up in another order,
# which in float32 costs some 1e-6 a layer, and in narrower formats some last places.
ROUNDING = 1e-4
ROUNDING_STEPS = 8


def departures(
    feeding: Feeding, process: Process, end: AnswerEnd, ids: list[int], generated: list[int]
) -> Iterator[bool]:
    """Whether each generated token behind the prompt `ids` lies below the best one of a whole pass."""
    import torch

    rounding = max(ROUNDING, ROUNDING_STEPS * torch.finfo(feeding.dtype).eps)
    with torch.inference_mode():
        for place, token in enumerate(generated):
            logits = feeding.whole([*ids, *generated[:place]])
            scores = process(logits, generated[:place])
            best = best_token(scores, end.forbidden(place)).token
            spread = float(logits.max() - logits.median())  # masked tokens have large negative ones
            yield float(scores[best] - scores[token]) > rounding * spread
