"""What truncation leaves out of a prompt, as a place in the document."""

from __future__ import annotations

from dataclasses import dataclass

from evalkit.prompts import Ledger, PromptTokenizer

__all__ = ["Cut", "cut_of"]


@dataclass(frozen=True, slots=True)
class Cut:
    """What truncation leaves out of one prompt."""

    before: int
    """Tokens of the whole prompt."""
    after: int
    """Tokens that go to the model."""
    text: str
    """What is left out."""
    start: int | None = None
    """Character of the document at which it begins; None where it lies elsewhere."""
    stop: int | None = None
    """Character of the document behind it."""


def cut_of(ledger: Ledger, whole: list[int], document: str, tokenizer: PromptTokenizer) -> Cut:
    """The cut of a prompt whose ids before truncation are given."""
    gaps = [part.stop for part in ledger.kept[:1]], [part.start for part in ledger.kept[1:2]]
    first, last = (gaps[0] or [0])[0], (gaps[1] or [ledger.before])[0]
    text = tokenizer.decode(whole[first:last], skip_special=False)
    start = document.find(text) if document else -1
    place = (None, None) if start < 0 else (start, start + len(text))
    return Cut(ledger.before, ledger.after, text, *place)
