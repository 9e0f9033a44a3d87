"""The likeliest token, of one answer and of several."""

from __future__ import annotations

import math

import pytest
import torch

from evalkit.models.huggingface._choice import allowed, best_token, best_tokens

NONE: frozenset[int] = frozenset()


def test_the_first_of_equally_likely_tokens_wins_in_a_batch_too() -> None:
    """Else a batch would decide ties otherwise than a single answer."""
    tied = torch.tensor([0.0, 4.0, 1.0, 4.0, 4.0])

    assert 1 == best_token(tied, NONE)
    assert [1, 1] == best_tokens([tied, tied])


def test_forbidden_tokens_are_out_of_reach_and_the_logits_stay() -> None:
    """For this token only."""
    logits = torch.tensor([0.0, 4.0, 1.0])

    assert 2 == best_token(logits, frozenset({1}))
    assert [2] == best_tokens([allowed(logits, frozenset({1}))])
    assert 4.0 == float(logits[1])


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_winner_that_is_no_number_is_no_token(broken: float) -> None:
    """Masked tokens are minus infinity, which is none either where all are masked."""
    logits = torch.tensor([0.0, broken, 1.0])

    with pytest.raises(RuntimeError, match="not finite"):
        best_token(logits, NONE)
    assert [None, 2, None] == best_tokens([logits, torch.tensor([0.0, -math.inf, 1.0]), torch.full((3,), -math.inf)])
