"""Slices of token ids as text: what a cut leaves of a character spoils nothing."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evalkit.tasks._token_text import TokenText, whole_text
from tests.tasks.encoders import ByteFallback, Bytes, Chunks, DroppingBytes

ENCODERS = [Bytes(), DroppingBytes(), ByteFallback()]
NAMES = ["bytes", "dropping", "fallback"]
TEXTS = st.text("ab. é中文。🙂", max_size=40)


def inside(text: str, start: int, stop: int) -> str:
    """The whole characters of the bytes from `start` to `stop` of a text."""
    ends = [0]
    for character in text:
        ends.append(ends[-1] + len(character.encode()))
    return "".join(character for character, a, b in zip(text, ends, ends[1:], strict=False) if start <= a and b <= stop)


@pytest.mark.parametrize("encoder", ENCODERS, ids=NAMES)
@given(text=TEXTS, cut=st.tuples(st.integers(0, 160), st.integers(0, 160)))
def test_the_text_of_a_slice_has_all_its_whole_characters(encoder: Bytes, text: str, cut: tuple[int, int]) -> None:
    """No more and no fewer, wherever the slice begins and ends, and however the tokenizer treats leftovers."""
    (ids,) = encoder.encode_batch([text])
    start, stop = sorted(min(place, len(ids)) for place in cut)

    assert inside(text, start, stop) == whole_text(encoder, ids[start:stop])


@pytest.mark.parametrize("encoder", ENCODERS, ids=NAMES)
@given(text=TEXTS)
def test_characters_and_tokens_count_each_other(encoder: Bytes, text: str) -> None:
    """So many tokens spell so many whole characters, and the fewest that spell so many end at the end of one."""
    (ids,) = encoder.encode_batch([text])
    found = TokenText(encoder, ids)

    sizes = [len(text[:characters].encode()) for characters in range(len(text) + 1)]
    assert sizes == [found.tokens(characters) for characters in range(len(text) + 1)]
    assert [len(inside(text, 0, stop)) for stop in range(len(ids) + 1)] == [
        found.characters(tokens) for tokens in range(len(ids) + 1)
    ]


@pytest.mark.parametrize("encoder", [*ENCODERS, Chunks(2), Chunks(5)], ids=[*NAMES, "twos", "fives"])
@given(text=st.text("ab. é中文。🙂\ufffd", max_size=60), cut=st.tuples(st.integers(0, 240), st.integers(0, 240)))
def test_a_count_is_found_where_a_plain_bisection_finds_it(encoder: Bytes, text: str, cut: tuple[int, int]) -> None:
    """A guess saves decodings; it moves no place, in slices that cut characters and texts that hold U+FFFD too.

    Where characters rise with tokens, that is: byte fallback may spell half of two U+FFFD as two.
    """
    (ids,) = encoder.encode_batch([text])
    start, stop = sorted(min(place, len(ids)) for place in cut)
    found = TokenText(encoder, ids[start:stop])
    places = range(stop - start)
    rising = [found.characters(tokens) for tokens in places]
    assume(rising == sorted(rising))

    counted = [found.tokens(characters) for characters in range(len(found.text) + 3)]

    assert [bisect_left(places, each, key=found.characters) for each in range(len(found.text) + 3)] == counted


@pytest.mark.parametrize("encoder", ENCODERS, ids=NAMES)
@given(text=TEXTS, cut=st.tuples(st.integers(0, 160), st.integers(0, 160)))
def test_a_slice_that_reads_whole_has_no_leftovers(encoder: Bytes, text: str, cut: tuple[int, int]) -> None:
    """So its ends need not be looked at: doing so finds the same."""
    (ids,) = encoder.encode_batch([text])
    start, stop = sorted(min(place, len(ids)) for place in cut)

    assert whole_text(encoder, ids[start:stop]) == TokenText(encoder, ids[start:stop]).text


def test_a_token_that_spells_more_is_counted_whole() -> None:
    """Where a place lies inside a token, the tokens up to it include that one."""
    encoder = Chunks(4)
    found = TokenText(encoder, encoder.encode_batch(["One two three"])[0])

    assert (2, 8) == (found.tokens(5), found.characters(found.tokens(5)))


def test_a_long_run_of_bytes_survives_a_cut_at_both_ends() -> None:
    """Byte fallback spoils all bytes up to the next plain token; leaving the leftovers out saves them."""
    encoder = ByteFallback()
    (ids,) = encoder.encode_batch(["中文" * 50])

    assert "\ufffd" * 296 == encoder.decode(ids[2:-2], skip_special=False)
    assert "中文" * 50 == "中" + whole_text(encoder, ids[2:-2]) + "文"


def test_a_slice_inside_one_character_has_no_text() -> None:
    """Two bytes of four are nothing."""
    encoder = Bytes()
    (ids,) = encoder.encode_batch(["🙂"])

    assert ("", 0) == (whole_text(encoder, ids[1:3]), TokenText(encoder, ids[1:3]).characters(2))
