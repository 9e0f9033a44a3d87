"""Encoders that take characters apart in the ways that published tokenizers do."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

__all__ = ["ByteFallback", "Bytes", "Chunks", "DroppingBytes"]


class Bytes:
    """One token per byte; what is left of a cut character becomes U+FFFD, as in byte-level vocabularies."""

    errors = "replace"

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [list(text.encode()) for text in texts]

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:  # noqa: ARG002
        return bytes(ids).decode(errors=self.errors)


class DroppingBytes(Bytes):
    """One token per byte; what is left of a cut character is dropped, as ByT5 does."""

    errors = "ignore"


class Chunks:
    """Tokens of that many bytes, wherever characters begin, as some long merges of byte-level vocabularies."""

    def __init__(self, size: int) -> None:
        self._size = size

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [self._encode(text.encode()) for text in texts]

    def _encode(self, data: bytes) -> list[int]:
        return [int.from_bytes(b"\1" + data[at : at + self._size], "big") for at in range(0, len(data), self._size)]

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:  # noqa: ARG002
        return b"".join(token.to_bytes(8, "big").lstrip(b"\0")[1:] for token in ids).decode(errors="replace")


class ByteFallback:
    """ASCII as characters, the rest as bytes; one cut character makes the whole run of bytes around it unreadable."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return [[token for character in text for token in self._encode(character)] for text in texts]

    def _encode(self, character: str) -> list[int]:
        return [256 + ord(character)] if character.isascii() else list(character.encode())

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:  # noqa: ARG002
        runs = itertools.groupby(ids, key=lambda token: token < 256)
        return "".join(self._run(list(run)) if is_bytes else _characters(run) for is_bytes, run in runs)

    def _run(self, data: list[int]) -> str:
        try:
            return bytes(data).decode()
        except UnicodeDecodeError:
            return "\ufffd" * len(data)


def _characters(run: Iterable[int]) -> str:
    return "".join(chr(token - 256) for token in run)
