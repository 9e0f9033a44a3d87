"""Draws tokens as `generate` does under sampling: transformers' own warpers, then a token by its probability.

A token is drawn by Gumbel's rule: the largest of the scores, each with noise of its own added. The noise is a function
of the request's seed, of the place in the answer and of the token (SplitMix64, Steele, Lea and Flood 2014), in whole
numbers that are the same on every device. So rows of a batch are drawn at once, and scores that differ by their
rounding give another token only as often as their probabilities differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .._sampling import Sampling

if TYPE_CHECKING:
    import torch

__all__ = ["Draw", "perturbed", "warped"]

GAMMA = 0x9E3779B97F4A7C15
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
WORD = 2**64
MANTISSA = 53  # bits of a float64


class Draw(NamedTuple):
    """One token to be drawn."""

    sampling: Sampling
    """Rule and seed of the request."""
    place: int
    """Index of the token in the answer."""


def perturbed(scores: torch.Tensor, draws: Sequence[Draw]) -> torch.Tensor:
    """Scores whose largest is the drawn token; both have shape (rows, vocabulary), the result in float64."""
    import torch

    if scores.device.type == "mps":  # has no float64
        scores = scores.cpu()
    rules = {draw.sampling.rule for draw in draws}
    if len(rules) == 1:
        found = warped(scores, draws[0].sampling)
    else:
        found = torch.cat([warped(row[None], draw.sampling) for row, draw in zip(scores, draws, strict=True)])
    return found.double() + _noise(draws, scores.shape[-1], scores.device)


def warped(scores: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Scores by temperature, top-k and top-p, in the order and by the classes of `generate`; (rows, vocabulary)."""
    from transformers.generation import logits_process

    scores = scores.float()
    ids = scores[:, :0].long()  # no warper reads them
    if sampling.temperature != 1:
        scores = logits_process.TemperatureLogitsWarper(float(sampling.temperature))(ids, scores)
    if sampling.top_k is not None:
        scores = logits_process.TopKLogitsWarper(sampling.top_k)(ids, scores)
    if sampling.top_p is not None:
        scores = logits_process.TopPLogitsWarper(sampling.top_p)(ids, scores)
    return scores


def _noise(draws: Sequence[Draw], vocabulary: int, device: torch.device) -> torch.Tensor:
    """Standard Gumbel numbers, shape (rows, vocabulary), float64."""
    import torch

    starts = torch.tensor([[_signed(_start(draw))] for draw in draws], dtype=torch.int64, device=device)
    tokens = torch.arange(1, vocabulary + 1, dtype=torch.int64, device=device)
    state = starts + tokens * _signed(GAMMA)  # 64-bit numbers that wrap around
    state = (state ^ _shifted(state, 30)) * _signed(FIRST)
    state = (state ^ _shifted(state, 27)) * _signed(SECOND)
    uniform = (_shifted(state ^ _shifted(state, 31), 64 - MANTISSA).double() + 0.5) * 2.0**-MANTISSA
    return -torch.log(-torch.log(uniform))


def _start(draw: Draw) -> int:
    """Where the stream of one token begins: its own word of the request's stream."""
    state = (draw.sampling.seed + (draw.place + 1) * GAMMA) % WORD
    state = (state ^ (state >> 30)) * FIRST % WORD
    state = (state ^ (state >> 27)) * SECOND % WORD
    return state ^ (state >> 31)


def _shifted(words: torch.Tensor, bits: int) -> torch.Tensor:
    """Shifted right with zeros moving in; torch moves the sign in."""
    return (words >> bits) & ((1 << (64 - bits)) - 1)


def _signed(word: int) -> int:
    """The signed number with the same 64 bits."""
    return word - WORD if word >= WORD // 2 else word
