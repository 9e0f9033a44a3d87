"""Tokenizers that lengths are measured with besides the model's own: a `tokenizer.json`, or a tiktoken encoding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalkit.encodings import tiktoken_encoding
from evalkit.errors import MissingDependencyError, UserError, one_line
from evalkit.files import user_path

from .._context import Encoder, forget_lengths

__all__ = ["length_tokenizer"]


def length_tokenizer(name: str, option: str = "--length-tokenizer") -> Encoder:
    """The tokenizer of that file, model folder or tiktoken encoding; `UserError` where there is none.

    `option` is what messages call it.
    """
    path = user_path(name)
    path = path / "tokenizer.json" if path.is_dir() else path
    return _from_file(path, option) if path.suffix == ".json" else _from_tiktoken(name, option)


class _FileTokenizer:
    """A `tokenizer.json` of the tokenizers library."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=skip_special)
        return text


class _TiktokenTokenizer:
    """A tiktoken encoding."""

    def __init__(self, encoding: Any) -> None:
        self._encoding = encoding

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        batch: list[list[int]] = self._encoding.encode_ordinary_batch(list(texts))
        return batch

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:  # noqa: ARG002, plain text has no special ids
        text: str = self._encoding.decode(list(ids))
        return text


def _from_file(path: Path, option: str) -> Encoder:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingDependencyError("tokenizers", "hf", f"measuring lengths with {path}") from error
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise UserError(f"{option} {path}: cannot be read ({one_line(error)})") from error
    forget_lengths(tokenizer)
    return _FileTokenizer(tokenizer)


def _from_tiktoken(name: str, option: str) -> Encoder:
    hint = f"{option} takes an encoding, a tokenizer.json, or a model folder"
    return _TiktokenTokenizer(tiktoken_encoding(name, hint=hint))
