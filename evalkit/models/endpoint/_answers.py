"""From what a server answered to what is recorded: the text, its length, and whether both are what was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evalkit.cards import Card
from evalkit.prompts import PromptTokenizer

from .._base import GenerationRequest
from ._protocol import RefusedError, Reply

__all__ = ["CountComparison", "ReplyReader"]

SLACK_TOKENS = 2  # a text tokenised again may split otherwise than it was generated
SEAM_TOKENS = 4  # likewise where truncation joined two texts


class ReplyReader:
    """Reads the answers to requests for one model."""

    def __init__(self, tokenizer: PromptTokenizer) -> None:
        self._tokenizer = tokenizer
        self._has_tokens = tokenizer.unit == "tokens"

    def vllm_fields(self, request: GenerationRequest) -> dict[str, Any]:
        """What vLLM alone can be told of how the answer ends."""
        stop_rule = request.stop_rule
        ids = self._ending_ids(request)
        return {
            **({"min_tokens": stop_rule.min_new_tokens} if stop_rule.min_new_tokens else {}),
            **({"stop_token_ids": ids} if ids else {}),
            **({"skip_special_tokens": True} if stop_rule.skips_special_tokens else {}),
        }

    def stop_strings(self, request: GenerationRequest, *, is_vllm: bool) -> list[str]:
        """Strings that end the answer; where a server cannot be told of a token, its text stands in."""
        ending = request.stop_rule.ends_at_token_of
        stand_in = (ending,) if ending and not (is_vllm and self._has_tokens) else ()
        return [*request.stop, *stand_in]

    def text(self, request: GenerationRequest, answer: Reply) -> str:
        """The answer, made of its token ids where they are known: then equal tokens give equal texts everywhere."""
        text = answer.text
        if answer.token_ids is not None and self._has_tokens:
            ids = list(answer.token_ids)
            # The end-of-text token is no text; where a limit or a stop string ended the answer, all ids are.
            if answer.finish_reason == "stop" and self._is_ended_by_token(request, answer):
                ids = ids[:-1]
            text = self._tokenizer.decode(ids, skip_special=request.stop_rule.skips_special_tokens)
        # Again here: the API takes four stop strings, and some servers leave them in the text.
        ends = [text.find(stop) for stop in request.stop if stop in text]
        return text[: min(ends)] if ends else text

    def output_tokens(self, request: GenerationRequest, answer: Reply) -> int:
        """Tokens generated: by ids, by the server's count where it can be true, else counted in the text."""
        if answer.token_ids is not None:
            return len(answer.token_ids)
        if answer.output_tokens is not None and answer.output_tokens <= request.max_new_tokens:
            return answer.output_tokens
        return len(self._tokenizer.encode(answer.text)) if self._has_tokens else 0

    def check_length(self, request: GenerationRequest, answer: Reply) -> None:
        """Raise `RefusedError` for an answer longer than allowed: it follows no protocol, so it is not scored."""
        limit, counted = request.max_new_tokens, answer.output_tokens
        if answer.token_ids is not None:
            counted = len(answer.token_ids)
        elif counted is None or counted > limit:
            own = self._most_tokens(answer.text)
            if own <= limit + SLACK_TOKENS:
                return  # a count that the text disproves is no count
            counted = own if self._has_tokens else counted
        if counted is not None and counted > limit:
            raise RefusedError(f"the server generated {counted} tokens where {limit} were allowed")

    def _most_tokens(self, text: str) -> int:
        """Tokens of a text; where nobody knows the tokenizer its bytes, which cannot be fewer."""
        return len(self._tokenizer.encode(text)) if self._has_tokens else len(text.encode())

    def _ending_ids(self, request: GenerationRequest) -> list[int]:
        ending = request.stop_rule.ends_at_token_of
        return self._tokenizer.encode(ending)[-1:] if ending and self._has_tokens else []

    def _is_ended_by_token(self, request: GenerationRequest, answer: Reply) -> bool:
        """Whether the last id is the end-of-text token; a token that the protocol names stays in the text."""
        return not isinstance(answer.stop_reason, str) and answer.stop_reason not in self._ending_ids(request)


class CountComparison:
    """Compares the server's prompt lengths with ours, and says once that they come from different tokenizers."""

    def __init__(self, card: Card, tokenizer: PromptTokenizer, note: Callable[[str], None]) -> None:
        self._is_formatted_there = card.chat == "server"
        self._is_possible = tokenizer.unit == "tokens"
        self._note = note
        self._least: int | None = None
        self._most: int | None = None
        self._is_said = False

    def compare(self, ours: int, theirs: int | None) -> None:
        """Take one more prompt's two lengths into account."""
        if theirs is None or not self._is_possible or self._is_said:
            return
        surplus = theirs - ours
        self._least = surplus if self._least is None else min(self._least, surplus)
        self._most = surplus if self._most is None else max(self._most, surplus)
        # A server's chat format adds a number of tokens of its own, the same to every prompt.
        spread = self._most - self._least if self._is_formatted_there else max(abs(self._most), abs(self._least))
        if spread > SEAM_TOKENS:
            self._is_said = True
            self._note(
                f"the server counts {theirs} tokens in a prompt of {ours}: its tokenizer is not the card's, "
                "so lengths and truncation are off by as much"
            )
