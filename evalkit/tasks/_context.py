"""Contexts that are made in tokens, so that a whole prompt has an exact length on every model.

The task leaves a mark where the part belongs and says how long the whole prompt shall be. The builder wraps the prompt,
counts what stands around the mark, and asks for the rest. So a task never meets a chat template, and a tokenizer only
as an `Encoder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ids = NDArray[np.int32]

__all__ = ["CONTEXT_MARK", "BuiltContext", "ContextBuilder", "Encoder", "forget_lengths"]

CONTEXT_MARK = "\ue000context\ue000"
"""Stands in a request's texts where the filled part goes; private-use characters, which no text contains."""


class Encoder(Protocol):
    """What a task may ask of a tokenizer."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text, no special tokens."""

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        """The text of ids."""


class BuiltContext(NamedTuple):
    """The context of one prompt as token ids."""

    ids: Ids
    """Its tokens, as many as were asked for."""
    evidence: tuple[tuple[int, int], ...]
    """Half-open ranges of them that hold the needles."""
    depths: tuple[float, ...] = ()
    """Where each needle really stands, in percent of the haystack's tokens; empty = not told."""


class ContextBuilder(Protocol):
    """Makes the context of one prompt once the tokens around it are counted."""

    @property
    def length(self) -> int:
        """Tokens that the whole prompt shall have, chat wrapping included, generation not."""

    def build(self, encoder: Encoder, fixed_tokens: int) -> BuiltContext:
        """The context that makes the prompt `length` tokens long, given the tokens that stand around it."""


def forget_lengths(backend: Any) -> None:
    """Switch off the `truncation` and `padding` of a `tokenizer.json`, left there by whoever trained with them.

    `transformers` does so in every call of its own; the Rust tokenizer alone would cut and pad every prompt silently,
    padding to the longest of its batch.
    """
    backend.no_truncation()
    backend.no_padding()
