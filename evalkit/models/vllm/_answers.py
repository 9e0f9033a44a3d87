"""A request that the engine runs: its tokens so far, and whether its answer is complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._base import Completion, FinishReason, GenerationRequest
from .._stopping import AnswerEnd

__all__ = ["Answer"]


@dataclass(slots=True)
class Answer:
    """An answer under way."""

    request: GenerationRequest
    """What was asked."""
    end: AnswerEnd
    """Tells where the answer ends, and makes its text."""
    is_watched: bool = False
    """Whether the engine shows every token, because only evalkit knows where the answer ends."""
    generated: list[int] = field(default_factory=list)
    """Tokens so far, the one that ended the answer included."""

    def take(self, output: Any) -> bool:
        """Add the tokens of an output (all of them, or the next ones); whether the answer is complete."""
        new = output.outputs[0].token_ids
        if not self.is_watched:
            self.generated.extend(new)
            return bool(output.finished)
        for token in new:
            self.generated.append(token)
            if self.end.reached(self.generated) or self.end.is_spent(self.generated):
                return True
        return bool(output.finished)

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
            lost_to=parts.lost_to,
            output_tokens=len(self.generated),
            finish_reason=finish,
            seconds=seconds,
            cached_tokens=output.num_cached_tokens,
            prompt_tokens=len(output.prompt_token_ids),
        )
