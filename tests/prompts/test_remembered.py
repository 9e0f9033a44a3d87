"""Ids that are remembered against ids that are made anew."""

from __future__ import annotations

import random

from evalkit.cards import load_card
from evalkit.prompts import MarkedText, load_tokenizer
from evalkit.prompts._remembered import Remembered
from evalkit.prompts._shared import PIECE, pieces_of

WORDS = ["the", "fox", "don't", "中文", "🙂", "  ", "\n", "12345", ",", "naïve", "A B", "e\u0301"]


def text(characters: int, seed: int) -> str:
    """Words drawn by chance."""
    draw, made = random.Random(seed), ""
    while len(made) < characters:
        made += " ".join(draw.choices(WORDS, k=200)) + " "
    return made[:characters]


def test_remembered_ids_are_those_of_the_whole_text() -> None:
    """Whatever stands at the cuts, the first time and again, and for texts that go on otherwise."""
    tokenizer = load_tokenizer(load_card("needle-tiny"))
    remembering = tokenizer.remembering()
    long = text(4 * PIECE, 1)
    texts = ["", "one", long, long + "and more", long[: 3 * PIECE] + text(PIECE, 2), long]

    assert len(list(pieces_of(long))) > 2
    for each in texts:
        assert tokenizer.encode_marked([MarkedText(each)]) == remembering.encode_marked([MarkedText(each)])


def test_what_was_not_asked_for_longest_is_forgotten() -> None:
    """Within a number of characters, counted without those that are gone."""
    encoded: list[str] = []

    def encode(texts: list[MarkedText]) -> list[list[int]]:
        encoded.extend(each.text for each in texts)
        return [[ord(sign) for sign in each.text] for each in texts]

    remembered = Remembered(encode, lambda each: [each], most=8)
    for each in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb"):
        assert [ord(sign) for sign in each] == remembered.ids(MarkedText(each))

    assert ["aaaa", "bbbb", "cccc", "bbbb"] == encoded
