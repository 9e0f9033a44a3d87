"""A published tokenizer: a library's ids for plain text, and control tokens where a chat format writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

from .._foreign import WithoutSpecialTokens
from ._marked import MarkedText, spelled

__all__ = ["Core", "PublishedText", "Special"]


class Core(Protocol):
    """A library with a vocabulary."""

    @property
    def size(self) -> int:
        """Where the ids of its vocabulary end."""

    @property
    def digest(self) -> str:
        """What decides the ids of plain text."""

    def hide(self, ids: Iterable[int]) -> None:
        """Never give these ids for plain text."""

    def id_of(self, text: str) -> int | None:
        """The id of the token with that text, or None."""

    def text_of(self, token: int) -> str:
        """The text of a token below `size`."""

    def encode(self, stretches: Sequence[str], are_first: Sequence[bool]) -> list[list[int]]:
        """Ids of plain stretches of text, each with whether its text begins with it."""

    def decode(self, ids: list[int], *, is_first: bool) -> str:
        """The text of ids without control tokens between them."""


@dataclass(frozen=True)
class Special:
    """The control tokens of one tokenizer."""

    written: Mapping[str, int]
    """Texts that become control tokens where a chat format writes them, with their ids."""
    beyond: Mapping[str, int]
    """Texts of all ids that follow the library's vocabulary."""
    named: Mapping[str, str]
    """Texts by the names that templates use: `bos_token`, `eos_token`, …"""
    prefix: tuple[int, ...] = ()
    """Ids before every prompt, BOS included."""
    suffix: tuple[int, ...] = ()
    """Ids that published code puts behind a plain text."""
    hidden: frozenset[str] = frozenset()
    """Texts that decoding never shows."""
    skipped: frozenset[int] = frozenset()
    """Ids that `skip_special_tokens` leaves out: those with a name; the other control tokens stay."""


class PublishedText(WithoutSpecialTokens):
    """A tokenizer of a published class, with as much of transformers' interface as `PromptTokenizer` asks for."""

    def __init__(
        self,
        name: str,
        core: Core,
        special: Special,
        template: Any = None,
        clean_up: Callable[[str], str] | None = None,
    ) -> None:
        """`clean_up` is what decoding does where nobody says otherwise."""
        self._name = name
        self._core = core
        self._special = special
        self._texts = {number: text for text, number in {**special.beyond, **special.written}.items()}
        self._clean_up = clean_up
        self.chat_template = template
        self.special_tokens_map = dict(special.named)  # type: ignore[misc]
        self.bos_token_id = self._named_id("bos_token")
        self.eos_token_id = self._named_id("eos_token")
        core.hide(each for each in special.written.values() if each < core.size)

    def _named_id(self, name: str) -> int | None:
        return self._special.written.get(self._special.named.get(name, ""))

    @property
    def special_tokens(self) -> Mapping[str, int]:
        """Texts that become control tokens where a chat format writes them, with their ids."""
        return self._special.written

    def encode(self, text: str, *, add_special_tokens: bool = False, **_: Any) -> list[int]:
        """Ids of a plain text, whatever it says; with what published code puts around it where that is asked for."""
        (ids,) = self.encode_marked([MarkedText(text)])
        return [*self._special.prefix, *ids, *self._special.suffix] if add_special_tokens else ids

    def __call__(self, texts: list[str], **_: Any) -> dict[str, list[list[int]]]:
        """Ids of plain texts."""
        return {"input_ids": self.encode_marked([MarkedText(text) for text in texts])}

    def encode_marked(self, texts: Sequence[MarkedText]) -> list[list[int]]:
        """Ids of each text, its marks as the tokens they are."""
        pieces = [list(text.pieces()) for text in texts]
        plain = [(piece, place == 0) for each in pieces for place, piece in enumerate(each) if isinstance(piece, str)]
        encoded = iter(self._core.encode([text for text, _ in plain], [first for _, first in plain]))
        return [
            [token for piece in each for token in ([piece] if isinstance(piece, int) else next(encoded))]
            for each in pieces
        ]

    def decode(
        self,
        ids: Sequence[int],
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        **_: Any,
    ) -> str:
        """The text of ids; control tokens by their texts, or without those that have a name.

        Ids beyond the vocabulary, which a model with a padded output layer can generate, stand for no text and are left
        out, as the tokenizers library leaves them out.
        """
        text = "".join(
            self._shown(part) if isinstance(part, int) else part for part in self._parts(ids, skip_special_tokens)
        )
        return self._clean_up(text) if self._clean_up and clean_up_tokenization_spaces is None else text

    def decode_marked(self, ids: Sequence[int]) -> MarkedText:
        """The text of ids without named tokens, cleaned up as the class does, the others as the tokens they are."""
        clean = self._clean_up or str
        return spelled(
            [part if isinstance(part, int) else clean(part) for part in self._parts(ids, skips_named=True)],
            self._texts,
        )

    def _parts(self, ids: Sequence[int], skips_named: bool) -> Iterator[str | int]:
        """Texts between control tokens, and control tokens."""
        given = [each for each in map(int, ids) if 0 <= each < self._core.size or each in self._texts]
        if skips_named:
            given = [each for each in given if each not in self._special.skipped]
        for place, (is_special, run) in enumerate(groupby(given, self._texts.__contains__)):
            if is_special:
                yield from run
            else:
                yield self._core.decode(list(run), is_first=place == 0)

    def _shown(self, token: int) -> str:
        text = self._texts[token]
        return "" if text in self._special.hidden else text

    def __len__(self) -> int:
        return max(self._core.size, *(1 + number for number in self._texts)) if self._texts else self._core.size

    def get_vocab(self) -> dict[str, int]:
        """What decides ids and texts, for digests: vocabulary by its own, class, control tokens."""
        around = f"{self._name} {list(self._special.prefix)} {list(self._special.suffix)} {self._clean_up is not None}"
        tokens = {f"control:{text}": number for text, number in self._special.written.items()}
        beyond = {f"beyond:{text}": number for text, number in self._special.beyond.items()}
        return {self._core.digest: self._core.size, around: 0, **tokens, **beyond}
