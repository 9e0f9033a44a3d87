"""Finds the end of an answer among generated tokens, and makes its text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from evalkit.errors import CardError, shown
from evalkit.prompts import PromptTokenizer
from evalkit.tasks import StopRule

from ._base import GenerationRequest, PartialAnswer
from ._cutting import cut_at_stop
from ._partial import AnswerSoFar
from ._thoughts import TAIL_TOKENS, AnswerParts, ThoughtRule, ThoughtWatch

__all__ = ["AnswerEnd", "answer_end", "cut_at_stop", "end_ids", "watch_of"]

DEFAULT = StopRule()
LARGEST_ID = 2**31  # token ids are 32-bit numbers everywhere


def end_ids(configured: object, tokenizer: PromptTokenizer) -> frozenset[int]:
    """End-of-text tokens of the generation configuration and of the tokenizer, as OpenCompass's wrapper takes them.

    `CardError` where what is configured is neither a token's number nor a list of them.
    """
    given = [] if configured is None else configured
    ids: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    odd = [each for each in ids if isinstance(each, bool) or not isinstance(each, int) or not 0 <= each < LARGEST_ID]
    if odd:
        raise CardError(
            f"generation_config.json: eos_token_id: expected a token's number or a list of them, found {shown(odd[0])}"
        )
    return frozenset(ids).union(tokenizer.eos_ids)


_MARGIN_TOKENS = 8  # a stop string may begin inside an earlier token


class AnswerEnd:
    """Watches generated tokens for the end of the answer: an end-of-text token, a stop string, a budget of its own.

    What a model thinks before it answers is no answer: nothing of a protocol ends it.
    """

    def __init__(
        self,
        tokenizer: PromptTokenizer,
        eos_ids: frozenset[int],
        stop: Sequence[str],
        stop_rule: StopRule = DEFAULT,
        watch: ThoughtWatch | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._eos_ids = eos_ids
        self._stop_rule = stop_rule
        self._watch = watch
        # The last token alone, as LongBench's pred.py: some tokenizers put a blank before a newline.
        last = tokenizer.encode(stop_rule.ends_at_token_of)[-1:] if stop_rule.ends_at_token_of else []
        self.ids = eos_ids.union(last)
        """Tokens that end the answer."""
        self._stop = tuple(stop)
        bytes_of_longest = max((len(text.encode()) for text in self._stop), default=0)  # at most one token a byte
        self._window = bytes_of_longest + _MARGIN_TOKENS

    @cached_property
    def _so_far(self) -> AnswerSoFar:
        skips = self._stop_rule.skips_special_tokens
        return AnswerSoFar(self._tokenizer, self._stop, self._watch, skips_special=skips)

    @property
    def end_ids(self) -> frozenset[int]:
        """Tokens that end all, thoughts included."""
        return self._eos_ids

    @property
    def is_watching(self) -> bool:
        """Whether thoughts are told from the answer, so that only this object knows where the answer ends."""
        return self._watch is not None

    def forbidden(self, generated: int) -> frozenset[int]:
        """Tokens that may not come next, behind that many generated ones."""
        begin = 0 if self._watch is None else self._watch.answer_start
        if begin is None:
            return self._eos_ids if generated < self._stop_rule.min_new_tokens else frozenset()
        return self.ids if generated - begin < self._stop_rule.min_new_tokens else frozenset()

    def reached(self, generated: list[int]) -> bool:
        """Whether the answer is complete with the last token."""
        begin: int | None = 0
        if self._watch is not None:
            self._watch.follow(generated)
            begin = self._watch.answer_start
        if generated[-1] in (self._eos_ids if begin is None else self.ids):
            return True
        if not self._stop or begin is None:
            return False
        # With special tokens: a stop string may be the text of one.
        recent = self._tokenizer.decode(generated[max(begin, len(generated) - self._window) :], skip_special=False)
        return any(text in recent for text in self._stop)

    def is_spent(self, generated: list[int]) -> bool:
        """Whether thoughts or answer have used up the budget of their own; the tokens are those asked `reached` of."""
        return self._watch is not None and self._watch.is_spent(generated)

    def partial(self, generated: list[int]) -> PartialAnswer | None:
        """What may be shown of an answer under way, the tokens being those asked `reached` of; None = nothing new."""
        return self._so_far.after(generated, is_over=generated[-1] in self._eos_ids)

    def text(self, generated: list[int]) -> str:
        """The answer without the end-of-text token, cut at the first stop string."""
        return self.parts(generated).text

    def parts(self, generated: list[int]) -> AnswerParts:
        """Thoughts and answer without the end-of-text token, the answer cut at the first stop string.

        Other special tokens stay in the text, as OpenCompass's wrapper leaves them, unless the protocol skips them.
        """
        body = generated[:-1] if generated and generated[-1] in self._eos_ids else generated
        skips = self._stop_rule.skips_special_tokens
        if self._watch is None:
            found = AnswerParts(self._tokenizer.decode(body, skip_special=skips))
        else:
            found = self._watch.parts(body, skip_special=skips)
        return found._replace(text=cut_at_stop(found.text, self._stop))


def answer_end(
    request: GenerationRequest, tokenizer: PromptTokenizer, eos_ids: frozenset[int], stop: Sequence[str] | None = None
) -> AnswerEnd:
    """What watches the answer to a request; `stop` are all stop strings, the request's where None."""
    strings = request.stop if stop is None else stop
    return AnswerEnd(tokenizer, eos_ids, strings, request.stop_rule, watch_of(request, tokenizer))


def watch_of(request: GenerationRequest, tokenizer: PromptTokenizer) -> ThoughtWatch | None:
    """What follows the thoughts of a request; None where the model has none that tags tell apart."""
    rule = request.thoughts or ThoughtRule()
    if rule.tags is None:
        return None
    return ThoughtWatch(tokenizer, rule, rule.tags, request.ids[-TAIL_TOKENS:].tolist(), request.max_new_tokens)
