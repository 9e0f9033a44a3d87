"""The likeliest token, of one answer and of several."""

from __future__ import annotations

import math

import pytest
import torch

from evalkit.models import Sampling
from evalkit.models.huggingface._choice import allowed, best_token, best_tokens
from evalkit.models.huggingface._draw import Draw

NONE: frozenset[int] = frozenset()


def test_the_first_of_equally_likely_tokens_wins_in_a_batch_too() -> None:
    """Else a batch would decide ties otherwise than a single answer."""
    tied = torch.tensor([0.0, 4.0, 1.0, 4.0, 4.0])

    assert (1, 0.0) == best_token(tied, NONE)
    assert [(1, 0.0)] * 2 == best_tokens([tied, tied])


def test_forbidden_tokens_are_out_of_reach_and_the_logits_stay() -> None:
    """For this token only."""
    logits = torch.tensor([0.0, 4.0, 1.0])

    assert (2, 1.0) == best_token(logits, frozenset({1}))
    assert [(2, 1.0)] == best_tokens([allowed(logits, frozenset({1}))])
    assert 4.0 == float(logits[1])


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_winner_that_is_no_number_is_no_token(broken: float) -> None:
    """Masked tokens are minus infinity, which is none either where all are masked."""
    logits = torch.tensor([0.0, broken, 1.0])

    with pytest.raises(RuntimeError, match="not finite"):
        best_token(logits, NONE)
    rows = [logits, torch.tensor([0.0, -math.inf, 1.0]), torch.full((3,), -math.inf)]
    assert [None, (2, 1.0), None] == best_tokens(rows)


def test_a_token_without_an_alternative_is_infinitely_clear() -> None:
    """One that a model's configuration forces; nothing could change it."""
    forced = torch.tensor([-math.inf, 1.0, -math.inf])

    assert (1, math.inf) == best_token(forced, NONE)
    assert [(1, math.inf)] == best_tokens([forced])


def test_the_choice_is_that_of_argmax_and_the_gap_that_of_the_best_two() -> None:
    """Bit for bit, of rows with many equal logits, and the rows stay as they were."""
    rows = list((4 * torch.randn(200, 400, generator=torch.Generator().manual_seed(3))).round())
    expected = [(int(row.argmax()), float(row.topk(2).values.diff().abs())) for row in rows]
    assert 20 < sum(gap == 0 for _, gap in expected)

    assert expected == best_tokens(rows) == [best_token(row, NONE) for row in rows]
    assert [token for token, _ in expected] == [int(row.argmax()) for row in rows]


def test_drawn_tokens_have_no_gap() -> None:
    """It would say something of the noise."""
    draw = Draw(Sampling(1.0), 0)
    logits = torch.tensor([0.0, 4.0, 1.0])

    assert best_token(logits, NONE, draw).gap is None
    assert best_tokens([logits], [draw]) == [best_token(logits, NONE, draw)]
