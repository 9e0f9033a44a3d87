"""The greedy loop of an adapter whose engine gives one token at a time: it ends and reads answers as all of them do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from evalkit.errors import SampleError
from evalkit.prompts import PromptTokenizer

from ._base import Completion, GenerationRequest
from ._stopping import AnswerEnd, answer_end

__all__ = ["Choice", "ClosestCall", "GreedyTokens", "NextToken", "answer_greedily", "grow"]


class Choice(NamedTuple):
    """A token, and how clear it was."""

    token: int
    """The token."""
    gap: float | None = None
    """By how much its logit, as decoding compares them, is above the second best, which is the difference of their
    log-probabilities in nats; infinite where no other token was allowed, None where nobody tells."""


NextToken = Callable[[list[int], frozenset[int]], int | Choice]
"""The likeliest token behind those generated so far, the second argument's excepted; with its gap if that is known."""


@dataclass(slots=True)
class ClosestCall:
    """The smallest gap met so far in one answer; tokens without an alternative do not count."""

    margin: float | None = None
    """The gap, in nats; None where no token had one."""
    token: int | None = None
    """Index of its token among those generated; of equal gaps the first."""

    def take(self, gap: float | None, token: int) -> None:
        """Take note of the gap of one more token."""
        if gap is not None and math.isfinite(gap) and (self.margin is None or gap < self.margin):
            self.margin, self.token = gap, token


def answer_greedily(
    request: GenerationRequest, tokenizer: PromptTokenizer, eos_ids: frozenset[int], next_token: NextToken
) -> Completion:
    """The completion of one request, token by token.

    Stop strings, end-of-text tokens, least and most tokens are seen to here. A `SampleError` of `next_token` becomes a
    completion with that error, anything else is raised.
    """
    start = time.perf_counter()
    end, answer = answer_end(request, tokenizer, eos_ids), GreedyTokens()
    try:
        for _ in grow(answer, request.max_new_tokens, end, next_token):
            pass
    except SampleError as error:
        seconds = time.perf_counter() - start
        return Completion(request.index, finish_reason="error", seconds=seconds, error=str(error))
    return answer.completion(request, end, start)


@dataclass(slots=True)
class GreedyTokens:
    """What the greedy loop generated for one request."""

    ids: list[int] = field(default_factory=list)
    """All tokens, the one that ended the answer included."""
    is_complete: bool = False
    """Whether the answer ended by itself, not at the generation limit."""
    closest: ClosestCall = field(default_factory=ClosestCall)
    """Where another token was nearly as likely."""

    def completion(
        self, request: GenerationRequest, end: AnswerEnd, start: float, cached_tokens: int = 0
    ) -> Completion:
        """The answer that they are; `start` is the `perf_counter` at which the request began."""
        parts = end.parts(self.ids)
        return Completion(
            request.index,
            text=parts.text,
            reasoning=parts.reasoning,
            reasoning_tokens=parts.reasoning_tokens,
            margin=self.closest.margin,
            margin_token=self.closest.token,
            lost_to=parts.lost_to,
            output_tokens=len(self.ids),
            finish_reason="stop" if self.is_complete else "length",
            seconds=time.perf_counter() - start,
            cached_tokens=cached_tokens,
        )


def grow(answer: GreedyTokens, max_new_tokens: int, end: AnswerEnd, next_token: NextToken) -> Iterator[None]:
    """Add tokens up to the end of the answer or the limit, of all or of thoughts or answer alone: one at each step."""
    while len(answer.ids) < max_new_tokens:
        found = next_token(answer.ids, end.forbidden(len(answer.ids)))
        choice = found if isinstance(found, Choice) else Choice(found)
        answer.closest.take(choice.gap, len(answer.ids))
        answer.ids.append(choice.token)
        answer.is_complete = end.reached(answer.ids)
        yield
        if answer.is_complete or end.is_spent(answer.ids):
            return
