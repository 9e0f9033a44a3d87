"""Finds the end of an answer among generated tokens, and makes its text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalkit.errors import CardError, shown
from evalkit.prompts import PromptTokenizer
from evalkit.tasks import StopRule

__all__ = ["AnswerEnd", "cut_at_stop", "end_ids"]

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


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    """The text before the stop string that stands first in it, wherever that is in the list; all of it without one."""
    ends = [text.find(each) for each in stop if each in text]
    return text[: min(ends)] if ends else text


_MARGIN_TOKENS = 8  # a stop string may begin inside an earlier token


class AnswerEnd:
    """Watches generated tokens for an end-of-text token or a stop string."""

    def __init__(
        self,
        tokenizer: PromptTokenizer,
        eos_ids: frozenset[int],
        stop: Sequence[str],
        stop_rule: StopRule = DEFAULT,
    ) -> None:
        self._tokenizer = tokenizer
        self._eos_ids = eos_ids
        self._stop_rule = stop_rule
        # The last token alone, as LongBench's pred.py: some tokenizers put a blank before a newline.
        last = tokenizer.encode(stop_rule.ends_at_token_of)[-1:] if stop_rule.ends_at_token_of else []
        self.ids = eos_ids.union(last)
        """Tokens that end the answer."""
        self._stop = tuple(stop)
        bytes_of_longest = max((len(text.encode()) for text in self._stop), default=0)  # at most one token a byte
        self._window = bytes_of_longest + _MARGIN_TOKENS

    def forbidden(self, generated: int) -> frozenset[int]:
        """Tokens that may not come next, behind that many generated ones."""
        return self.ids if generated < self._stop_rule.min_new_tokens else frozenset()

    def reached(self, generated: list[int]) -> bool:
        """Whether the answer is complete with the last token."""
        if generated[-1] in self.ids:
            return True
        if not self._stop:
            return False
        # With special tokens: a stop string may be the text of one.
        recent = self._tokenizer.decode(generated[-self._window :], skip_special=False)
        return any(text in recent for text in self._stop)

    def text(self, generated: list[int]) -> str:
        """The answer without the end-of-text token, cut at the first stop string.

        Other special tokens stay in the text, as OpenCompass's wrapper leaves them, unless the protocol skips them.
        """
        body = generated[:-1] if generated and generated[-1] in self._eos_ids else generated
        text = self._tokenizer.decode(body, skip_special=self._stop_rule.skips_special_tokens)
        return cut_at_stop(text, self._stop)
