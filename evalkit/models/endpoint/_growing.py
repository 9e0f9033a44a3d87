"""What of an answer under way is certain: the beginning of its text and of its thoughts, as they will be recorded.

A text may yet be cut at a stop string, end in half a sign, turn out to be thoughts, or spell the key. What could still
become one of these is held back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evalkit.cards import ReasoningTags
from evalkit.prompts import KNOWN_TAGS, split_reasoning

from .._base import GenerationRequest, PartialAnswer
from .._cutting import HALF, certain_part
from .._stopping import AnswerEnd, watch_of
from .._thoughts import TAIL_TOKENS, ThoughtRule
from ._answers import SLACK_TOKENS, ReplyReader
from .protocol import Reply

__all__ = ["GrowingAnswer"]

NOTHING = ("", None)
Parts = tuple[str, str | None]
"""Answer and thoughts; None where there are none."""


class GrowingAnswer:
    """One answer; texts only grow."""

    def __init__(
        self,
        reader: ReplyReader,
        request: GenerationRequest,
        without_key: Callable[[str], str],
        *,
        is_parsed_there: bool,
    ) -> None:
        """`without_key` gives a text without the key and its beginning; `is_parsed_there` = the server parses thoughts.

        Of a server that was seen to send thoughts apart, no other thoughts are expected.
        """
        self._reader = reader
        self._request = request
        self._without_key = without_key
        self._ends = (*request.stop, *filter(None, [request.stop_rule.ends_at_token_of]))
        self._told: PartialAnswer | None = None
        self._watch = (
            watch_of(request, reader.tokenizer) if request.thoughts is not None and reader.has_tokens else None
        )
        self._end = AnswerEnd(reader.tokenizer, frozenset(), (), request.stop_rule, self._watch)
        self._taken: list[int] = []
        self._is_over = self._is_foreseen = False
        self._is_answering = is_parsed_there or self._is_closed_by_prompt()

    def _is_closed_by_prompt(self) -> bool:
        """Whether the prompt ends behind thoughts, so that an answer follows."""
        tags = None if self._request.thoughts is None else self._request.thoughts.tags
        if tags is None or not self._reader.has_tokens or self._reader.is_formatted_there:
            return False
        tail = self._request.ids[-TAIL_TOKENS:].tolist()
        return self._reader.tokenizer.decode(tail, skip_special=False).rstrip().endswith(tags.close)

    def take(self, reply: Reply, pieces: int) -> PartialAnswer | None:
        """What is certain after that many pieces; None where it is what was certain before."""
        ids, told = self._reader.ids(reply), self._told or PartialAnswer("")
        text, thoughts = self._parts(reply, ids)
        text = self._without_key(text)
        thoughts = self._without_key(thoughts) if thoughts is not None and thoughts.strip() else None
        found = PartialAnswer(
            text if text.startswith(told.text) else told.text,
            thoughts if (thoughts or "").startswith(told.reasoning or "") else told.reasoning,
            max(told.output_tokens, pieces if ids is None else len(ids)),
        )
        if found == self._told:
            return None
        self._told = found
        return found

    def _parts(self, reply: Reply, ids: list[int] | None) -> Parts:
        if self._request.thoughts is None:
            return certain_part(self._reader.text(self._request, reply), self._request.stop), reply.reasoning
        if (reply.reasoning or "").strip():
            return self._answer(reply.text.lstrip(), self._ends), reply.reasoning
        if ids is not None and self._watch is not None:
            return self._of_ids(ids, self._request.thoughts.tags)
        return self._of_text(reply.text, self._request.thoughts)

    def _of_ids(self, ids: list[int], tags: ReasoningTags | None) -> Parts:
        """As `ReplyReader` reads the ids of a whole answer, each of them once."""
        for token in ids[len(self._taken) :]:
            if self._is_over:
                break
            self._taken.append(token)
            self._is_over = self._end.reached(self._taken) or self._end.is_spent(self._taken)
        body = self._taken[:-1] if self._taken and self._taken[-1] in self._reader.tokenizer.eos_ids else self._taken
        found = self._end.parts(body)
        assert tags is not None and self._watch is not None
        if found.reasoning is not None and not self._is_foreseen:  # from the first token on, where nothing opened them
            self._watch.foresee(self._taken)
            self._taken, self._is_over, self._is_foreseen = [], False, True
            return self._of_ids(ids, tags)
        sure = self._sure(found.text, found.reasoning, tags, is_closed=found.is_closed)
        return certain_part(sure[0], self._request.stop), sure[1]

    def _of_text(self, text: str, rule: ThoughtRule) -> Parts:
        """As `ReplyReader` reads the text of a whole answer."""
        tags = rule.tags
        if tags is None and rule.budget is not None:  # the whole answer decides, by the first known tags that fit
            tags = KNOWN_TAGS[0] if text.lstrip().startswith(KNOWN_TAGS[0].open) else None
            if tags is None and not self._is_answering:
                return NOTHING
        if tags is None:
            return self._answer(text, self._ends), None
        found = split_reasoning(text, tags, self._reader.is_open(self._request, tags))
        answer, thoughts = self._sure(found.answer, found.reasoning, tags, is_closed=found.is_closed)
        return self._answer(answer, self._ends), thoughts

    def _sure(self, answer: str, thoughts: str | None, tags: ReasoningTags, *, is_closed: bool) -> Parts:
        """What is one of the two for sure; of thoughts that go on, what is no part of the tag that closes them."""
        if thoughts is None:
            is_answer = self._is_answering or tags.open in answer  # else it may be thoughts that nothing opened
            return (answer, None) if is_answer and not tags.open.startswith(answer.lstrip()) else NOTHING
        if is_closed:
            return answer, thoughts
        return NOTHING if tags.open.startswith(thoughts.lstrip()) else ("", certain_part(thoughts, (tags.close,)))

    def _answer(self, text: str, ends: Sequence[str]) -> str:
        """The certain part of an answer, which may have a limit of its own."""
        sure, limit = certain_part(text, ends), self._request.answer_tokens - SLACK_TOKENS
        if limit + SLACK_TOKENS >= self._request.max_new_tokens or not self._reader.has_tokens:
            return sure
        ids = self._reader.tokenizer.encode(sure)
        if len(ids) <= limit:
            return sure
        return self._reader.tokenizer.decode(ids[:limit], skip_special=False).rstrip(HALF)
