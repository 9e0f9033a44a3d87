"""SentencePiece itself as the core of a tokenizer: its ids for any model type, normaliser and vocabulary."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from evalkit.errors import CardError, SampleError, one_line

from ._model_file import PieceType, changed_model, piece_types, processor, read_model

__all__ = ["Blanks", "SentencePieceCore"]

Blanks = Literal["model", "first", "never"]
"""What stretches of a text between control tokens begin with: what the model's own `add_dummy_prefix` puts before each,
a blank before the first alone, or nothing (LlamaTokenizer with `legacy: false`)."""

_BLANK = "▁"
_UNKNOWN = "<unk>"

# What must not be found in plain text: as a symbol of the user's it is cut out of every text, and as an ordinary piece
# it arises where its parts merge. Of the latter SentencePiece gives the parts when it is marked unused.
_HIDDEN_TYPE = {PieceType.USER_DEFINED: PieceType.CONTROL, PieceType.NORMAL: PieceType.UNUSED}


class SentencePieceCore:
    """One model file, as a class of tokenizers encodes and decodes with it."""

    def __init__(self, path: Path, blanks: Blanks = "model", *, drops_first_blank: bool = False) -> None:
        """With `drops_first_blank` the piece that a decoded text begins with loses its blank."""
        self._path = path
        self._drops_first_blank = drops_first_blank
        self._raw = read_model(path)
        self._blanks = blanks
        self._reader = processor(self._raw, path)
        self._plain = self._changed({})
        self.size: int = self._reader.get_piece_size()
        """Pieces of the model."""
        self.digest = f"sentencepiece:{hashlib.sha256(self._raw).hexdigest()}:{blanks}:{drops_first_blank}"
        """What decides the ids of plain text, and the text of ids."""

    def hide(self, ids: Iterable[int]) -> None:
        """Never give these ids for plain text again: a chat format alone writes them."""
        types = self._types()
        self._plain = self._changed({each: _HIDDEN_TYPE[kind] for each in ids if (kind := types[each]) in _HIDDEN_TYPE})

    def _types(self) -> list[Any]:
        try:
            return piece_types(self._raw)
        except (IndexError, KeyError) as error:  # fields of kinds that nobody writes any more
            raise CardError(
                f"{self._path}: holds fields that are not SentencePiece's: get the model's tokenizer.model"
            ) from error

    def _changed(self, types: dict[int, PieceType]) -> Any:
        if not types and self._blanks == "model":
            return self._reader
        raw = changed_model(self._raw, types, has_dummy_prefix=self._blanks == "model")
        return processor(raw, self._path)

    def id_of(self, text: str) -> int | None:
        """The id of the piece with that text, or None."""
        found: int = self._reader.piece_to_id(text)
        return found if 0 <= found < self.size and self._reader.id_to_piece(found) == text else None

    def text_of(self, token: int) -> str:
        """The text of a piece."""
        return str(self._reader.id_to_piece(token))

    def encode(self, stretches: Sequence[str], are_first: Sequence[bool]) -> list[list[int]]:
        """Ids of plain stretches of text, each with whether its text begins with it."""
        if self._blanks == "model":
            batch: list[list[int]] = self._plain.encode(list(stretches))
            return batch
        return [self._without_prefix(text, first) for text, first in zip(stretches, are_first, strict=True)]

    def _without_prefix(self, text: str, is_first: bool) -> list[int]:
        """Ids as LlamaTokenizer with `legacy: false` makes them (`tokenize`, `_tokenize` of transformers 4.45).

        A model without its dummy prefix may strip a blank at the start, so such stretches stand behind the text of the
        unknown token, whose ids go again.
        """
        if not text:
            return []
        text = text.replace(_BLANK, " ")
        text = _BLANK + text if is_first and self._blanks == "first" else text
        if not text.startswith((_BLANK, " ")):
            plain: list[int] = self._plain.encode(text)
            return plain
        anchor = len(self._plain.encode(_UNKNOWN))
        ids: list[int] = self._plain.encode(_UNKNOWN + text)
        return ids[anchor:] if len(ids) >= anchor else ids

    def decode(self, ids: list[int], *, is_first: bool) -> str:
        """The text of ids without control tokens between them, `is_first` where a text begins with them."""
        reader = self._reader if self._blanks == "model" else self._plain
        try:
            return self._without_first_blank(reader, ids) if is_first else str(reader.decode(ids))
        except Exception as error:  # what a damaged model does to its own pieces
            raise SampleError(f"{self._path}: SentencePiece cannot decode ({one_line(error)})") from error

    def _without_first_blank(self, reader: Any, ids: list[int]) -> str:
        """The text as LlamaTokenizer decodes it (`convert_tokens_to_string` of transformers 4.45).

        Where the model drops a blank as well, which `legacy: false` keeps it from, two of them go.
        """
        first = str(reader.id_to_piece(ids[0])) if self._drops_first_blank and ids else ""
        if not first.startswith(_BLANK):
            return str(reader.decode(ids))
        return str(reader.decode([first[1:], *reader.id_to_piece(ids[1:])]))
