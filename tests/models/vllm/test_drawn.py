"""What vLLM's `SamplingParams` are given."""

from __future__ import annotations

from evalkit.models import Sampling
from evalkit.models.vllm._adapter import _drawn


def test_greedy_is_temperature_zero() -> None:
    """And no seed."""
    assert {"temperature": 0.0} == _drawn(None)


def test_draws_have_their_rule_and_their_seed() -> None:
    """What is not asked for is off."""
    assert {"temperature": 0.7, "top_p": 0.9, "top_k": 20, "seed": 5} == _drawn(Sampling(0.7, 0.9, 20, seed=5))
    assert {"temperature": 1.2, "top_p": 1.0, "top_k": 0, "seed": 0} == _drawn(Sampling(1.2))
