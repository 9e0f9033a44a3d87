"""How a document is cut into windows, and which of a window's tokens count.

`prefix`: consecutive windows of the longest length; the first n tokens of each are the window of length n, so every
length sees the same beginnings. All tokens of a window count but those that nothing of the text stands before.

`sliding`: for every length windows of its own, `stride` tokens apart. Of the first one all tokens count, of later ones
those that no window before had, so every token is predicted once, and every length predicts the same tokens. As in
transformers' guide "Perplexity of fixed-length models" (docs/source/en/perplexity.md): its loop over `begin_loc`,
`end_loc` and `trg_len` is this one.

Every window begins as a prompt does (one BOS where the model wants one), which that guide leaves out: without BOS a
model that was trained with it is surprised by the first tokens of every window, and short windows pay for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from evalkit.errors import UserError
from evalkit.prompts import TokenIds, token_array

__all__ = ["MODES", "Mode", "Walk", "Window", "WindowRule"]

Mode = Literal["prefix", "sliding"]
MODES: tuple[str, ...] = get_args(Mode)


class Window(NamedTuple):
    """Tokens that a model sees at once."""

    length: int
    """Tokens that such windows have; the last one of a document may have fewer where windows slide."""
    number: int
    """Which of the document's windows of that length, from 0."""
    ids: TokenIds
    """Its tokens, with those that every window begins with."""
    first: int
    """Place of its first token that counts."""
    end: int
    """Tokens of the document up to its end."""


class _Cut(NamedTuple):
    """Windows of one length."""

    length: int
    step: int
    """Tokens of the document from one to the next."""


@dataclass(frozen=True)
class WindowRule:
    """How documents are cut."""

    mode: Mode
    """Whether a window of length n is the beginning of a longer one, or one of its own."""
    lengths: tuple[int, ...]
    """Tokens of a window, rising."""
    beginning: tuple[int, ...] = ()
    """Tokens that every window begins with: BOS, or none; they count to its length and are never predicted."""
    stride: int | None = None
    """Tokens between sliding windows; None = half of the length."""

    def check(self) -> None:
        """Raise `UserError` for lengths or a stride that leave nothing to predict."""
        least = self.unpredicted + 1
        if list(self.lengths) != sorted(set(self.lengths)) or not self.lengths:
            raise UserError(f"--lengths {_listed(self.lengths)}: must rise, such as 512,1024,2048")
        if self.lengths[0] < least:
            because = f", with the {len(self.beginning)} that every window begins with" if self.beginning else ""
            raise UserError(f"--lengths {self.lengths[0]}: a window needs {least} tokens or more{because}")
        if self.stride is None:
            return
        if self.mode == "prefix":
            raise UserError("--stride is for --windows sliding: prefix windows follow one another without overlap")
        most = self.lengths[0] - self.unpredicted
        if not 1 <= self.stride <= most:
            raise UserError(f"--stride {self.stride}: must be from 1 to {most}, below the shortest of --lengths")

    @property
    def unpredicted(self) -> int:
        """Tokens at the beginning of a window that are not predicted: nothing of the text stands before them."""
        return max(1, len(self.beginning))

    @property
    def longest(self) -> int:
        """Tokens of the longest window."""
        return self.lengths[-1]

    @property
    def least_tokens(self) -> int:
        """Tokens of the shortest document that counts: one that fills the longest window."""
        return self.longest - len(self.beginning)

    @property
    def cuts(self) -> list[_Cut]:
        """The windows that are cut, by their lengths."""
        if self.mode == "prefix":
            return [_Cut(self.longest, self.longest - len(self.beginning))]
        return [_Cut(length, self.stride_of(length)) for length in self.lengths]

    def stride_of(self, length: int) -> int:
        """Tokens between sliding windows of that length."""
        return self.stride or max(1, length // 2)


class Walk:
    """The windows of one document, in order for each length; none of a document that does not fill the longest one."""

    def __init__(self, pieces: Iterable[TokenIds], rule: WindowRule) -> None:
        self.tokens = 0
        """Tokens of the document seen so far."""
        self._pieces = pieces
        self._rule = rule
        self._beginning = token_array(rule.beginning)
        self._held = token_array([])
        self._held_from = 0
        self._counts = dict.fromkeys(rule.cuts, 0)
        self._covered = dict.fromkeys(rule.cuts, 0)

    def __iter__(self) -> Iterator[Window]:
        for piece in self._pieces:
            self._held = np.concatenate([self._held, piece])
            self.tokens += len(piece)
            if self.tokens >= self._rule.least_tokens:
                yield from self._whole()
        if self.tokens >= self._rule.least_tokens and self._rule.mode == "sliding":
            yield from self._last()

    def _whole(self) -> Iterator[Window]:
        """The windows that the tokens seen so far fill."""
        for cut in self._rule.cuts:
            while (stop := self._start(cut) + cut.length - len(self._beginning)) <= self.tokens:
                yield self._window(cut, stop)
        needed = min(map(self._start, self._rule.cuts))
        self._held, self._held_from = self._held[needed - self._held_from :], needed

    def _last(self) -> Iterator[Window]:
        """What is left of the document behind the last whole window of each length."""
        for cut in self._rule.cuts:
            if self._covered[cut] < self.tokens:
                yield self._window(cut, self.tokens)

    def _start(self, cut: _Cut) -> int:
        return self._counts[cut] * cut.step

    def _window(self, cut: _Cut, stop: int) -> Window:
        start, number, covered = self._start(cut), self._counts[cut], self._covered[cut]
        ids = np.concatenate([self._beginning, self._held[start - self._held_from : stop - self._held_from]])
        is_first = number == 0 or self._rule.mode == "prefix"
        first = self._rule.unpredicted if is_first else len(ids) - (stop - covered)
        self._counts[cut], self._covered[cut] = number + 1, stop
        return Window(cut.length, number, ids, first, stop)


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))
