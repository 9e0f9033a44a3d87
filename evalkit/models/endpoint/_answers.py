"""From what a server answered to what is recorded: the text, its length, and whether both are what was asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalkit.cards import Card, ReasoningTags
from evalkit.prompts import PromptTokenizer, opens_thoughts, split_reasoning

from .._base import GenerationRequest
from .._stopping import AnswerEnd, cut_at_stop, watch_of
from .._thoughts import TAIL_TOKENS, AnswerParts, ThoughtRule, ThoughtWatch
from ._truncation import Sent, code_points
from ._untold import tags_in
from .protocol import Finish, RefusedError, Reply

__all__ = ["CountComparison", "ReplyReader"]

SLACK_TOKENS = 2  # a text tokenised again may split otherwise than it was generated
SEAM_TOKENS = 4  # likewise where truncation joined two texts
LARGEST_ID = 2**31  # ids are 32-bit numbers


class ReadAnswer(NamedTuple):
    """What a server answered, as it is recorded."""

    parts: AnswerParts
    """Thoughts and answer."""
    finish: Finish
    """Why the answer ended."""
    lost_to: Literal["reasoning", "refusal"] | None
    """What took the tokens of an empty answer."""


class ReplyReader:
    """Reads the answers to requests for one model."""

    def __init__(self, tokenizer: PromptTokenizer, *, is_formatted_there: bool = False) -> None:
        """`is_formatted_there` = the server makes the prompts of messages, so nobody here sees how they end."""
        self.tokenizer = tokenizer
        """The card's, or the server's own."""
        self.is_formatted_there = is_formatted_there
        """Whether the server makes the prompts."""
        self.has_tokens = tokenizer.unit == "tokens"
        """Whether anybody knows the tokenizer."""
        self.is_asking_ids = False
        """Whether the server was asked for the ids of its tokens; those that nobody asked for mean nothing."""

    def sent(self, request: GenerationRequest, transport: str) -> Sent:
        """The prompt as it leaves, for comparison with what the server reads."""

        def points() -> NDArray[np.int32]:
            if not self.has_tokens:
                return request.ids
            return code_points(self.tokenizer.decode(request.ids.tolist(), skip_special=True))

        return Sent(len(request.ids), request.max_new_tokens, points, self.has_tokens, transport == "ids")

    def vllm_fields(self, request: GenerationRequest) -> dict[str, Any]:
        """What vLLM alone can be told of how the answer ends; nothing that would end thoughts."""
        stop_rule = request.stop_rule
        if request.thoughts is not None:
            return {}
        ids = self._ending_ids(request)
        return {
            **({"min_tokens": stop_rule.min_new_tokens} if stop_rule.min_new_tokens else {}),
            **({"stop_token_ids": ids} if ids else {}),
            **({"skip_special_tokens": True} if stop_rule.skips_special_tokens else {}),
        }

    def stop_strings(self, request: GenerationRequest, *, is_vllm: bool) -> list[str]:
        """Strings that end the answer; where a server cannot be told of a token, its text stands in.

        None where the model thinks: the server would end its thoughts there. Its answer is cut here.
        """
        if request.thoughts is not None:
            return []
        ending = request.stop_rule.ends_at_token_of
        stand_in = (ending,) if ending and not (is_vllm and self.has_tokens) else ()
        return [*request.stop, *stand_in]

    def parts(self, request: GenerationRequest, answer: Reply) -> ReadAnswer:
        """Thoughts and answer as they are recorded, and how the answer ended."""
        if request.thoughts is None:
            return self._as_told(request, answer, self.text(request, answer))
        ids, watch = self.ids(answer), watch_of(request, self.tokenizer) if self.has_tokens else None
        if ids is not None and watch is not None and not (answer.reasoning or "").strip():
            return self._of_ids(request, answer, ids, watch)
        return self._of_text(request, answer)

    def _as_told(self, request: GenerationRequest, answer: Reply, text: str) -> ReadAnswer:
        """What the server says, with this text as the answer."""
        parts = AnswerParts(text, answer.reasoning, answer.usage.reasoning_tokens)
        return ReadAnswer(parts, self.finish(request, answer), answer.lost_to or parts.lost_to)

    def _of_ids(self, request: GenerationRequest, answer: Reply, ids: list[int], watch: ThoughtWatch) -> ReadAnswer:
        """As the local backends read an answer, who would have ended it at what the server was not told of."""
        # The end-of-text token is no text; it ended the answer where the server says so.
        ended = ids[-1:] if answer.finish == "stop" and self._is_ended_by_token(request, answer) else []
        # Stop strings are looked for in the finished text: a server's own tokenizer is asked for every decoding.
        end = AnswerEnd(self.tokenizer, frozenset(ended), (), request.stop_rule, watch)
        watch.foresee(ids)
        taken: list[int] = []
        finish = self.finish(request, answer)
        for token in ids[: len(ids) - len(ended)]:
            taken.append(token)
            if end.reached(taken):
                finish = "stop"
                break
            if end.is_spent(taken):
                finish = "length"
                break
        whole = end.parts(taken)
        parts = whole._replace(text=cut_at_stop(whole.text, request.stop))
        finish = "stop" if len(parts.text) < len(whole.text) else finish
        return ReadAnswer(parts, finish, parts.lost_to or answer.lost_to)

    def _of_text(self, request: GenerationRequest, answer: Reply) -> ReadAnswer:
        """What a text says: thoughts that the server parsed off, or those between tags in it."""
        rule, finish = request.thoughts or ThoughtRule(), self.finish(request, answer)
        text, reasoning, is_closed = answer.text, answer.reasoning, True
        # A budget says that the model thinks, so its thoughts are found where nothing named their tags.
        tags = tags_in(text) if rule.tags is None and rule.budget is not None else rule.tags
        if tags is not None and not (reasoning or "").strip():
            reasoning, text, is_closed = split_reasoning(text, tags, self.is_open(request, tags))
        text = text.lstrip() if (reasoning or "").strip() else text
        ending = request.stop_rule.ends_at_token_of
        cut = cut_at_stop(text, [*request.stop, *([ending] if ending else [])])
        if len(cut) < len(text):
            finish = "stop"
        if rule.budget is not None and self.has_tokens:
            ids = self.tokenizer.encode(cut)
            if len(ids) > request.answer_tokens + SLACK_TOKENS:
                cut, finish = self.tokenizer.decode(ids[: request.answer_tokens], skip_special=False), "length"
        parts = AnswerParts(cut, reasoning, answer.usage.reasoning_tokens, is_closed)
        return ReadAnswer(parts, finish, parts.lost_to or (answer.lost_to if not cut.strip() else None))

    def is_open(self, request: GenerationRequest, tags: ReasoningTags) -> bool:
        """Whether the prompt ends inside thoughts; of one that the server formats nobody sees the end."""
        if not self.has_tokens or self.is_formatted_there:
            return False
        tail = request.ids[-TAIL_TOKENS:].tolist()
        return opens_thoughts(self.tokenizer.decode(tail, skip_special=False), tags)

    def text(self, request: GenerationRequest, answer: Reply) -> str:
        """The answer, made of its token ids where they are known: then equal tokens give equal texts everywhere."""
        text, ids = answer.text, self.ids(answer)
        if ids is not None:
            # The end-of-text token is no text; where a limit or a stop string ended the answer, all ids are.
            if answer.finish == "stop" and self._is_ended_by_token(request, answer):
                ids = ids[:-1]
            text = self.tokenizer.decode(ids, skip_special=request.stop_rule.skips_special_tokens)
        # Again here: the API takes four stop strings, and some servers leave them in the text.
        return cut_at_stop(text, request.stop)

    def output_tokens(self, request: GenerationRequest, answer: Reply) -> int:
        """Tokens generated: by ids, by the server's count where it can be true, else counted in the text."""
        ids, counted = self.ids(answer), answer.usage.output_tokens
        if ids is not None:
            return len(ids)
        if counted is not None and counted <= request.max_new_tokens:
            return counted
        return len(self.tokenizer.encode(answer.text)) if self.has_tokens else 0

    def finish(self, request: GenerationRequest, answer: Reply) -> Finish:
        """Why the answer ended; where the server does not say, a count that is the limit tells."""
        if answer.finish == "unknown" and self.output_tokens(request, answer) == request.max_new_tokens:
            return "length"
        return answer.finish

    def ids(self, answer: Reply) -> list[int] | None:
        """Ids of the generated tokens where they were asked for and can be those of the text."""
        ids = answer.token_ids
        if ids is None or not (self.is_asking_ids and self.has_tokens) or (answer.text and not ids):
            return None
        return list(ids) if all(0 <= each < self._vocabulary for each in ids) else None

    @cached_property
    def _vocabulary(self) -> int:
        """Ids end below this; not every tokenizer says where."""
        try:
            return len(self.tokenizer)
        except TypeError:
            return LARGEST_ID

    def check_length(self, request: GenerationRequest, answer: Reply) -> None:
        """Raise `RefusedError` for an answer longer than allowed: it follows no protocol, so it is not scored."""
        limit, counted, ids = request.max_new_tokens, answer.usage.output_tokens, self.ids(answer)
        if ids is not None:
            counted = len(ids)
        elif counted is None or counted > limit:
            own = self._most_tokens(answer.text)
            if own <= limit + SLACK_TOKENS:
                return  # a count that the text disproves is no count
            counted = own if self.has_tokens else counted
        if counted is not None and counted > limit:
            raise RefusedError(f"the server generated {counted} tokens where {limit} were allowed")

    def _most_tokens(self, text: str) -> int:
        """Tokens of a text; where nobody knows the tokenizer its bytes, which cannot be fewer."""
        return len(self.tokenizer.encode(text)) if self.has_tokens else len(text.encode())

    def _ending_ids(self, request: GenerationRequest) -> list[int]:
        ending = request.stop_rule.ends_at_token_of
        return self.tokenizer.encode(ending)[-1:] if ending and self.has_tokens else []

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
