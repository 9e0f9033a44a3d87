r"""Texts that begin alike, each beginning encoded once: the questions about one document are one encoding of it.

A text may be cut where a byte-level tokenizer begins a new piece whatever stands around: at a blank between two ASCII
letters. In every pattern of `PATTERNS` letters are taken by `\p{L}+` or its like, which a blank ends, and a piece that
begins with that blank reads nothing before it. So both parts have the ids that they have in the whole text. Anything
that could reach across (an added token with a blank, a prefix space, another normaliser) keeps texts whole.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["can_share", "encode_sharing", "pieces_of"]

WORTH = 2000  # characters: less is encoded faster than it is looked for
LOOK_BACK = 4000
PIECE = 2**15  # characters of a text that is encoded in pieces: many enough to keep threads busy
CUT = re.compile(r"[A-Za-z](?= [A-Za-z])")

# Splitting patterns of published tokenizers: Qwen 2 to 3, Qwen 3.5, Llama 3, and that of needle-tiny.
PATTERNS = {
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+",
    r"\p{N}|\p{Han}| ?[\p{L}\p{M}&&[^\p{Han}]]+| ?[^\s\p{L}\p{M}\p{N}]+|\r?\n+|\s+(?!\S)|\s+",
}


def can_share(core: Any) -> bool:
    """Whether texts of this tokenizer may be cut at a blank between letters."""
    if type(core.model).__name__ != "BPE" or core.model.dropout:
        return False
    if core.normalizer is not None and type(core.normalizer).__name__ != "NFC":
        return False
    added = core.get_added_tokens_decoder().values()
    if any(" " in token.content or token.lstrip or token.rstrip or token.single_word for token in added):
        return False
    return core.pre_tokenizer is not None and _splits_at_blanks(json.loads(core.pre_tokenizer.__getstate__()))


def _splits_at_blanks(state: dict[str, Any]) -> bool:
    *splits, level = state.get("pretokenizers") or [state]
    if level.get("type") != "ByteLevel" or level.get("add_prefix_space"):
        return False
    if not splits:
        return bool(level.get("use_regex"))  # GPT-2's pattern, built in
    (split, *others) = splits
    is_known = split.get("type") == "Split" and split.get("pattern", {}).get("Regex") in PATTERNS
    is_plain = split.get("behavior") == "Isolated" and not split.get("invert")
    return is_known and is_plain and not others and not level.get("use_regex")


def encode_sharing(core: Any, texts: Sequence[str]) -> list[list[int]]:
    """Ids of each text without special tokens; beginnings that follow each other are encoded once."""
    pieces: list[str] = []
    parts: list[tuple[int | None, int]] = []
    beginning, place = "", None
    for index, text in enumerate(texts):
        if place is None or not text.startswith(beginning):
            beginning = _beginning(text, texts[index + 1]) if index + 1 < len(texts) else ""
            place = len(pieces) if beginning else None
            pieces += [beginning] if beginning else []
        parts.append((place, len(pieces)))
        pieces.append(text[len(beginning) :] if place is not None else text)
    ids = [encoding.ids for encoding in core.encode_batch_fast(pieces, add_special_tokens=False)]
    return [ids[last] if first is None else ids[first] + ids[last] for first, last in parts]


def _beginning(text: str, other: str) -> str:
    """What both begin with, up to where it may be cut; empty where that is not worth it."""
    most = min(len(text), len(other))
    if most < WORTH or text[:WORTH] != other[:WORTH]:
        return ""
    common = bisect_left(range(1, most + 1), True, key=lambda size: text[:size] != other[:size])
    start = max(WORTH, common - LOOK_BACK)
    last = None
    for last in CUT.finditer(text, start, common):  # noqa: B007, the last one is wanted
        pass
    return "" if last is None else text[: last.end()]


def pieces_of(text: str) -> Iterator[str]:
    """The text in pieces that have the ids which they have in it, cut by what stands before the cut alone.

    So texts that begin alike have the same pieces there.
    """
    start = 0
    while (found := CUT.search(text, start + PIECE)) is not None:
        yield text[start : found.end()]
        start = found.end()
    yield text[start:]
