"""The next token, the likeliest or a drawn one: of one answer, or of every answer of a batch with one question to the
device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ._draw import Draw, perturbed

if TYPE_CHECKING:
    import torch

__all__ = ["NOT_FINITE", "allowed", "best_token", "best_tokens"]

NOT_FINITE = "the model's logits are not finite; try --dtype float32 or bfloat16"


def best_token(logits: torch.Tensor, forbidden: frozenset[int], draw: Draw | None = None) -> int:
    """The likeliest token but the forbidden ones, or a drawn one; `RuntimeError` where the logits are no numbers.

    The winner tells: `argmax` takes NaN and infinity for the largest number, and models mask tokens with -infinity.
    """
    logits = allowed(logits, forbidden)
    if draw is not None:
        logits = perturbed(logits[None], [draw])[0]
    best = int(logits.argmax())
    if not math.isfinite(float(logits[best])):
        raise RuntimeError(NOT_FINITE)
    return best


def best_tokens(scores: Sequence[torch.Tensor], draws: Sequence[Draw] = ()) -> list[int | None]:
    """The likeliest token of each row, whose scores have shape (vocabulary,); None where they are no numbers.

    Where `draws` has one for each row, the token that it draws.
    """
    import torch

    together = torch.stack(list(scores))
    if draws:
        together = perturbed(together, draws)
    best = together.argmax(-1)
    is_finite = together.gather(-1, best[:, None])[:, 0].isfinite()
    return [None if token < 0 else token for token in torch.where(is_finite, best, -1).tolist()]


def allowed(logits: torch.Tensor, forbidden: frozenset[int]) -> torch.Tensor:
    """The logits with the forbidden tokens out of reach."""
    if forbidden:
        logits = logits.clone()
        logits[list(forbidden)] = float("-inf")
    return logits
