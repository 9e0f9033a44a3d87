"""JSON within bounds: bytes, nesting, digits; fields given twice and numbers that are none are no JSON of ours.

Python's own reader keeps the last of two equal keys, takes NaN, makes infinity of 1e999, and hands out integers that no
later step can turn into a float or print.
"""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from evalkit.errors import DataError, UserError, shown

from ._bytes import read_bytes

__all__ = [
    "DEEPEST",
    "JsonError",
    "check_depth",
    "distinct",
    "finite_number",
    "load_json",
    "read_json",
    "refuse_constant",
    "whole_number",
]

LARGEST_FILE = 2**24
"""Bytes of a file of settings, digests or prompts; the largest published `config.json` has under a million."""

DEEPEST = 100
"""Lists and objects inside each other; published files have under ten. Whatever walks a value may recurse that far."""

MOST_DIGITS = 300  # of a whole number: one more, and it may be too large for a float

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class JsonError(ValueError):
    """What is wrong with a JSON text, in words that stand behind its place."""


def read_json(
    path: Path,
    *,
    refuse: type[UserError] = DataError,
    advice: str = "get the file again",
    most: int = LARGEST_FILE,
    is_foreign: bool = False,
) -> Any:
    """The JSON value of a file; `refuse` with one line and the advice for whatever is wrong with it.

    In a foreign file, which other programs read too, infinities stay, and so does a field that says the same twice.
    """
    raw = read_bytes(path, most, refuse=refuse, advice=f": {advice}")
    try:
        value = load_json(raw, is_foreign=is_foreign)
        _check_texts(raw, value)
    except JsonError as error:
        raise refuse(f"{path}: {error}: {advice}") from error
    return value


def load_json(raw: bytes, *, is_foreign: bool = False) -> Any:
    """The JSON value of UTF-8 bytes, a byte order mark or none before it; `JsonError` for whatever is none."""
    if raw.startswith(_UTF16):
        raise JsonError("UTF-16, not UTF-8")
    try:
        text = raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        value = json.loads(
            text,
            parse_constant=None if is_foreign else refuse_constant,
            parse_float=None if is_foreign else finite_number,
            parse_int=whole_number,
            object_pairs_hook=_equal_or_distinct if is_foreign else distinct,
        )
    except UnicodeDecodeError as error:
        raise JsonError(f"not UTF-8 (byte {error.start + 1:,})") from None
    except json.JSONDecodeError as error:
        raise JsonError(f"not JSON ({error.msg} at line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise JsonError(f"nested more than {DEEPEST} deep") from None
    check_depth(value, text)
    return value


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of an object, each given once; `JsonError` naming one that is there twice."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise JsonError(f"field {shown(_doubled(pairs))} is given twice: which one counts cannot be told; remove one")
    return fields


def _equal_or_distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of an object, where those given twice say the same."""
    fields = dict(pairs)
    if len(fields) < len(pairs) and any(fields[name] != value for name, value in pairs):
        return distinct(pairs)
    return fields


def _doubled(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            break
        seen.add(name)
    return name


def whole_number(text: str) -> int:
    """The integer of its digits; `JsonError` for one that no float can hold."""
    if len(text) > MOST_DIGITS:
        raise JsonError(f"a number of {len(text):,} digits, where {MOST_DIGITS} are the most")
    return int(text)


def finite_number(text: str) -> float:
    """The float of its digits; `JsonError` for one that becomes infinity."""
    value = float(text)
    if math.isinf(value):
        raise JsonError(f"a number that no float can hold: {shown(text, 40)}")
    return value


def refuse_constant(name: str) -> NoReturn:
    """Raise `JsonError`: NaN and infinities are not JSON, and a score would silently become NaN."""
    raise JsonError(f"{name} is not JSON: write null or a number")


def check_depth(value: object, text: str) -> None:
    """Raise `JsonError` for lists and objects nested deeper than `DEEPEST`; `text` is what the value was read from."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return

    def check(part: object, depth: int) -> None:
        if depth >= DEEPEST and isinstance(part, list | dict):
            raise JsonError(f"nested more than {DEEPEST} deep")

    _walk(value, check)


def _check_texts(raw: bytes, value: object) -> None:
    """Raise `JsonError` for half a character, which no file and no terminal can take: `\\ud800` without its pair."""
    if rb"\u" not in raw:  # half a character can only be written as an escape
        return

    def check(part: object, _: int) -> None:
        for text in (part, *part) if isinstance(part, dict) else (part,):
            if isinstance(text, str) and not text.isascii():
                _check_text(text)

    _walk(value, check)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise JsonError(f"half a character (a lone surrogate) in {shown(text, 40)}") from None


def _walk(value: object, visit: Callable[[object, int], None]) -> None:
    """Every part of a value with how many lists and objects it stands in, without recursion."""
    waiting = [(value, 0)]
    while waiting:
        part, depth = waiting.pop()
        visit(part, depth)
        if isinstance(part, dict):
            waiting += [(each, depth + 1) for each in part.values()]
        elif isinstance(part, list):
            waiting += [(each, depth + 1) for each in part]
