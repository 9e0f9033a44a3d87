"""Finds out servers that read fewer tokens than they were sent, and answer as if they had read all.

A popular local server drops what exceeds its window, answers 200, and shows it only in `usage.prompt_tokens`.
What gives it away, from certain to likely:

- fewer tokens than any tokenizer needs for the text, or than the ids that were sent;
- one and the same count, the highest of all, for prompts of different lengths: a ceiling.

A tokenizer that is not the card's differs by a constant or in proportion, so longer prompts have higher counts; that is
no ceiling. An answer whose count is the highest so far and that could stand at a ceiling is held back until another
prompt tells: one with a higher count clears it, one of another length with the same count convicts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .._base import READ_IN_PART, Completion

__all__ = ["CeilingWatch", "Sent", "code_points", "least_tokens", "usual_tokens"]

# Characters of a text per token. The largest vocabularies in use (200,000 tokens) average 4 to 5 in English and 1 to 2
# in Chinese; hardly a word has more than 16 letters, and hardly a token more than 4 Chinese characters. A whole text
# beyond these would be one token to each such word, so the text was not read.
MOST_CHARACTERS, MOST_WIDE_CHARACTERS = 16, 4
USUAL_CHARACTERS, USUAL_WIDE_CHARACTERS = 4.0, 1.5
# Of the tokens that a prompt should have: fewer are worth a word. A text of long words has about 0.6 of the usual ones.
ODD_SHARE = {"tokens": 0.95, "characters": 0.6}
WIDE = ((0x2E80, 0xA4CF), (0xAC00, 0xD7AF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))  # scripts that write no blanks

SEAM_TOKENS = 4  # a text that truncation joined may split otherwise
LEAST_WINDOW = 128  # tokens: no server has a smaller window, and short prompts have like counts by chance
SHORT_SHARE = 0.7  # of our tokens: tokenizers of English differ by less
LEAST_COMPARED = 64  # tokens of a prompt that says something of a tokenizer: shorter ones are mostly chat format
SAME_RATIO = 0.15  # by which texts of one tokenizer differ in tokens per token of another
LIKE_COUNTS = 0.01  # counts that differ by no more may stand at one ceiling
# How much longer the longest prompt is than the shortest, for one count of both to be no chance: where the counts are
# only alike, where two are the same, where three are. Characters per token vary by about 5% within a task.
WIDE_SPREAD, CLEAR_SPREAD, SOME_SPREAD = 1.5, 1.15, 1.05
MOST_HELD = 32  # answers held back; the rest is handed on, so that a killed process loses few


def code_points(text: str) -> NDArray[np.int32]:
    """The text as numbers."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.int32)


def least_tokens(points: NDArray[np.int32]) -> float:
    """Fewer tokens than these no tokenizer makes of a text of those code points."""
    wide, narrow = _counted(points)
    return narrow / MOST_CHARACTERS + wide / MOST_WIDE_CHARACTERS


def usual_tokens(points: NDArray[np.int32]) -> float:
    """About as many tokens a text of those code points has."""
    wide, narrow = _counted(points)
    return narrow / USUAL_CHARACTERS + wide / USUAL_WIDE_CHARACTERS


def _counted(points: NDArray[np.int32]) -> tuple[int, int]:
    """Wide and other characters; a run of one character counts once, as vocabularies hold long runs of blanks."""
    if not len(points):
        return 0, 0
    points = points[np.concatenate(([True], points[1:] != points[:-1]))]
    is_wide = np.zeros(len(points), dtype=bool)
    for first, last in WIDE:
        is_wide |= (points >= first) & (points <= last)
    return int(is_wide.sum()), int((~is_wide).sum())


@dataclass(frozen=True, slots=True)
class Sent:
    """A prompt as it left."""

    length: int
    """Tokens, or characters where nobody knows the tokenizer."""
    limit: int
    """Tokens that the answer may have: some servers take them off the window."""
    points: Callable[[], NDArray[np.int32]]
    """The prompt as code points."""
    is_counted: bool
    """Whether `length` is tokens."""
    is_exact: bool = False
    """Whether token ids were sent, of which the server counts each."""

    @property
    def unit(self) -> str:
        """What `length` counts."""
        return "tokens" if self.is_counted else "characters"

    def expected(self) -> float:
        """About as many tokens the server should read."""
        return float(self.length) if self.is_counted else max(1.0, usual_tokens(self.points()))


@dataclass(frozen=True, slots=True)
class _Held:
    """An answer that may stand at a ceiling."""

    completion: Completion
    sent: Sent
    read: int
    expected: float

    @property
    def ratio(self) -> float:
        return self.read / self.expected


@dataclass
class _Top:
    """The answers with the highest count of one generation limit."""

    held: list[_Held] = field(default_factory=list)
    count: int = 0
    convicted: list[int] = field(default_factory=list)

    def is_convicted(self, read: int) -> bool:
        return bool(self.convicted) and min(self.convicted) <= read <= max(self.convicted)

    def is_above(self, read: int) -> bool:
        return read > self.count * (1 + LIKE_COUNTS) + 1

    def is_below(self, read: int) -> bool:
        return read < self.count * (1 - LIKE_COUNTS) - 1


class CeilingWatch:
    """Takes answers as they come and hands on those that are answers to the whole prompt, the others as failed."""

    def __init__(self, compare: Callable[[int, int], None], note: Callable[[str], None]) -> None:
        self._compare = compare
        self._note = note
        self._tops: dict[int, _Top] = {}
        self._ratios: list[float] = []
        self._is_said = self._is_doubt_said = False

    def take(self, completion: Completion, sent: Sent) -> list[Completion]:
        """What can be handed on now that this answer has come: it, others that it cleared, or nothing yet."""
        read = completion.prompt_tokens
        if read is None:
            return [completion]
        item = _Held(completion, sent, read, sent.expected())
        top = self._tops.setdefault(sent.limit, _Top())
        if _is_impossible(item) or (top.is_convicted(read) and not _is_whole(item)):
            return [self._failed(item), *self._convict(read)]
        return self._sort(item, top)

    def rest(self) -> Iterator[Completion]:
        """What is still held back when nothing more will come."""
        for top in self._tops.values():
            held, top.held = top.held, []
            yield from (self._settled(each) for each in held)

    def _sort(self, item: _Held, top: _Top) -> list[Completion]:
        """Put an answer among those of its generation limit."""
        if top.count and top.is_below(item.read):
            return [self._cleared(item)]
        released: list[Completion] = []
        if top.is_above(item.read):  # more was read of this prompt, so the others met no ceiling
            released = [self._cleared(each) for each in top.held]
            top.held, top.convicted, top.count = [], [], item.read
        if _is_whole(item) or item.read < LEAST_WINDOW:
            return [*released, self._cleared(item)]
        top.held.append(item)
        top.count = max(top.count, item.read)
        if _is_ceiling(top.held):
            held, top.held = top.held, []
            return [*released, *(self._failed(each) for each in held)]
        while len(top.held) > MOST_HELD:
            released.append(self._settled(top.held.pop(0)))
        return released

    def _settled(self, item: _Held) -> Completion:
        """An answer that nothing has cleared or convicted."""
        is_explained = any(abs(ratio / item.ratio - 1) <= SAME_RATIO for ratio in self._ratios)
        if item.sent.is_counted and item.ratio < SHORT_SHARE and not is_explained:
            return self._failed(item, ", or its tokenizer is not the card's")
        if item.ratio < ODD_SHARE[item.sent.unit] and not is_explained:
            self._doubt(item)
        return self._cleared(item)

    def _convict(self, read: int) -> list[Completion]:
        """The answers held back that have the count of one that was surely cut, as failed."""
        found = []
        for top in self._tops.values():
            found += [each for each in top.held if each.read == read]
            top.held = [each for each in top.held if each.read != read]
        return [self._failed(each) for each in found]

    def _failed(self, item: _Held, otherwise: str = "") -> Completion:
        """The answer as a failure that names both lengths."""
        self._tops[item.sent.limit].convicted.append(item.read)
        what = f"{READ_IN_PART}{item.read} tokens of a prompt of {item.sent.length} {item.sent.unit}"
        if not self._is_said:
            self._is_said = True
            hint = "such samples fail, start it with a longer window"
            self._note(f"{what}: it drops what exceeds its window{otherwise}; {hint}")
        reason = f"{what}: it dropped the rest{otherwise}; start it with a longer window, or send it less"
        failed = replace(item.completion, text="", lost_to=None, finish_reason="error", error=reason)
        return replace(failed, is_of_prompt=True)

    def _cleared(self, item: _Held) -> Completion:
        """The answer, whose count tells of the tokenizer."""
        if item.expected >= LEAST_COMPARED:
            self._ratios.append(item.ratio)
        self._compare(item.sent.length, item.read)
        return item.completion

    def _doubt(self, item: _Held) -> None:
        """Say once that a count is odd for a prompt of that length, where nothing convicts the server."""
        if not self._is_doubt_said:
            self._is_doubt_said = True
            self._note(
                f"{READ_IN_PART}{item.read} tokens of a prompt of {item.sent.length} {item.sent.unit}, where "
                f"{item.expected:.0f} are usual: see that its window is longer than the prompts"
            )


def _is_whole(item: _Held) -> bool:
    """Whether as many tokens were read as were sent."""
    return item.sent.is_counted and item.read >= item.sent.length - SEAM_TOKENS


def _is_impossible(item: _Held) -> bool:
    """Whether no tokenizer at all makes so few tokens of the prompt."""
    if _is_whole(item):
        return False
    return item.sent.is_exact or item.read < least_tokens(item.sent.points()) - SEAM_TOKENS


def _is_ceiling(held: Sequence[_Held]) -> bool:
    """Whether prompts of too different lengths have the same count, for chance or a tokenizer to have made it."""
    spread = max(each.expected for each in held) / min(each.expected for each in held)
    is_same = len({each.read for each in held}) == 1
    if not is_same or len(held) == 1:
        return spread >= WIDE_SPREAD
    return spread >= (SOME_SPREAD if len(held) >= 3 else CLEAR_SPREAD)
