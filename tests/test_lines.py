"""Lines with a checksum: what was changed since is found, whatever it was changed to."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.lines import checked_line, checksum_of, is_intact

ENTRY = {"id": "toy/tales/3", "text": 'a "quote"\n答案 , "crc32": "00000000"}', "seconds": 0.25, "error": None}


def flipped(line: bytes, bit: int) -> bytes:
    """The line with one bit the other way round."""
    changed = bytearray(line)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


TEXT = st.text(st.characters(codec="utf-8"))


@given(st.dictionaries(TEXT.filter(lambda name: name != "crc32"), TEXT, min_size=1))
def test_a_line_is_what_was_written(entry: dict[str, str]) -> None:
    """One line of JSON that says the same, its checksum behind the rest."""
    line = checked_line(entry)

    assert {**entry, "crc32": checksum_of(entry)} == json.loads(line)
    assert (1, True) == (line.count(b"\n"), is_intact(line))


def test_every_single_bit_counts() -> None:
    """A line with any bit changed is not intact, or no JSON, or says what it said: its checksum's name was hit."""
    line = checked_line(ENTRY)
    unseen = []

    for bit in range(8 * (len(line) - 1)):
        changed = flipped(line, bit)
        if is_intact(changed):
            unseen.append(said(changed))

    assert unseen
    assert all(each is None or ENTRY == {name: each[name] for name in ENTRY} for each in unseen)


def said(line: bytes) -> dict[str, object] | None:
    """What a line says; None where it is no JSON."""
    try:
        return dict(json.loads(line))
    except ValueError:
        return None


@pytest.mark.parametrize(
    "layout",
    [
        {"separators": (",", ":")}, {"ensure_ascii": True}, {"separators": (" , ", " : ")},
    ],
)  # fmt: skip
def test_another_layout_of_the_same_is_intact(layout: dict[str, object]) -> None:
    """A user's tool may write the file anew; what it says counts, not how."""
    line = json.dumps(json.loads(checked_line(ENTRY)), **layout).encode() + b"\r\n"  # type: ignore[arg-type]

    assert is_intact(line)
    assert not is_intact(line.replace(b"quote", b"quota"))


def test_a_line_of_an_older_release_carries_none_and_is_intact() -> None:
    """Its text may speak of one."""
    assert is_intact(json.dumps(ENTRY).encode() + b"\n")


@pytest.mark.parametrize("line", [b'{"a": 1, "crc32": 7}\n', b'{"a": 1, "crc32": "xyz"}\n', b'["crc32", {]\n'])
def test_a_checksum_that_is_none_is_not_intact(line: bytes) -> None:
    """Whatever stands in its place."""
    assert not is_intact(line)


def test_damage_of_many_bytes_is_found_too() -> None:
    """Blocks of zeros and of noise, at any place."""
    chance = random.Random(3)
    line = checked_line(ENTRY)

    for _ in range(300):
        start, count = chance.randrange(len(line) - 30), chance.randrange(1, 30)
        noise = chance.choice([bytes(count), chance.randbytes(count)])
        changed = line[:start] + noise + line[start + count :]
        assert changed == line or not is_intact(changed) or b'"crc32": "' not in changed
