"""A context with hidden needles, in tokens exactly: what stands at `CONTEXT_MARK` in a prompt of a set length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evalkit.errors import UserError

from .._context import BuiltContext, Encoder
from ._haystack import Haystack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["NeedleContext"]


@dataclass(frozen=True, slots=True)
class NeedleContext:
    """A context with one or more needles, made once the tokens around it are counted."""

    haystack: Haystack
    """Text around the needles."""
    needles: tuple[str, ...]
    """The sentences to hide, in the order in which they shall stand."""
    length: int
    """Tokens of the whole prompt."""
    depths: tuple[float, ...]
    """Where each needle begins, in percent of the haystack, ascending: 0 = before it, 100 = behind it."""
    insertion: str = "sentence"
    """`sentence` = at the last end of a sentence before that place, if one is within reach; `token` = right there."""

    def __post_init__(self) -> None:
        if not self.needles or len(self.needles) != len(self.depths) or list(self.depths) != sorted(self.depths):
            raise ValueError(f"{len(self.needles)} needles at depths {self.depths}: give each one, ascending")

    def build(self, encoder: Encoder, fixed_tokens: int) -> BuiltContext:
        """Haystack and needles in `length` − `fixed_tokens` tokens."""
        texts = (self.needles[0], *(self.haystack.blank + each for each in self.needles))
        opener, *inner = self.haystack.inside(encoder, texts)
        tokens = self._room(fixed_tokens, inner)
        places = [self._place(encoder, tokens, depth, is_joined=False) for depth in self.depths]
        if places[0]:
            return _spliced(self.haystack.prefix(encoder, tokens), inner, places)
        # The first needle opens the text: it stands without a blank before it, and the haystack behind it has one.
        parts = [opener, *inner[1:]]
        tokens = self._room(fixed_tokens, parts)
        places = [0, *(self._place(encoder, tokens, depth, is_joined=True) for depth in self.depths[1:])]
        return _spliced(self.haystack.prefix(encoder, tokens, is_joined=True), parts, places)

    def _room(self, fixed_tokens: int, parts: Sequence[Sequence[int]]) -> int:
        """Tokens that are left for the haystack."""
        taken = fixed_tokens + sum(map(len, parts))
        if taken > self.length:
            raise UserError(
                f"length {self.length}: too short, instruction, question and needle take {taken} tokens; "
                "ask for more with --lengths"
            )
        return self.length - taken

    def _place(self, encoder: Encoder, tokens: int, depth: float, *, is_joined: bool) -> int:
        """Index in tokens, never inside a character. A needle at the very end is appended, as the first tests did."""
        place = int(tokens * depth / 100)  # of the haystack: the needles' own tokens are no part of the depth
        if self.insertion == "token" or depth == 100:
            return self.haystack.character_end(encoder, place, tokens, is_joined=is_joined)
        return self.haystack.sentence_end(encoder, place, tokens, is_joined=is_joined)


def _spliced(text: NDArray[np.int32], parts: Sequence[Sequence[int]], places: Sequence[int]) -> BuiltContext:
    """The text with each part put in at its place, and where the parts then stand."""
    import numpy as np

    pieces, spans, start, done = [], [], 0, 0
    for part, place in zip(parts, places, strict=True):
        pieces += [text[done:place], np.asarray(part, dtype=np.int32)]
        start += place - done
        spans.append((start, start + len(part)))
        start, done = start + len(part), place
    # Slices, never encoded again: the prompt has the tokens that were counted, and cells share prefixes.
    depths = tuple(100 * place / max(1, len(text)) for place in places)
    return BuiltContext(np.concatenate([*pieces, text[done:]]), tuple(spans), depths)
