"""What a run asks of its draws: the settings as backends take them, and what identity and label say of them."""

from __future__ import annotations

from typing import Any

from evalkit.models import Sampling
from evalkit.settings import RunSettings

__all__ = ["GREEDY", "draws_of", "sampling_identity", "sampling_of", "sampling_overrides"]

GREEDY = "greedy"


def sampling_of(settings: RunSettings) -> Sampling | None:
    """The rule and the seed of a run's draws; None where the likeliest tokens are chosen."""
    if not settings.temperature:
        return None
    top_p = None if settings.top_p in {None, 1.0} else settings.top_p
    return Sampling(
        float(settings.temperature), top_p, settings.top_k, settings.repetition_penalty, settings.sampling_seed or 0
    )


def draws_of(settings: RunSettings) -> int:
    """How many answers each sample gets."""
    return settings.samples_per_question or 1


def sampling_identity(settings: RunSettings) -> dict[str, Any]:
    """How tokens are chosen and with which seed; greedy decoding draws nothing.

    How many draws there are is no part of it: each is what it is, whatever others there are.
    """
    sampling = sampling_of(settings)
    return {"sampling": str(sampling or GREEDY), "seed": 0 if sampling is None else sampling.seed}


def sampling_overrides(settings: RunSettings) -> dict[str, Any]:
    """Name → value of what a label says of it."""
    sampling = sampling_of(settings)
    if sampling is None:
        return {}
    return {**sampling.overrides, "sampling-seed": sampling.seed or None}
