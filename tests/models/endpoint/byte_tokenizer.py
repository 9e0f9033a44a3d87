"""The tokenizer of the scripted server's model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalkit.prompts import WithoutSpecialTokens


class Bytes(WithoutSpecialTokens):
    """A tokenizer whose tokens are UTF-8 bytes, as the scripted server's are."""

    def encode(self, text: str, **_: Any) -> list[int]:
        return list(text.encode())

    def decode(self, ids: Sequence[int], **_: Any) -> str:
        return bytes(ids).decode(errors="replace")

    def __len__(self) -> int:
        return 256
