"""A tiktoken encoding with the merges and marks that a published class adds to it (XGen)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from evalkit.encodings import tiktoken_encoding

__all__ = ["TiktokenCore"]


class TiktokenCore:
    """An encoding as a class of tokenizers extends it; ids follow the encoding's own, merges first, then marks."""

    def __init__(self, name: str, runs: Sequence[str], marks: Sequence[str]) -> None:
        import tiktoken

        base = tiktoken_encoding(name, hint="")
        first = int(base.n_vocab)
        added = {text.encode(): first + place for place, text in enumerate(runs)}
        first += len(runs)
        self.special = {**base._special_tokens, **{text: first + place for place, text in enumerate(marks)}}
        """Texts of control tokens and their ids."""
        ranks = {**base._mergeable_ranks, **added}  # a run that was there already moves to its new id, as published
        self._encoding: Any = tiktoken.Encoding(
            name=f"{name}-extended", pat_str=base._pat_str, mergeable_ranks=ranks, special_tokens=self.special
        )
        self._ids = frozenset(ranks.values())
        self.size = int(self._encoding.n_vocab)
        """Where ids end."""
        content = repr((name, list(runs), list(marks), len(base._mergeable_ranks)))
        self.digest = f"tiktoken:{hashlib.sha256(content.encode()).hexdigest()}"
        """What decides the ids of plain text."""

    def hide(self, ids: Iterable[int]) -> None:
        """Plain text never gives the ids of marks."""

    def id_of(self, text: str) -> int | None:
        """The id of the mark with that text, or None."""
        return self.special.get(text)

    def text_of(self, token: int) -> str:
        """The text of a token; empty where the id stands for none."""
        if token not in self._ids:
            return next((text for text, number in self.special.items() if number == token), "")
        return str(self._encoding.decode([token]))

    def encode(self, stretches: Sequence[str], are_first: Sequence[bool]) -> list[list[int]]:  # noqa: ARG002
        """Ids of plain stretches of text, which are the same wherever they stand."""
        batch: list[list[int]] = self._encoding.encode_ordinary_batch(list(stretches))
        return batch

    def decode(self, ids: list[int], *, is_first: bool) -> str:  # noqa: ARG002
        """The text of ids; what is no character becomes U+FFFD, and an id that was given up has no text."""
        text: str = self._encoding.decode([each for each in ids if each in self._ids])
        return text
