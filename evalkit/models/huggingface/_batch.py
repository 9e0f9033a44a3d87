"""Several answers decoded at once: prompts join one by one, rows leave as they end, and lack of memory loses nothing.

What an answer is does not depend on the others: each row has its own cache, rules and end. What computes is behind
`Passes`, so all that is here can be tried without a model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from evalkit.prompts import TokenIds, token_array
from evalkit.rope import RopeSetting

from .._base import Completion, GenerationRequest, RopeGroup
from .._greedy import Choice, ClosestCall, GreedyTokens
from .._stopping import AnswerEnd
from ._choice import NOT_FINITE, allowed, best_tokens
from ._draw import Draw
from ._faults import FAULTS, Fault
from ._processors import Process
from ._room import Room

if TYPE_CHECKING:
    import torch

__all__ = ["Batch", "Passes", "Row"]


@dataclass
class Row:
    """One answer under way."""

    rope: RopeSetting
    """The setting that it turns by."""
    request: GenerationRequest
    """What is asked."""
    end: AnswerEnd
    """When it is complete."""
    process: Process
    """The model's rules for its logits."""
    refusal: str | None = None
    """Why it cannot be computed."""
    generated: list[int] = field(default_factory=list)
    """Tokens so far; the last one was not fed yet."""
    closest: ClosestCall = field(default_factory=ClosestCall)
    """Where among them another token was nearly as likely."""
    cached: int = 0
    """Prompt tokens that were taken from the moving cache."""
    cache: Any = None
    """Keys and values of all but the last token; None before the first and where memory was short."""
    is_second_try: bool = False
    """Whether memory did not suffice for it alone once before."""

    @property
    def ids(self) -> TokenIds:
        """Prompt and answer so far: what a cache is filled with at first, or anew."""
        return np.concatenate([self.request.ids, token_array(self.generated)])

    @property
    def tokens(self) -> int:
        """Most tokens that it will hold."""
        return len(self.request.ids) + self.request.max_new_tokens

    def ending(self) -> tuple[bool, bool]:
        """Whether the answer is complete with its last token, and whether it is over, complete or not."""
        is_complete = self.end.reached(self.generated)
        is_full = len(self.generated) >= self.request.max_new_tokens
        return is_complete, is_complete or is_full or self.end.is_spent(self.generated)

    def take(self, choice: Choice) -> None:
        """Add a token."""
        self.closest.take(choice.gap, len(self.generated))
        self.generated.append(choice.token)

    def scores(self, logits: torch.Tensor) -> torch.Tensor:
        """What to choose the next token from."""
        return allowed(self.process(logits, self.generated), self.end.forbidden(len(self.generated)))


class Passes(Protocol):
    """What computes the logits of rows."""

    def begin(self, rope: RopeSetting, request: GenerationRequest) -> Row:
        """A row with nothing computed."""

    def first(self, row: Row) -> torch.Tensor:
        """Fill the row's cache; logits behind its last token, shape (vocabulary,)."""

    def next(self, rows: Sequence[Row]) -> torch.Tensor:
        """Feed the last token of each row; shape (rows, vocabulary). Where that fails, they may be fed again."""

    def forget(self) -> None:
        """Give back what is kept for later prompts: memory is short, or a pass broke off."""


class Batch:
    """Answers the requests of one RoPE group, or of several whose rotations rows may have at once."""

    def __init__(self, passes: Passes, room: Room) -> None:
        self._passes = passes
        self._room = room
        self._rows: list[Row] = []
        self._waiting: list[Row] = []
        """Rows that could not join yet, or had to make room; before all requests that did not begin."""
        self._last = time.perf_counter()

    def answers(self, groups: Iterable[RopeGroup]) -> Iterator[Completion]:
        """Completions as they finish; the requests of each group should be in trie order."""
        coming = ((group.rope, request) for group in groups for request in group.requests)
        while True:
            yield from self._fill(coming)
            if not self._rows:
                return
            rows, self._rows = self._rows, []
            yield from self._advance(rows)

    def _fill(self, coming: Iterator[tuple[RopeSetting, GenerationRequest]]) -> Iterator[Completion]:
        """Let rows join while there are any and there is room; those that end at once or fail are yielded."""
        while row := self._following(coming):
            if not self._room.takes(row.tokens, [each.tokens for each in self._rows]):
                self._waiting.insert(0, row)
                return
            yield from self._join(row)

    def _following(self, coming: Iterator[tuple[RopeSetting, GenerationRequest]]) -> Row | None:
        if self._waiting:
            return self._waiting.pop(0)
        following = next(coming, None)
        return None if following is None else self._passes.begin(*following)

    def _join(self, row: Row) -> Iterator[Completion]:
        if row.refusal is not None:
            yield self._failed(row, row.refusal, is_of_prompt=True)
            return
        if len(row.generated) >= row.request.max_new_tokens:  # a limit of none
            yield self._completed(row, is_complete=False)
            return
        found = _attempt(lambda: best_tokens([row.scores(self._passes.first(row))], _draws([row])))
        if not isinstance(found, Fault):
            yield from self._take([row], found)
            return
        row.cache = None
        self._passes.forget()
        if found.is_out_of_memory and self._rows:
            self._room.halve(len(self._rows) + 1)
            self._waiting.insert(0, row)
        elif found.is_out_of_memory and not row.is_second_try:  # the cache of the prompt before may have been the rest
            row.is_second_try = True
            self._waiting.insert(0, row)
        else:
            yield self._failed(row, found.reason, is_of_memory=found.is_out_of_memory)

    def _advance(self, rows: list[Row]) -> Iterator[Completion]:
        """One token for each of the rows; they are under way again, waiting, or yielded as completions."""
        found = _attempt(lambda: best_tokens(list(map(Row.scores, rows, self._passes.next(rows))), _draws(rows)))
        if not isinstance(found, Fault):
            yield from self._take(rows, found)
            return
        self._passes.forget()
        if found.is_out_of_memory:
            yield from self._make_room(rows, found)
        elif len(rows) > 1:  # one of them is at fault: each alone
            for row in rows:
                yield from self._advance([row])
        else:
            yield self._failed(rows[0], found.reason)

    def _make_room(self, rows: list[Row], fault: Fault) -> Iterator[Completion]:
        """Set aside half of the rows, or fail a lone one at the second try."""
        if len(rows) == 1 and rows[0].is_second_try:
            yield self._failed(rows[0], fault.reason, is_of_memory=True)
            return
        rows[0].is_second_try |= len(rows) == 1
        if len(rows) > 1:
            self._room.halve(len(rows))
        kept = max(1, len(rows) // 2)
        self._rows += rows[:kept]
        for row in rows[kept:]:
            row.cache = None
        self._waiting = rows[kept:] + self._waiting

    def _take(self, rows: list[Row], choices: Sequence[Choice | None]) -> Iterator[Completion]:
        """Give each row its token; those that it ends are yielded when all have theirs."""
        ended: list[tuple[Row, bool]] = []
        broken: list[tuple[Row, str]] = []
        for row, choice in zip(rows, choices, strict=True):
            if choice is None:
                broken.append((row, f"RuntimeError: {NOT_FINITE}"))
                continue
            row.take(choice)
            try:
                is_complete, is_over = row.ending()
            except FAULTS as error:  # tokens that make no text
                broken.append((row, Fault(error).reason))
                continue
            if is_over:
                ended.append((row, is_complete))
            else:
                self._rows.append(row)
        for row, is_complete in ended:
            yield self._completed(row, is_complete=is_complete)
        for row, reason in broken:
            yield self._failed(row, reason)

    def _completed(self, row: Row, *, is_complete: bool) -> Completion:
        row.cache = None
        answer = GreedyTokens(row.generated, is_complete, row.closest)
        try:
            done = answer.completion(row.request, row.end, self._last, row.cached)
        except FAULTS as error:
            return self._failed(row, Fault(error).reason)
        self._last = time.perf_counter()
        return done

    def _failed(self, row: Row, reason: str, *, is_of_prompt: bool = False, is_of_memory: bool = False) -> Completion:
        row.cache = None
        start, self._last = self._last, time.perf_counter()
        return Completion(
            row.request.index, finish_reason="error", seconds=self._last - start, error=reason,
            is_of_prompt=is_of_prompt or is_of_memory,  # shorter ones may fit
            is_of_memory=is_of_memory,
        )  # fmt: skip


def _draws(rows: Sequence[Row]) -> list[Draw]:
    """The next draw of each row; none where a run chooses the likeliest tokens."""
    return [Draw(row.request.sampling, len(row.generated)) for row in rows if row.request.sampling is not None]


def _attempt(compute: Callable[[], list[Choice | None]]) -> list[Choice | None] | Fault:
    """What it gives, or how it failed; the traceback, which holds on to the memory of the pass, is dropped."""
    try:
        return compute()
    except FAULTS as error:
        return Fault(error)
