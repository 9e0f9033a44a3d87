"""A request that the engine runs: its tokens so far, and whether its answer is complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._base import Completion, FinishReason, GenerationRequest, PartialAnswer
from .._greedy import ClosestCall
from .._stopping import AnswerEnd

__all__ = ["Answer", "gaps_of"]


@dataclass(slots=True)
class Answer:
    """An answer under way."""

    request: GenerationRequest
    """What was asked."""
    end: AnswerEnd
    """Tells where the answer ends, and makes its text."""
    is_watched: bool = False
    """Whether the engine shows every token, because only evalkit knows where the answer ends."""
    slot: int = 0
    """Where in the engine its rotation stands."""
    generated: list[int] = field(default_factory=list)
    """Tokens so far, the one that ended the answer included."""
    closest: ClosestCall = field(default_factory=ClosestCall)
    """Where among them another token was nearly as likely, as far as the engine tells."""

    def take(self, output: Any) -> bool:
        """Add the tokens of an output (all of them, or the next ones); whether the answer is complete."""
        new = output.outputs[0].token_ids
        gaps = gaps_of(output.outputs[0].logprobs, len(new))
        for token, gap in zip(new, gaps, strict=True):
            self.closest.take(gap, len(self.generated))
            self.generated.append(token)
            if self.is_watched and self._is_over():
                return True
        return bool(output.finished)

    def _is_over(self) -> bool:
        """Whether the last token ends the answer, or the budget of thoughts or answer."""
        return self.end.reached(self.generated) or self.end.is_spent(self.generated)

    def partial(self) -> PartialAnswer | None:
        """What may be shown of a watched answer; None where that is nothing new."""
        return self.end.partial(self.generated) if self.generated else None

    def completion(self, output: Any, seconds: float) -> Completion:
        """The complete answer, of the output that completed it."""
        index, reason = self.request.index, output.outputs[0].finish_reason
        finish: FinishReason = "length" if reason == "length" else "stop"
        if self.is_watched and self.generated and self.end.reached(self.generated):
            finish = "stop"
        elif self.is_watched and self.generated and self.end.is_spent(self.generated):
            finish = "length"
        elif reason not in {"stop", "length"}:
            why = f"vLLM ended the request without an answer ({reason})"
            return Completion(index, finish_reason="error", seconds=seconds, error=why)
        parts = self.end.parts(self.generated)
        return Completion(
            index,
            text=parts.text,
            reasoning=parts.reasoning,
            reasoning_tokens=parts.reasoning_tokens,
            margin=self.closest.margin,
            margin_token=self.closest.token,
            lost_to=parts.lost_to,
            output_tokens=len(self.generated),
            finish_reason=finish,
            seconds=seconds,
            cached_tokens=output.num_cached_tokens,
            prompt_tokens=len(output.prompt_token_ids),
        )


def gaps_of(scores: Any, count: int) -> list[float | None]:
    """By how much the best of each position's tokens is above the second, in nats; None where the engine tells none.

    `scores` are vLLM's `FlatLogprobs`: for each position the chosen token's, then those of the best two in order.
    """
    if scores is None:
        return [None] * count
    return [scores.logprobs[start + 1] - scores.logprobs[start + 2] for start in scores.start_indices]
