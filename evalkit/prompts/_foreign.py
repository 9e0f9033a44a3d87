"""Tokenizers that are not Hugging Face ones, with as much of that interface as `PromptTokenizer` asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from evalkit.encodings import tiktoken_encoding

__all__ = ["Characters", "TiktokenText", "WithoutSpecialTokens"]


class WithoutSpecialTokens:
    """A tokenizer that adds nothing to a text and has no chat template of its own."""

    model_max_length: int
    chat_template: str | None = None
    bos_token_id: int | None = None
    eos_token_id: int | None = None
    special_tokens_map: ClassVar[dict[str, str]] = {}

    def __call__(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        """Ids of each text."""
        return {"input_ids": [self.encode(text) for text in texts]}

    def encode(self, text: str, **_: Any) -> list[int]:
        """Ids of a text."""
        raise NotImplementedError


class TiktokenText(WithoutSpecialTokens):
    """One of OpenAI's encodings; the text of special tokens is plain text."""

    def __init__(self, name: str) -> None:
        self._encoding = tiktoken_encoding(name, hint="correct `tokenizer` in the card")

    def encode(self, text: str, **_: Any) -> list[int]:
        """Ids of a text."""
        ids: list[int] = self._encoding.encode_ordinary(text)
        return ids

    def decode(self, ids: Sequence[int], **_: Any) -> str:
        """Text of those ids; a character cut in half becomes U+FFFD."""
        text: str = self._encoding.decode(list(ids))
        return text

    def __len__(self) -> int:
        return int(self._encoding.n_vocab)

    def get_vocab(self) -> dict[str, int]:
        """The encoding's name, which stands for its vocabulary in digests."""
        return {f"tiktoken:{self._encoding.name}": len(self)}


class Characters(WithoutSpecialTokens):
    """Unicode code points in place of tokens, for servers whose tokenizer nobody knows."""

    unit = "characters"

    def encode(self, text: str, **_: Any) -> list[int]:
        """Code points of a text."""
        return [ord(character) for character in text]

    def decode(self, ids: Sequence[int], **_: Any) -> str:
        """The text again."""
        return "".join(map(chr, ids))

    def __len__(self) -> int:
        return 0x110000

    def get_vocab(self) -> dict[str, int]:
        """A name that stands for the code points in digests."""
        return {"characters": len(self)}
