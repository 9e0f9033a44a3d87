"""Damage to valid inputs, drawn from a seeded generator: to bytes, and to the values of a tree."""

from __future__ import annotations

import contextlib
import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["altered", "damaged", "damaged_text", "json_bytes", "random_value"]

PIECES = (
    b"", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1b[2J", b"\r\n", b"\n\n", b'"', b"'", b"\\",
    b'"\\ud800"', b'"\\u0000"', b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b"1" + b"0" * 400, b"-1", b"0", b"true",
    b"null", b"[" * 3000, b"{" * 500, b'{"a":' * 3000, b"]" * 50, b"[]", b"{}", b"&a ", b"*a", b"<<: ", b"!!int x",
    b"!!python/name:os.system", b"2020-13-45", b"? ", b"- ", b": ", b"#", b"---\n", b"%YAML 9.9\n", b"{{", b"}}", b"{%",
    b"%}", b"${HOME}", b"../../", b"file:///etc/passwd", b"=cmd|x", b"[/b]", b"$\\frac{$", b"a" * 5000,
    "中文𝒳é".encode(),
)  # fmt: skip
"""What is put into damaged files: signs that mean something to a reader, and sizes beyond all bounds."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 7, 2**31, 2**63, 2**64, 10**30, 10**400, -(10**30), 0.5, 1e-9, 1e30, 1e308, -0.0,
    float("inf"), float("-inf"), float("nan"), "", " ", "x", "0", "-1", "1e999", "nan", "9" * 5000, "a" * 5000, "yes",
    "\0", "\x1b[2J", "a\nb", "\ud800", "中文𝒳é", "../../x", "/dev/null", "~nobody/x", "{0.__class__}", "%s%s", "[/b]",
    "=cmd", "**", "<<", [], [[]], [None], [True], [1], [10**30], [0.5], ["x"], ["x"] * 2, ["linear"], {}, {"a": 1},
    {"": {}}, {"a": {"a": {"a": []}}},
)  # fmt: skip
"""What takes the place of a value: wrong types, absurd numbers, signs that act."""


DEEPEST = 5000


def random_value(rng: random.Random) -> Any:
    """One odd value; now and then one nested deeper than anything may be."""
    if rng.random() < 0.02:
        value: Any = 1
        for _ in range(rng.choice((5, 120, 900))):
            value = [value] if rng.random() < 0.5 else {"a": value}
        return value
    return copy.deepcopy(rng.choice(VALUES))


def altered(value: Any, rng: random.Random, most: int = 2) -> Any:
    """The tree with one to `most` changes: values replaced, removed, doubled, keys renamed or swapped."""
    tree = copy.deepcopy(value)
    for _ in range(rng.randint(1, most)):
        holders = list(_holders(tree))
        if not holders:
            return random_value(rng)
        holder = rng.choice(holders)
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        rng.choice(_CHANGES)(holder, key, rng)
    return tree


def _holders(value: Any) -> list[Any]:
    """Every list and mapping of a tree that holds something, without recursion."""
    found, waiting = [], [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict | list) and part:
            found.append(part)
            waiting += part.values() if isinstance(part, dict) else part
    return found


def _replace(holder: Any, key: Any, rng: random.Random) -> None:
    holder[key] = random_value(rng)


def _remove(holder: Any, key: Any, _: random.Random) -> None:
    del holder[key]


def _rename(holder: Any, key: Any, rng: random.Random) -> None:
    if isinstance(holder, dict):
        holder[str(rng.choice(VALUES))[:50] if rng.random() < 0.5 else f"{key}x"] = holder.pop(key)


def _wrap(holder: Any, key: Any, rng: random.Random) -> None:
    holder[key] = [holder[key]] if rng.random() < 0.5 else {"a": holder[key]}


def _copy_from_elsewhere(holder: Any, key: Any, rng: random.Random) -> None:
    values = list(holder.values()) if isinstance(holder, dict) else holder
    with contextlib.suppress(RecursionError):  # nested deeper than it can be copied: it stands once then
        holder[key] = copy.deepcopy(rng.choice(values))


_CHANGES: tuple[Callable[[Any, Any, random.Random], None], ...] = (
    _replace, _replace, _replace, _replace, _remove, _rename, _wrap, _copy_from_elsewhere,
)  # fmt: skip


def json_bytes(value: Any) -> bytes:
    """The value as JSON, with NaN, infinities and lone surrogates as other programs write them."""
    try:
        return json.dumps(value, ensure_ascii=True, default=str).encode()
    except RecursionError:  # nested deeper than Python writes: other programs do
        return b"[" * DEEPEST + b"]" * DEEPEST


def damaged(raw: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """The bytes with one to four changes: bits, pieces put in, parts cut out, doubled, moved, or taken from others."""
    for _ in range(rng.randint(1, 4)):
        raw = rng.choice(_DAMAGES)(raw, rng, others)
    return raw


def damaged_text(text: str, rng: random.Random, others: Sequence[str] = ()) -> str:
    """As `damaged`, for texts."""
    return damaged(text.encode(), rng, [other.encode() for other in others]).decode("utf-8", "replace")


def _span(raw: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randint(0, len(raw))
    return start, min(len(raw), start + int(rng.expovariate(0.1)))


def _flip(raw: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    if not raw:
        return raw
    at = rng.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1 :]


def _put_in(raw: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(raw, rng)
    return raw[:start] + rng.choice(PIECES) + raw[end if rng.random() < 0.5 else start :]


def _cut_out(raw: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(raw, rng)
    return raw[:start] + raw[end:]


def _cut_off(raw: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    return raw[: rng.randint(0, len(raw))]


def _double(raw: bytes, rng: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(raw, rng)
    return raw[:end] + raw[start:end] * rng.choice((1, 1, 1, 40)) + raw[end:]


def _splice(raw: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others) if others else raw
    start, end = _span(other, rng)
    at = rng.randint(0, len(raw))
    return raw[:at] + other[start:end] + raw[at:]


_DAMAGES = (_flip, _flip, _put_in, _put_in, _cut_out, _cut_off, _double, _splice)
