"""What truncation leaves out of a prompt, as ranges of the document's characters."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from evalkit.prompts import (
    ChatFormat,
    Ledger,
    MarkedText,
    Prompt,
    PromptTokenizer,
    Range,
    TruncationMode,
    first_words,
)
from evalkit.tasks import Request, whole_characters, whole_text

__all__ = ["Cut", "Gap", "Seam", "cut_of"]

SHOWN = 80  # characters on each side of a seam
TRIES = 8  # of a length whose spelling is as long as that of some tokens: each corrects what the one before missed
NEAR = 4  # characters of a spelling that one character may be

_LONGBENCH = {TruncationMode.LONGBENCH_OFFICIAL, TruncationMode.LONGBENCH_V2_OFFICIAL}
_ENCODED_AGAIN = {*_LONGBENCH, TruncationMode.OPENCOMPASS_LEGACY_MID, TruncationMode.OPENCOMPASS_LEGACY_VLLM_MID}
"""Modes that decode halves and encode the text: what decoding spoils at the seam is not in the prompt either."""


class Gap(NamedTuple):
    """A half-open range of characters that is left out."""

    start: int
    """First character left out."""
    stop: int
    """First character behind it that stays."""


class Seam(NamedTuple):
    """The text around a gap."""

    before: str
    """End of what stays before it."""
    first: str
    """Beginning of what is left out."""
    last: str
    """End of what is left out; empty where `first` is all of it."""
    after: str
    """Beginning of what stays behind it."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What truncation leaves out of one prompt."""

    before: int
    """Tokens of the text that was cut: the whole prompt, or the document for modes that cut texts."""
    after: int
    """Tokens that go to the model."""
    gaps: tuple[Gap, ...] | None
    """Ranges of the document that are left out, in order; None where the tokenizer does not tell them."""
    is_beyond: bool = False
    """Whether something else than the document is left out: of the question, of what was said before, of the format."""
    text: str = ""
    """All that is left out."""

    @property
    def start(self) -> int | None:
        """First character of the document that is left out; None where none is, or that is not known."""
        return self.gaps[0].start if self.gaps else None

    @property
    def stop(self) -> int | None:
        """The character of the document behind all that is left out."""
        return self.gaps[-1].stop if self.gaps else None

    @property
    def characters(self) -> int | None:
        """Characters of the document that are left out; None where that is not known."""
        return None if self.gaps is None else sum(stop - start for start, stop in self.gaps)

    def seams(self, document: str, characters: int = SHOWN) -> list[Seam]:
        """The document around each gap, so many characters on each side."""
        return [_seam(document, gap, characters) for gap in self.gaps or ()]


def _seam(document: str, gap: Gap, characters: int) -> Seam:
    first = document[gap.start : min(gap.stop, gap.start + characters)]
    last = document[max(gap.start + len(first), gap.stop - characters) : gap.stop]
    return Seam(
        document[max(0, gap.start - characters) : gap.start],
        first, last,
        document[gap.stop : gap.stop + characters],
    )  # fmt: skip


def cut_of(
    prompt: Prompt, request: Request, turn: str, chat: ChatFormat, tokenizer: PromptTokenizer, window: int
) -> Cut | None:
    """The cut of a prompt that was built of the request; None where nothing is cut.

    The request's context is the document, and `turn` is the message that begins with it; `window` is that of the
    builder, in tokens of prompt and answer.
    """
    ledger, document = prompt.ledger, request.context
    if ledger is None or not ledger.is_truncated:
        return None
    mode = TruncationMode(ledger.mode)
    if mode is TruncationMode.LEVAL_OFFICIAL:
        gap = Gap(len(first_words(document, tokenizer, window)), len(document))
        return Cut(ledger.before, ledger.after, (gap,), text=document[gap.start :])
    looked_at = _looked_at(request, chat, tokenizer, mode)
    gaps = _gaps(looked_at, ledger, tokenizer)
    if gaps is None:
        return Cut(ledger.before, ledger.after, None)
    found = _in_document(gaps, looked_at.text, document, turn, is_part=mode in _LONGBENCH)
    if found is not None and mode in _ENCODED_AGAIN and not _holds_rest(prompt, document, found, tokenizer):
        found = None
    lost = sum(stop - start for start, stop in gaps)
    is_beyond = found is not None and sum(stop - start for start, stop in found) < lost
    text = "".join(looked_at.text[start:stop] for start, stop in gaps)
    return Cut(ledger.before, ledger.after, found, is_beyond, text)


def _looked_at(request: Request, chat: ChatFormat, tokenizer: PromptTokenizer, mode: TruncationMode) -> MarkedText:
    """The text whose tokens the ledger counts."""
    is_wrapped = chat.kind != "none"
    if mode in _LONGBENCH:
        return MarkedText(max((each.content for each in request.messages), key=len) if is_wrapped else request.text)
    return chat.wrap_marked(request.messages, tokenizer) if is_wrapped else MarkedText(request.text)


def _lost(ledger: Ledger) -> Iterator[Range]:
    """The ranges of tokens between those that are kept."""
    ends = [0, *itertools.chain.from_iterable(ledger.kept), ledger.before]
    return (Range(start, stop) for start, stop in zip(ends[::2], ends[1::2], strict=True) if stop > start)


def _gaps(text: MarkedText, ledger: Ledger, tokenizer: PromptTokenizer) -> list[Gap] | None:
    """The characters that the tokens left out stand for; None where that cannot be told for certain."""
    (plain,) = tokenizer.encode_marked([text])
    seams = _Seams(text, plain, tokenizer)
    added = ledger.before - len(plain)  # BOS and the like before the text; negative where two became one
    found = [(seams.start(max(0, lost.start - added)), seams.stop(max(0, lost.stop - added))) for lost in _lost(ledger)]
    gaps = [Gap(start, stop) for start, stop in found if start is not None and stop is not None]
    return gaps if len(gaps) == len(found) else None


class _Seams:
    """Where the tokens of a text begin and end in it, told by their own text and never by guessing.

    A tokenizer that normalises spells another text than it was given; there the piece of the text is sought that is
    spelled as the tokens are.
    """

    def __init__(self, text: MarkedText, ids: list[int], tokenizer: PromptTokenizer) -> None:
        self._text, self._ids, self._tokenizer = text, ids, tokenizer

    def start(self, tokens: int) -> int | None:
        """Characters that the first so many tokens spell whole."""
        text = self._text.text
        if tokens >= len(self._ids):
            return len(text)
        head = whole_text(self._tokenizer, self._ids[:tokens])
        if text.startswith(head):
            return len(head)
        return _solved(len(head), lambda size: self._spelled(0, size), head.startswith, len(text))

    def stop(self, tokens: int) -> int | None:
        """The character at which the first one begins that the tokens behind so many spell whole."""
        text = self._text.text
        if tokens >= len(self._ids):
            return len(text)
        if tokens == 0:
            return 0
        first = tokens + whole_characters(self._tokenizer, self._ids[tokens:]).start
        for tail in self._tails(first):
            if text.endswith(tail):
                return len(text) - len(tail)
        size = _solved(len(tail), lambda size: self._spelled(len(text) - size, len(text)), tail.endswith, len(text))
        return None if size is None else len(text) - size

    def _tails(self, first: int) -> Iterator[str]:
        """The text of the tokens from there on: behind another token, which keeps its blank, and alone."""
        one, both = self._decode(first - 1, first), self._decode(first - 1, len(self._ids))
        if both.startswith(one):
            yield both[len(one) :]
        yield self._decode(first, len(self._ids))

    def _decode(self, start: int, stop: int) -> str:
        return self._tokenizer.decode(self._ids[start:stop], skip_special=False)

    def _spelled(self, start: int, stop: int) -> str:
        (ids,) = self._tokenizer.encode_marked([self._text.part(start, stop)])
        return self._tokenizer.decode(ids, skip_special=False)


def _solved(size: int, spelled: Callable[[int], str], fits: Callable[[str], bool], most: int) -> int | None:
    """The most characters, of `most`, whose spelling fits into one of `size` characters; None where none is found."""
    goal = size
    for _ in range(TRIES):
        found = len(spelled(size))
        if abs(goal - found) <= NEAR:
            break
        size = min(max(0, size + round((goal - found) * size / max(1, found))), most)
    sizes = range(min(most, size + 2 * NEAR), max(0, size - 2 * NEAR), -1)
    return next((each for each in sizes if fits(spelled(each))), None)


def _in_document(gaps: list[Gap], text: str, document: str, turn: str, *, is_part: bool) -> tuple[Gap, ...] | None:
    """The parts of the gaps that lie in the document; None where it does not stand once and whole in the text.

    A chat format may strip its contents. `is_part`: the text is one message, which may be another one.
    """
    if not document:
        return ()
    shown = turn if turn in text else turn.strip()
    place = text.find(shown)
    if place < 0:
        return () if is_part else None
    if text.find(shown, place + 1) >= 0:
        return None
    first = place if shown == turn else place - (len(turn) - len(turn.lstrip()))
    inside = (Gap(max(0, start - first), min(len(document), stop - first)) for start, stop in gaps)
    return tuple(gap for gap in inside if gap.start < gap.stop)


def _holds_rest(prompt: Prompt, document: str, gaps: tuple[Gap, ...], tokenizer: PromptTokenizer) -> bool:
    """Whether what is not in the gaps stands in the prompt, which may be cut once more when it is encoded again."""
    text = tokenizer.decode(prompt.ids.tolist(), skip_special=False)
    ends = [0, *itertools.chain.from_iterable(gaps), len(document)]
    rest = [document[start:stop] for start, stop in zip(ends[::2], ends[1::2], strict=True)]
    return all(tokenizer.decode(ids, skip_special=False) in text for ids in tokenizer.encode_batch(rest))
