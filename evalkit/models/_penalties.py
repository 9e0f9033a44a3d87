"""What a model's generation configuration asks of greedy decoding.

`transformers.generate` applies it whenever it is there, and so did the published set-ups, which only switched sampling
off (OpenCompass `HuggingFacewithChatTemplate`: `do_sample = False`, then `generate`). Formulas: transformers
`RepetitionPenaltyLogitsProcessor` and `NoRepeatNGramLogitsProcessor`, prompt included in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["Penalties", "read_penalties"]


@dataclass(frozen=True)
class Penalties:
    """Penalties on tokens that the prompt or the answer already holds."""

    repetition: float = 1.0
    """Divides positive logits of tokens seen, multiplies negative ones; 1 = off."""
    no_repeat_ngram: int = 0
    """Length of token runs that may not come twice; 0 = off."""

    @property
    def is_neutral(self) -> bool:
        """Whether decoding is plain greedy."""
        return self.repetition == 1.0 and self.no_repeat_ngram == 0

    def apply(self, logits: torch.Tensor, seen: Sequence[int]) -> torch.Tensor:
        """The logits, shape (vocabulary,), after the prompt and answer tokens in `seen`."""
        import torch

        if self.is_neutral:
            return logits
        logits = logits.clone()
        if self.repetition != 1.0:
            # Each token once, however often it was seen. Multiplying a negative logit makes it less likely too.
            ids = torch.tensor(sorted(set(seen)), dtype=torch.long, device=logits.device)
            held = logits[ids]
            logits[ids] = torch.where(held < 0, held * self.repetition, held / self.repetition)
        banned = _ngram_ends(seen, self.no_repeat_ngram) if self.no_repeat_ngram else []
        logits[banned] = float("-inf")
        return logits


def read_penalties(configuration: Any) -> Penalties:
    """The penalties of a generation configuration (object or None); absent fields are off."""
    repetition = getattr(configuration, "repetition_penalty", None)
    ngram = getattr(configuration, "no_repeat_ngram_size", None)
    return Penalties(1.0 if repetition is None else float(repetition), 0 if ngram is None else int(ngram))


def _ngram_ends(seen: Sequence[int], size: int) -> list[int]:
    """Tokens that would complete a run of `size` tokens that stands in `seen` already."""
    if len(seen) < size:
        return []
    start = tuple(seen[len(seen) - size + 1 :])
    ends = range(size - 1, len(seen))
    return sorted({seen[end] for end in ends if tuple(seen[end - size + 1 : end]) == start})
