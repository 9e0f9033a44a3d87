"""The part of a prompt that is made in tokens: how a task that counts tokens and a prompt builder meet.

The task leaves a mark where the part belongs and says how long the whole prompt shall be. The builder wraps the prompt,
counts what stands around the mark, and asks for the rest. So a task never meets a chat template, and a tokenizer only
as an `Encoder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int32]

__all__ = ["CONTEXT_MARK", "BuiltContext", "ContextBuilder", "Encoder"]

CONTEXT_MARK = "\ue000context\ue000"
"""Stands in a request's texts where the filled part goes; private-use characters, which no text contains."""


class Encoder(Protocol):
    """A tokenizer, as far as a task may know it."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, no special tokens."""

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """The text of ids."""


class BuiltContext(NamedTuple):
    """A part of a prompt, made."""

    ids: Ids
    """Its tokens, as many as were asked for."""
    evidence: tuple[tuple[int, int], ...]
    """Half-open ranges of them that hold the needles."""


class ContextBuilder(Protocol):
    """Makes the part."""

    @property
    def length(self) -> int:
        """Tokens that the whole prompt shall have, chat wrapping included, generation not."""

    def build(self, encoder: Encoder, fixed_tokens: int) -> BuiltContext:
        """The part that makes the prompt as long as it shall be, given the tokens that stand around it."""
