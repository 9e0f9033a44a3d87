"""Haystacks measured in cl100k tokens: every line encoded once, every prompt cut and spliced as bytes.

Upstream encodes the lines of a haystack for each prompt, concatenates and cuts the tokens, splices the needle's tokens
in and decodes the whole. Decoding tokens is concatenating their bytes, so a line's bytes and the byte where each of its
tokens ends say all that is needed, and a prompt costs two slices and one UTF-8 decoding.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evalkit.data import read_records, require
from evalkit.encodings import tiktoken_encoding

__all__ = ["Cl100kEncoder", "LineHaystack", "Pieces", "TokenBytes"]

ENCODING = "cl100k_base"  # that of "gpt-4", the `tokenizer_model` of every upstream configuration


@dataclass(frozen=True)
class TokenBytes:
    """A token sequence as the text it stands for."""

    text: bytes
    """Concatenated bytes of the tokens."""
    ends: NDArray[np.int64]
    """Number of bytes of the first i tokens, shape (tokens + 1,)."""

    def __len__(self) -> int:
        return len(self.ends) - 1

    def cut(self, start: int, stop: int) -> bytes:
        """The bytes of tokens `start` to `stop`."""
        return self.text[self.ends[start] : self.ends[stop]]


@dataclass(frozen=True)
class _Piece:
    source: TokenBytes
    start: int
    stop: int


class Pieces:
    """A token sequence made by inserting token sequences into another one."""

    def __init__(self, source: TokenBytes, tokens: int) -> None:
        self._pieces = [_Piece(source, 0, tokens)]

    def insert(self, position: int, tokens: TokenBytes) -> None:
        """Put `tokens` before the token at `position`; behind the end where it is past it, as list slices do."""
        before: list[_Piece] = []
        rest = list(self._pieces)
        while rest and position > 0:
            piece = rest.pop(0)
            taken = min(position, piece.stop - piece.start)
            before.append(_Piece(piece.source, piece.start, piece.start + taken))
            if taken < piece.stop - piece.start:
                rest.insert(0, _Piece(piece.source, piece.start + taken, piece.stop))
            position -= taken
        self._pieces = [*before, _Piece(tokens, 0, len(tokens)), *rest]

    def text(self) -> str:
        """The decoded sequence; a character that a cut broke becomes U+FFFD, as in tiktoken's own decoding."""
        return b"".join(piece.source.cut(piece.start, piece.stop) for piece in self._pieces).decode("utf-8", "replace")


class Cl100kEncoder:
    """tiktoken's cl100k encoding, loaded when the first text needs it."""

    def encode(self, text: str) -> TokenBytes:
        """The text's tokens. Names of special tokens are text: no pinned file holds one, upstream would refuse it."""
        tokens = np.asarray(tiktoken_encoding(ENCODING).encode_ordinary(text), dtype=np.int64)
        ends = np.zeros(len(tokens) + 1, dtype=np.int64)
        np.cumsum(_token_sizes()[tokens], out=ends[1:])
        return TokenBytes(text.encode("utf-8"), ends)


class LineHaystack:
    """The lines of one haystack file in the orders that the repeats shuffle them into."""

    def __init__(self, path: Path, repeats: int, encoder: Cl100kEncoder) -> None:
        self._texts = [require(record, "text", str) for record in read_records(path)]
        self._lines: dict[int, TokenBytes] = {}
        self._orders = list(_orders(len(self._texts), repeats))
        self.encoder = encoder
        self._latest: tuple[tuple[int, int], TokenBytes] | None = None

    def stream(self, repeat: int, tokens: int) -> TokenBytes:
        """The first `tokens` tokens of one repeat's lines, or a few more; all of them where they are fewer."""
        key = (repeat, tokens)
        if self._latest is None or self._latest[0] != key:
            self._latest = (key, self._concatenated(self._orders[repeat], tokens))
        return self._latest[1]

    def _concatenated(self, order: Sequence[int], tokens: int) -> TokenBytes:
        lines: list[TokenBytes] = []
        total = 0
        for index in order:
            lines.append(self._line(index))
            total += len(lines[-1])
            if total >= tokens:
                break
        starts = np.cumsum([0, *(len(line.text) for line in lines)])
        ends = [line.ends[1:] + start for line, start in zip(lines, starts, strict=False)]
        return TokenBytes(b"".join(line.text for line in lines), np.concatenate([np.zeros(1, np.int64), *ends]))

    def _line(self, index: int) -> TokenBytes:
        if index not in self._lines:
            self._lines[index] = self.encoder.encode(self._texts[index])
        return self._lines[index]


def _orders(lines: int, repeats: int) -> Iterator[list[int]]:
    """The order of the lines in each repeat: shuffled in place under the repeat's seed, so each depends on the last."""
    order = list(range(lines))
    for repeat in range(repeats):
        random.Random(repeat).shuffle(order)  # a generator of its own gives the draws that seeding the global one does
        yield list(order)


@functools.cache
def _token_sizes() -> NDArray[np.int64]:
    """Bytes of each token, by id; special tokens, which plain text never becomes, count nothing."""
    encoding = tiktoken_encoding(ENCODING)
    sizes = np.zeros(encoding.max_token_value + 1, dtype=np.int64)
    for token in range(encoding.max_token_value + 1):
        try:
            sizes[token] = len(encoding.decode_single_token_bytes(token))
        except KeyError:  # a gap between the vocabulary and the special tokens
            continue
    return sizes
