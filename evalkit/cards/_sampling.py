"""What a card says of how answers are drawn."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from evalkit.cards._serving import CardRecord
from evalkit.records import Count, Number

__all__ = ["CardSampling"]


class CardSampling(CardRecord):
    """How the makers draw the model's answers; runs decode greedily unless they are asked otherwise, a chat does so."""

    temperature: Annotated[Number, Field(ge=0.01, le=100)]
    """What logits are divided by."""
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Share of the probability that the likeliest tokens must hold; null = all of it."""
    top_k: Count | None = None
    """How many of the likeliest tokens are drawn from; null = all."""
    repetition_penalty: Annotated[Number, Field(gt=0, le=100)] | None = None
    """Penalty on tokens seen before; null = that of generation_config.json."""
