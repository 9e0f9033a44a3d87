"""What of an answer is certain while it is made: its text grows with its tokens, and nothing shown is taken back."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.prompts import PromptTokenizer

from ._base import PartialAnswer
from ._cutting import HALF, certain_part
from ._thoughts import ThoughtWatch

__all__ = ["AnswerSoFar", "GrowingText"]

STEP = 32
"""Tokens after which the text before is settled: each new token costs decoding at most about three times as many."""
RAREST = "\U0010ffff"
"""A character that no vocabulary has, so that it is spelled in bytes where a vocabulary has bytes."""


class GrowingText:
    """The text of tokens that come one by one, as far as no later token changes it.

    Only the last tokens are decoded anew, behind some whose text is known: a tokenizer may write the first token of a
    text otherwise than one inside it.
    """

    def __init__(self, tokenizer: PromptTokenizer, *, skip_special: bool) -> None:
        self._tokenizer = tokenizer
        self._skip_special = skip_special
        self._byte = tokenizer.encode(RAREST)[-1:]
        self._begin, self._settled = 0, 0  # tokens are decoded from the first on; the text up to the second is known
        self._head = ""  # text of the tokens between them
        self._known = ""
        self._text = ""

    def of(self, ids: Sequence[int]) -> str:
        """The certain text of all tokens; `ids` are those of the last call and more."""
        tail = list(ids[self._begin :])
        text = self._decode(tail)
        # Behind a byte that begins no character: bytes before it may be told as characters, or no longer be.
        certain, other = text, self._decode(tail + self._byte)
        while not other.startswith(certain):
            certain = certain[:-1]
        certain = certain.rstrip(HALF)
        found = self._known + certain[len(self._head) :]
        if found.startswith(self._text):  # else a tokenizer writes its texts anew, and the whole answer tells
            self._text = found
        if certain == text and len(ids) - self._settled >= STEP:
            self._settle(ids, found)
        return self._text

    def _settle(self, ids: Sequence[int], text: str) -> None:
        head = self._decode(list(ids[self._settled :]))
        if head and text.endswith(head):  # behind tokens without a text the next one would begin a text
            self._begin, self._settled, self._head, self._known = self._settled, len(ids), head, text

    def _decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special=self._skip_special)


class AnswerSoFar:
    """Follows one answer, token by token, and tells what of it may be shown."""

    def __init__(
        self, tokenizer: PromptTokenizer, stop: Sequence[str], watch: ThoughtWatch | None, *, skips_special: bool
    ) -> None:
        """`watch` is one that somebody else keeps up with the tokens; `stop` are all stop strings."""
        self._tokenizer = tokenizer
        self._stop = stop
        self._watch = watch
        self._answer = GrowingText(tokenizer, skip_special=skips_special)
        self._thoughts = GrowingText(tokenizer, skip_special=False)
        self._thoughts_begin = 0
        self._thoughts_end: int | None = None
        self._reasoning: str | None = None
        self._text = ""
        self._shown: tuple[str, str | None] | None = None

    def after(self, generated: Sequence[int], *, is_over: bool) -> PartialAnswer | None:
        """What is certain behind those tokens; None where that is nothing new, and there was a first token before.

        `is_over` says that the last one ends the text and is no part of it.
        """
        if not is_over:
            self._read(generated)
        found = self._text, self._reasoning
        if found == self._shown:
            return None
        self._shown = found
        return PartialAnswer(self._text, self._reasoning, len(generated))

    def _read(self, generated: Sequence[int]) -> None:
        watch = self._watch
        if watch is None:
            self._show(self._answer.of(generated))
        elif watch.is_thinking:
            self._think(watch, generated)
        elif (end := watch.thoughts_end) is None:
            self._show(self._answer.of(generated) if watch.is_answering else "")
        elif self._thoughts_end is not None or not self._text:  # else thoughts that nothing opened were shown as answer
            if self._thoughts_end is None:
                self._thoughts_end, self._reasoning = end, watch.thoughts(generated[:end])
            self._show((watch.rest(generated) + self._answer.of(generated[end:])).lstrip())

    def _show(self, text: str) -> None:
        self._text = certain_part(text, self._stop)

    def _think(self, watch: ThoughtWatch, generated: Sequence[int]) -> None:
        if self._reasoning is None:
            self._thoughts_begin = watch.thoughts_begin(generated)
            self._thoughts = GrowingText(self._tokenizer, skip_special=False)
        text = watch.thoughts_in(self._thoughts.of(generated[self._thoughts_begin :]))
        self._reasoning = text if text.strip() else None
