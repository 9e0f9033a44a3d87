"""Follows the tokens of a model that thinks: where its thoughts end, where its answer begins, whose budget is spent.

Tags that are one token each are looked for as tokens, so that a text which spells them out is no tag; others in the
text of the last tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Literal, NamedTuple

from evalkit.cards import ReasoningTags
from evalkit.prompts import PromptTokenizer, opens_thoughts, split_reasoning

from ._cutting import without_beginning_of

__all__ = ["TAIL_TOKENS", "AnswerParts", "ThoughtRule", "ThoughtWatch"]

TAIL_TOKENS = 48
"""Of a prompt, among which its template opens or closes thoughts."""


@dataclass(frozen=True, slots=True)
class ThoughtRule:
    """How thoughts are told from an answer, and how long they may be."""

    tags: ReasoningTags | None = None
    """Where they begin and end; None where only a server tells them apart."""
    budget: int | None = None
    """Tokens for thoughts, their tags included, beside those for the answer; None = both share one limit."""


class AnswerParts(NamedTuple):
    """What generated tokens say."""

    text: str
    """The answer."""
    reasoning: str | None = None
    """The thoughts before it; None where there are none."""
    reasoning_tokens: int | None = None
    """Tokens of the thoughts with their tags; None where nobody counted."""
    is_closed: bool = True
    """Whether the thoughts ended; True where there are none."""

    @property
    def lost_to(self) -> Literal["reasoning"] | None:
        """`reasoning` where there are thoughts and no answer; a pair of tags with nothing in it is no thought."""
        is_thought = self.reasoning is not None and bool(self.reasoning.strip() or not self.is_closed)
        return "reasoning" if is_thought and not self.text.strip() else None


class _State(Enum):
    START = auto()
    """Nothing but blanks, or the beginning of an opening tag."""
    THINKING = auto()
    """Inside thoughts."""
    BLANK = auto()
    """Behind thoughts, before the answer's first sign."""
    ANSWERING = auto()
    """Inside the answer."""


class _Tag:
    """A tag as tokens."""

    def __init__(self, text: str, tokenizer: PromptTokenizer) -> None:
        ids = tokenizer.encode(text)
        self.text = text
        self.token = ids[0] if len(ids) == 1 else None
        self._window = len(text.encode()) + 1  # at most one token a byte, and one that began before
        self._tokenizer = tokenizer

    def is_complete(self, ids: Sequence[int], count: int) -> bool:
        """Whether the last of the first `count` tokens completes the tag."""
        if self.token is not None:
            return ids[count - 1] == self.token
        return self.text in self._decoded(ids, count) and self.text not in self._decoded(ids, count - 1)

    def rest(self, ids: Sequence[int], count: int) -> str:
        """What the token that completes the tag says behind it."""
        return "" if self.token is not None else self._decoded(ids, count).rpartition(self.text)[2]

    def _decoded(self, ids: Sequence[int], count: int) -> str:
        return self._tokenizer.decode(list(ids[max(0, count - self._window) : count]), skip_special=False)


class ThoughtWatch:
    """Follows one answer, token by token; given fewer tokens than before, it begins anew."""

    def __init__(
        self, tokenizer: PromptTokenizer, rule: ThoughtRule, tags: ReasoningTags, prompt: Sequence[int], most: int
    ) -> None:
        """`prompt` are the last ids asked, `most` the limit of thoughts and answer together, in tokens."""
        self._tokenizer = tokenizer
        self._tags = tags
        self._budget = rule.budget
        self._answer_tokens = most - (rule.budget or 0)
        self._open, self._close = _Tag(tags.open, tokenizer), _Tag(tags.close, tokenizer)
        tail = tokenizer.decode(prompt, skip_special=False)
        self.is_open = opens_thoughts(tail, tags)
        """Whether the prompt opened the thoughts."""
        self._is_closed = tail.rstrip().endswith(tags.close)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._seen = 0
        self._state = _State.THINKING if self.is_open else _State.START
        self._sign: int | None = None  # index of the first token that is no blank
        self._first: int | None = None
        self._has_open = False
        self._thoughts_end: int | None = None

    @property
    def answer_start(self) -> int | None:
        """Index of the answer's first token; None before it has begun."""
        if self._state is _State.START and self._is_closed:
            return 0  # nothing asks for thoughts, so what comes is an answer until it turns out otherwise
        return self._first

    @property
    def is_thinking(self) -> bool:
        """Whether the tokens followed end inside thoughts."""
        return self._state is _State.THINKING

    @property
    def is_answering(self) -> bool:
        """Whether what was said is taken for an answer: unless thoughts were closed or opened, they may have begun."""
        return self._state is _State.ANSWERING and (self._is_closed or self._has_open)

    @property
    def thoughts_end(self) -> int | None:
        """Tokens of thoughts that ended, tags included; None where none did."""
        return self._thoughts_end

    def follow(self, generated: Sequence[int]) -> None:
        """Take note of the tokens that are new."""
        if len(generated) < self._seen:
            self._begin_anew()
        for count in range(self._seen + 1, len(generated) + 1):
            self._take(generated, count)
        self._seen = len(generated)

    def _take(self, ids: Sequence[int], count: int) -> None:
        is_blank = self._state in {_State.START, _State.BLANK} and not self._text(ids[count - 1 : count]).strip()
        if self._state is _State.START:
            self._decide(ids, count, is_blank)
        elif self._state is _State.BLANK and not is_blank:
            self._state, self._first = _State.ANSWERING, count - 1
        if self._state is _State.THINKING or (self._state is _State.ANSWERING and self._thoughts_end is None):
            self._look_for_end(ids, count)

    def _decide(self, ids: Sequence[int], count: int, is_blank: bool) -> None:
        """Whether the first signs open thoughts."""
        if self._sign is None and is_blank:
            return
        self._sign = count - 1 if self._sign is None else self._sign
        text = self._text(ids[self._sign : count]).lstrip()
        is_token = self._open.token is not None
        if ids[count - 1] == self._open.token or (not is_token and text.startswith(self._open.text)):
            self._state, self._has_open = _State.THINKING, True
        elif is_token or not self._open.text.startswith(text):
            self._state, self._first = _State.ANSWERING, 0

    def _look_for_end(self, ids: Sequence[int], count: int) -> None:
        if self._state is _State.ANSWERING:  # thoughts may have begun unseen, unless the answer writes about tags
            self._has_open |= self._open.is_complete(ids, count)
            if self._has_open:
                return
        if self._close.is_complete(ids, count):
            self._thoughts_end, self._first = count, None
            self._state = _State.BLANK
            if self._close.rest(ids, count).strip():
                self._state, self._first = _State.ANSWERING, count - 1

    def _text(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(ids), skip_special=False)

    def is_spent(self, generated: Sequence[int]) -> bool:
        """Whether thoughts or answer have used up their own budget; the tokens are those followed."""
        if self._budget is None:
            return False
        if self._state is _State.THINKING:
            return len(generated) >= self._budget
        if self._state is _State.START:  # blanks, or a part of the opening tag: whose tokens they are is not known yet
            return len(generated) >= max(self._budget, self._answer_tokens)
        if self._state is _State.BLANK:
            return False  # the limit of both together ends it
        return len(generated) - (self._first or 0) >= self._answer_tokens

    def foresee(self, generated: Sequence[int]) -> None:
        """Begin anew, knowing all tokens: thoughts that began unseen are thoughts from the first token on."""
        self.follow(generated)
        self.is_open |= self._thoughts_end is not None and not self._has_open
        self._begin_anew()

    def parts(self, generated: Sequence[int], *, skip_special: bool) -> AnswerParts:
        """Thoughts and answer in the tokens, of which the last is no end-of-text token."""
        if self._seen != len(generated) + 1:  # all but that token were followed already
            self.follow(generated)
        end = self._thoughts_end
        if end is None and self._state is not _State.THINKING:
            answered = list(generated if self._budget is None else generated[: self._answer_tokens])
            return AnswerParts(self._tokenizer.decode(answered, skip_special=skip_special))
        if end is None:
            return AnswerParts("", self.thoughts(generated), len(generated), is_closed=False)
        answer = self._tokenizer.decode(list(generated[end:]), skip_special=skip_special)
        return AnswerParts((self.rest(generated) + answer).lstrip(), self.thoughts(generated[:end]), end)

    def rest(self, generated: Sequence[int]) -> str:
        """What the token that ended the thoughts says of the answer."""
        return "" if self._thoughts_end is None else self._close.rest(generated, self._thoughts_end)

    def thoughts(self, ids: Sequence[int]) -> str:
        """The text of thoughts without their tags."""
        if not self._has_tokens:
            return split_reasoning(self._text(ids), self._tags, self.is_open).reasoning or ""
        inside: list[Any] = [token for token in ids if token != self._close.token]
        return self._text(inside[self.thoughts_begin(inside) :])

    def thoughts_begin(self, ids: Sequence[int]) -> int:
        """Index of the first token whose text `thoughts_in` takes: behind the opening tag where that is a token."""
        place = next((place for place, token in enumerate(ids) if token == self._open.token), None)
        is_first = self._has_tokens and place is not None and not self._text(ids[:place]).strip()
        return place + 1 if is_first and place is not None else 0

    def thoughts_in(self, text: str) -> str:
        """What is certain of thoughts that have not ended, given the certain text of their tokens."""
        if self._has_tokens:
            return text
        if self._tags.open.startswith(text.lstrip()):  # may become the tag, or is nothing else
            return ""
        thoughts = split_reasoning(text, self._tags, self.is_open).reasoning or ""
        return without_beginning_of(thoughts, [self._tags.close])

    @property
    def _has_tokens(self) -> bool:
        """Whether both tags are one token each."""
        return self._close.token is not None and self._open.token is not None
