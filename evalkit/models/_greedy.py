"""The greedy loop of an adapter whose engine gives one token at a time: it ends and reads answers as all of them do."""

from __future__ import annotations

import time
from collections.abc import Callable

from evalkit.errors import SampleError
from evalkit.prompts import PromptTokenizer

from ._base import Completion, GenerationRequest
from ._stopping import AnswerEnd

__all__ = ["NextToken", "answer_greedily"]

NextToken = Callable[[list[int], frozenset[int]], int]
"""The likeliest token behind those generated so far, the second argument's excepted."""


def answer_greedily(
    request: GenerationRequest, tokenizer: PromptTokenizer, eos_ids: frozenset[int], next_token: NextToken
) -> Completion:
    """The completion of one request, token by token.

    Stop strings, end-of-text tokens, least and most tokens are seen to here. A `SampleError` of `next_token` becomes a
    completion with that error, anything else is raised.
    """
    start = time.perf_counter()
    end = AnswerEnd(tokenizer, eos_ids, request.stop, request.stop_rule)
    generated: list[int] = []
    is_complete = False
    try:
        while len(generated) < request.max_new_tokens and not is_complete:
            generated.append(next_token(generated, end.forbidden(len(generated))))
            is_complete = end.reached(generated)
    except SampleError as error:
        seconds = time.perf_counter() - start
        return Completion(request.index, finish_reason="error", seconds=seconds, error=str(error))
    return Completion(
        request.index,
        text=end.text(generated),
        output_tokens=len(generated),
        finish_reason="stop" if is_complete else "length",
        seconds=time.perf_counter() - start,
    )
