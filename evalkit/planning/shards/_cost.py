"""What answering a prompt costs one engine, in operations: prefill with its attention, and the answer expected.

    prefill(c, t) = (t − c) · token + (t² − c²) / 2 · pair            tokens c … t − 1, each attends to those before it
    decode(t, limit) = n · new_token + (n · t + n² / 2) · pair        n = EXPECTED · limit

with token = 2 · parameters that a token is multiplied with (embedding and output layer are left out), and
pair = 4 · layers · heads · head_dim, as the hf backend counts them. A new token costs as much as the time in which its
pass reads the weights, shared by the answers under way at once. Only ratios of costs count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from evalkit.cards import Architecture, Card

__all__ = ["WorkCost", "fitted_cost", "work_cost"]

EXPECTED = 0.5
"""Of a generation limit, what is generated: 0.43 (Llama-2-7B) to 0.56 (Llama-3-8B), the mean over LongBench's tasks of
published outputs."""
NEW_TOKEN = 4.2
"""Prompt tokens that one new token takes the time of: an H100 reads 3 TB/s and computes 400 Tflop/s, so a pass over
16-bit weights takes the time of 133 prompt tokens, and 32 answers share it."""
PULL = 0.01
"""Of one sample's weight, what the ratios that are known weigh in a fit."""
LAYERS, WIDTH, PARAMETERS = 32, 4096, 6_500_000_000  # Llama-2-7B, where a card says nothing


@dataclass(frozen=True)
class WorkCost:
    """Costs of one model, in operations or seconds: only ratios count."""

    token: float
    """All but attention, for one prompt token."""
    pair: float
    """Attention of all layers, for one pair of query and key."""
    new_token: float
    """All but attention, for one token of an answer."""

    def prefill(self, cached: int, tokens: int) -> float:
        """Of the tokens of a prompt behind its first `cached`."""
        return (tokens - cached) * self.token + (tokens * tokens - cached * cached) / 2 * self.pair

    def decode(self, tokens: int, limit: int) -> float:
        """Of the answer expected to a prompt of so many tokens under a generation limit."""
        new = EXPECTED * limit
        return new * self.new_token + (tokens + new / 2) * new * self.pair


def work_cost(card: Card) -> WorkCost:
    """The costs of a card's model, from its architecture; those of a Llama-2-7B where it says nothing."""
    shape = card.architecture
    width = shape.heads * shape.head_dim if shape.heads and shape.head_dim else shape.hidden or WIDTH
    token = 2.0 * _multiplied(shape)
    return WorkCost(token, 4.0 * (shape.layers or LAYERS) * width, NEW_TOKEN * token)


def _multiplied(shape: Architecture) -> int:
    """Parameters that each prompt token is multiplied with."""
    if shape.parameters:
        ends = (shape.vocabulary or 0) * (shape.hidden or 0)
        return max(shape.parameters - ends, shape.parameters // 2)
    if shape.layers and shape.hidden:
        return shape.layers * shape.hidden * (4 * shape.hidden + 3 * (shape.feed_forward or 4 * shape.hidden))
    return PARAMETERS


def fitted_cost(samples: Iterable[tuple[int, int, int, float]], like: WorkCost) -> WorkCost:
    """The costs, in seconds, of timed answers: (cached tokens, prompt tokens, new tokens, seconds) of each.

    Least squares of relative errors; what the answers do not tell keeps its ratio in `like`.
    """
    rows = [
        (
            (tokens - cached) * like.token,
            (tokens * tokens - cached * cached) / 2 * like.pair + (tokens + new / 2) * new * like.pair,
            new * like.new_token,
            seconds,
        )
        for cached, tokens, new, seconds in samples
    ]
    table = np.array(rows)
    scale = table[:, 3].sum() / table[:, :3].sum()  # seconds for an operation of `like`
    relative = table[:, :3] * scale / table[:, 3:]
    pull = PULL * np.sqrt(len(rows)) * np.eye(3)  # towards the ratios of `like`, where the samples tell nothing
    ones = np.concatenate([np.ones(len(rows)), pull.sum(axis=0)])
    factors = np.linalg.lstsq(np.vstack([relative, pull]), ones, rcond=None)[0]
    token, pair, new_token = np.maximum(factors, 0.0) * scale
    return WorkCost(float(token * like.token), float(pair * like.pair), float(new_token * like.new_token))
