"""How tokens are drawn, and which draw a request is: seeds made of content, so that order and batch cannot matter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from evalkit.seeds import content_seed

__all__ = ["Sampling"]

SEED_BITS = 63  # what a signed number of 64 bits holds, as torch and vLLM take seeds


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a run asks of its draws, or one of them. Greedy decoding has none."""

    temperature: float
    """What logits are divided by, above 0."""
    top_p: float | None = None
    """Share of the probability that the likeliest tokens must hold, below 1; None = all of it."""
    top_k: int | None = None
    """How many of the likeliest tokens are drawn from; None = all."""
    repetition_penalty: float | None = None
    """What logits of tokens seen before are divided by (multiplied where negative); None = the model's own."""
    seed: int = 0
    """Of all draws of a run; of one draw, in its request."""

    def of_draw(self, digest: str, draw: int) -> Sampling:
        """The draw of that number for the prompt whose ids have that sha256: the same whatever else is asked."""
        seed = content_seed("sampling", digest, self.seed, draw) >> (64 - SEED_BITS)
        return replace(self, seed=seed)

    @property
    def rule(self) -> tuple[float, float | None, int | None]:
        """How scores are warped that processors are done with: draws of one rule are made at once."""
        return self.temperature, self.top_p, self.top_k

    @property
    def overrides(self) -> dict[str, Any]:
        """Name → value of what is set, as a label tells it."""
        heat = repr(float(self.temperature)).removesuffix(".0")
        found = {
            "temperature": heat,
            "top-p": self.top_p,
            "top-k": self.top_k,
            "repetition-penalty": self.repetition_penalty,
        }
        return {name: value for name, value in found.items() if value is not None}

    def __str__(self) -> str:
        """As an identity holds it: `temperature 0.7, top-p 0.9`."""
        return ", ".join(f"{name} {value}" for name, value in self.overrides.items())
