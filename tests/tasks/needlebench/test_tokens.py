"""Cutting and splicing haystacks as bytes is what decoding their tokens would give."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from evalkit.encodings import tiktoken_encoding, vocabulary_file
from evalkit.tasks.needlebench._tokens import ENCODING, Cl100kEncoder, LineHaystack, Pieces


@pytest.fixture
def cl100k(monkeypatch: pytest.MonkeyPatch) -> Any:
    """tiktoken's own encoding, where its vocabulary is at hand."""
    folder = Path(os.environ.get("EVALKIT_DATA", ""), "tokenizers")
    if not (folder / vocabulary_file(ENCODING)).is_file():
        pytest.skip("the cl100k vocabulary is not in EVALKIT_DATA/tokenizers")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
    return tiktoken_encoding(ENCODING)


def test_a_needle_goes_between_two_tokens(encode: Cl100kEncoder) -> None:
    """The text before the position, the needle, the text behind it."""
    pieces = Pieces(encode.encode("abcdef"), 5)

    pieces.insert(2, encode.encode("--"))

    assert "ab--cde" == pieces.text()


def test_a_position_past_the_end_appends(encode: Cl100kEncoder) -> None:
    """As slices of lists do, on which upstream relies."""
    pieces = Pieces(encode.encode("abc"), 3)

    pieces.insert(99, encode.encode("--"))

    assert "abc--" == pieces.text()


def test_a_later_needle_may_split_an_earlier_one(encode: Cl100kEncoder) -> None:
    """Positions count every token in the text so far, those of needles too."""
    pieces = Pieces(encode.encode("abc"), 3)
    pieces.insert(1, encode.encode("12"))

    pieces.insert(2, encode.encode("-"))

    assert "a1-2bc" == pieces.text()


def test_inserting_is_the_same_as_inserting_into_a_list(encode: Cl100kEncoder) -> None:
    """For any positions, in any order."""
    generator = random.Random(0)
    for _ in range(50):
        pieces, plain = Pieces(encode.encode("x" * 20), 20), list("x" * 20)
        for needle in ("AB", "CDE", "F"):
            position = generator.randint(0, 30)
            pieces.insert(position, encode.encode(needle))
            plain[position:position] = needle

        assert "".join(plain) == pieces.text()


def test_a_character_that_a_cut_breaks_is_replaced(encode: Cl100kEncoder) -> None:
    """The first of the three bytes of 针 alone becomes U+FFFD."""
    pieces = Pieces(encode.encode("a针"), 2)

    assert "a\ufffd" == pieces.text()


def test_each_repeat_shuffles_what_the_last_one_left(folder: Path, encode: Cl100kEncoder) -> None:
    """Lines are shuffled in place under the repeat's seed, as upstream's loop does."""
    haystack = LineHaystack(folder / "PaulGrahamEssays.jsonl", 2, encode)
    order = list(range(6))
    for repeat in range(2):
        random.seed(repeat)
        random.shuffle(order)

    stream = haystack.stream(1, 1)

    assert haystack._texts[order[0]].encode() == stream.text


def test_a_stream_has_as_many_lines_as_the_length_needs(folder: Path, encode: Cl100kEncoder) -> None:
    """Lines are whole; their concatenation has no separator."""
    haystack = LineHaystack(folder / "PaulGrahamEssays.jsonl", 1, encode)

    stream = haystack.stream(0, 3000)

    assert len(stream) == len(stream.text) >= 3000
    assert len(stream) - 3000 < max(len(text) for text in haystack._texts)


def test_a_haystack_that_is_too_short_is_given_whole(folder: Path, encode: Cl100kEncoder) -> None:
    """Upstream's essays end at some 430,000 tokens; longer prompts hold them all."""
    haystack = LineHaystack(folder / "PaulGrahamEssays.jsonl", 1, encode)

    assert sum(len(text) for text in haystack._texts) == len(haystack.stream(0, 10**9))


def test_bytes_and_borders_are_those_of_tiktoken(cl100k: Any) -> None:
    """Every prefix of a mixed text decodes to the same as tiktoken's own decoding of its tokens."""
    text = "Hidden on Emerald Island… 在月球上的第一个乐队是虚拟火箭乐队。🚀\n\n"
    tokens = cl100k.encode(text)

    ours = Cl100kEncoder().encode(text)

    assert len(tokens) == len(ours)
    for count in range(len(tokens) + 1):
        assert cl100k.decode(tokens[:count]) == Pieces(ours, count).text()
