"""Texts to measure, read a piece at a time: files, folders of them, records of JSON lines.

A document is a file, or a record's `text`. It is encoded once; one of more than `PIECE` characters in pieces that end
behind a line end, so that neither the text nor its tokens are ever in memory as a whole.
"""

from __future__ import annotations

import codecs
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from evalkit.data import read_records, require
from evalkit.errors import DataError
from evalkit.prompts import PromptTokenizer, TokenIds, token_array
from evalkit.tasks import encode_inside

__all__ = ["SUFFIXES", "Document", "Texts", "TokenPiece", "find_texts"]

SUFFIXES = (".jsonl", ".md", ".txt")
"""Ends of the names of files that a folder is searched for."""
PIECE = 2**20
"""Characters that are encoded at once: some 250,000 tokens of English. What it is decides the tokens at the borders."""
BLOCK = 2**20  # bytes read at once


class TokenPiece(NamedTuple):
    """Some tokens of a document."""

    ids: TokenIds
    """Its tokens, without special ones."""
    bytes: int
    """About how many bytes of the file they took."""


@dataclass(frozen=True)
class Document:
    """One text, read when it is asked for."""

    name: str
    """File, relative to the folder that was named, and for records the line: `wiki.jsonl:3`."""
    path: Path
    """Its file."""
    text: str | None = None
    """The text of a record; None for a file, which is read anew each time."""

    def tokens(self, tokenizer: PromptTokenizer) -> Iterator[TokenPiece]:
        """Its tokens in order; `DataError` where the file is not UTF-8."""
        texts = _pieces(iter([self.text]) if self.text is not None else _characters(self.path))
        for number, text in enumerate(texts):
            ids = encode_inside(tokenizer, [text])[0] if number else tokenizer.encode(text)
            yield TokenPiece(token_array(ids), len(text.encode()))


@dataclass(frozen=True)
class Texts:
    """The files of a text that was named."""

    place: Path
    """File or folder."""
    files: tuple[Path, ...]
    """Its files, in the order of their names."""

    def documents(self, limit: int | None = None) -> Iterator[Document]:
        """The documents in order, at most `limit`."""
        left = limit
        for path in self.files:
            for document in self._of(path):
                if left == 0:
                    return
                yield document
                left = None if left is None else left - 1

    def _of(self, path: Path) -> Iterator[Document]:
        name = self._name(path)
        if path.suffix != ".jsonl":
            yield Document(name, path)
            return
        for record in read_records(path):
            yield Document(f"{name}:{record.line}", path, _whole(require(record, "text", str), f"{path}:{record.line}"))

    def _name(self, path: Path) -> str:
        return path.name if path == self.place else path.relative_to(self.place).as_posix()

    def bytes(self, limit: int | None = None) -> int | None:
        """Bytes of so many documents; None where lines of a file must be counted for that."""
        if limit is not None and any(path.suffix == ".jsonl" for path in self.files):
            return None
        return sum(path.stat().st_size for path in self.files[:limit])

    @property
    def listing_sha256(self) -> str:
        """Digest of names and sizes, which a text of gigabytes tells unread; its tokens have digests in the log."""
        sizes = [(self._name(path), path.stat().st_size) for path in self.files]
        return hashlib.sha256(json.dumps(sizes).encode()).hexdigest()


def find_texts(place: Path) -> Texts:
    """The files of a text; `DataError` where there is none. A folder is searched with its subfolders."""
    if not place.exists():
        raise DataError(f"--text {place}: no such file or folder")
    found: Sequence[Path] = [place] if place.is_file() else sorted(_files(place))
    if not found:
        kinds = ", ".join(f"*{suffix}" for suffix in SUFFIXES)
        raise DataError(f"--text {place}: no {kinds} in it; name a folder of texts, or one file of any name")
    if not any(path.stat().st_size for path in found):
        raise DataError(f"--text {place}: empty; name a file with a text in it, or a folder of such")
    return Texts(place, tuple(found))


def _whole(text: str, place: str) -> str:
    """The text; `DataError` where it holds half a surrogate pair, which JSON can escape and no tokenizer reads."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{place}: field 'text' holds half a character (a lone surrogate) at character {error.start + 1:,}; repair "
            "or remove the line"
        ) from None
    return text


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())


def _characters(path: Path) -> Iterator[str]:
    """The text of a UTF-8 file in blocks, without a byte order mark."""
    decoder, place = codecs.getincrementaldecoder("utf-8-sig")(), 0
    try:
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                pending = len(decoder.getstate()[0])
                yield _decoded(decoder, block, path, place - pending)
                place += len(block)
            yield _decoded(decoder, b"", path, place - len(decoder.getstate()[0]))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _decoded(decoder: codecs.IncrementalDecoder, block: bytes, path: Path, place: int) -> str:
    try:
        return decoder.decode(block, final=not block)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 (byte {place + error.start + 1:,}); convert the file") from error


def _pieces(blocks: Iterator[str]) -> Iterator[str]:
    """The text with every line end as a newline, in pieces of at most `PIECE` characters."""
    rest = ""
    for block in blocks:
        rest += block
        while len(rest) > PIECE:
            cut = _cut(rest)
            yield _with_newlines(rest[:cut])
            rest = rest[cut:]
    if rest:
        yield _with_newlines(rest)


def _cut(text: str) -> int:
    """Where the first piece of the text ends: behind a line end, else behind a blank, else anywhere."""
    for sign in ("\n", " "):
        if (place := text.rfind(sign, 0, PIECE)) >= 0:
            return place + 1
    return PIECE


def _with_newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
