"""The next token, the likeliest or a drawn one: of one answer, or of every answer of a batch with one question to the
device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._greedy import Choice
from ._draw import Draw, perturbed

if TYPE_CHECKING:
    import torch

__all__ = ["NOT_FINITE", "allowed", "best_token", "best_tokens"]

NOT_FINITE = "the model's logits are not finite; try --dtype float32 or bfloat16"


def best_token(logits: torch.Tensor, forbidden: frozenset[int], draw: Draw | None = None) -> Choice:
    """The likeliest token but the forbidden ones, or a drawn one; `RuntimeError` where the logits are no numbers.

    The winner tells: `argmax` takes NaN and infinity for the largest number, and models mask tokens with -infinity.
    """
    import torch

    logits = allowed(logits, forbidden)
    if draw is not None:
        logits = perturbed(logits[None], [draw])[0]
    best = logits.argmax(-1, keepdim=True)
    # Not `topk`: it is slower, and of equal logits it may put another one first than `argmax`.
    others = logits.index_fill(0, best, float("-inf"))
    value, second = torch.cat([logits.index_select(0, best), others.amax(-1, keepdim=True)]).tolist()
    if not math.isfinite(value):
        raise RuntimeError(NOT_FINITE)
    return Choice(int(best), value - second if draw is None else None)


def best_tokens(scores: Sequence[torch.Tensor], draws: Sequence[Draw] = ()) -> list[Choice | None]:
    """The likeliest token of each row, whose scores have shape (vocabulary,); None where they are no numbers.

    Where `draws` has one for each row, the token that it draws.
    """
    import torch

    together = torch.stack(list(scores))
    if draws:
        together = perturbed(together, draws)
    best = together.argmax(-1, keepdim=True)
    value = together.gather(-1, best)
    token = torch.where(value.isfinite(), best, -1)
    if draws:
        return [None if each < 0 else Choice(each) for each in token[:, 0].tolist()]
    gap = value - together.scatter_(-1, best, float("-inf")).amax(-1, keepdim=True)
    # One transfer for both: a float32 holds every id below 2 ** 24.
    found = torch.cat([token.float(), gap], dim=-1).tolist()
    return [None if each < 0 else Choice(int(each), margin) for each, margin in found]


def allowed(logits: torch.Tensor, forbidden: frozenset[int]) -> torch.Tensor:
    """The logits with the forbidden tokens out of reach."""
    if forbidden:
        logits = logits.clone()
        logits[list(forbidden)] = float("-inf")
    return logits
