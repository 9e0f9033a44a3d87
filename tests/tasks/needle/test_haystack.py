"""Haystacks: encoded once, cut and joined as token ids."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UserError
from evalkit.tasks.needle import _haystack
from evalkit.tasks.needle._haystack import Haystack, RecentHaystacks, encode_inside
from tests.tasks.encoders import Bytes


class Characters:
    """An encoder with one token per character, which counts the characters it was given."""

    def __init__(self) -> None:
        self.encoded = 0

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        self.encoded += sum(map(len, texts))
        return [[ord(character) for character in text] for text in texts]

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:  # noqa: ARG002
        return "".join(map(chr, ids))


class Marking(Characters):
    """An encoder that puts a blank before every text, as some tokenizers do."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return super().encode_batch([" " + text for text in texts])


class Melting(Characters):
    """An encoder that makes one token of a mark and the quotation mark behind it."""

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        return super().encode_batch([text.replace('\n"', "\ue001").replace('."', "\ue002") for text in texts])

    def decode(self, ids: Sequence[int], *, skip_special: bool) -> str:
        text = super().decode(ids, skip_special=skip_special)
        return text.replace("\ue001", '\n"').replace("\ue002", '."')


def haystack(*pieces: str, blank: str = " ") -> Haystack:
    return Haystack("of a test", lambda: iter(pieces), blank)


def text_of(encoder: Characters, ids: Sequence[int]) -> str:
    return encoder.decode([int(token) for token in ids], skip_special=False)


def test_a_prefix_has_exactly_as_many_tokens_as_asked_for() -> None:
    """Lengths are exact, also in the middle of a word."""
    encoder = Characters()

    found = text_of(encoder, haystack("One day. ", "Two days.").prefix(encoder, 12))

    assert found == "One day. Two"


def test_behind_a_needle_the_text_begins_with_a_blank() -> None:
    """The joined form has a blank before its first word."""
    encoder = Characters()

    found = text_of(encoder, haystack("One day. ", "Two days.").prefix(encoder, 12, is_joined=True))

    assert found == " One day. Tw"


def test_no_more_is_encoded_than_is_needed() -> None:
    """A text without end is read as far as the longest prefix asks."""
    encoder = Characters()
    endless = Haystack("of a test", lambda: (f"Day {number}. " for number in itertools.count()), " ")

    assert (100, True) == (len(endless.prefix(encoder, 100)), encoder.encoded < 1000)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=6))
def test_a_text_is_the_same_however_much_of_it_is_asked_for_at_once(lengths: list[int]) -> None:
    """How many pieces are encoded together changes no token."""
    pieces = [f"Day {number}. " for number in range(600)]
    whole = "".join(pieces)
    encoder, text = Characters(), haystack(*pieces)

    for tokens in lengths:
        plain, joined = (text_of(encoder, text.prefix(encoder, tokens, is_joined=each)) for each in (False, True))
        assert (whole[:tokens], f" {whole}"[:tokens]) == (plain, joined)


def test_of_documents_no_more_are_encoded_than_the_length_needs() -> None:
    """Ten tokens of a thousand long texts are not paid with all of them."""
    encoder, text = Characters(), haystack(*["One day it rained. " * 100] * 1000)

    text.prefix(encoder, 10)

    assert encoder.encoded < 10_000


def test_needles_are_encoded_once_for_all_cells() -> None:
    """Their ids inside a text are remembered with it, for each tokenizer its own."""
    encoder, text = Characters(), haystack("One day.")

    first = [text.inside(encoder, ("Two.", " Two.")) for _ in range(11)]

    assert (1, len("\na\nTwo.a Two.")) == (len({str(each) for each in first}), encoder.encoded)
    assert encode_inside(Melting(), ['"Yes"']) == text.inside(Melting(), ('"Yes"',))


def test_haystacks_are_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid of any number of repeats holds the last ones only: so many, and so many bytes of ids."""
    encoder = Characters()
    recent = RecentHaystacks(lambda repeat: haystack(*[f"Day {repeat}. "] * 200))
    for repeat in range(3 * _haystack.KEPT):
        recent(repeat).prefix(encoder, 100)
    many = recent.nbytes
    monkeypatch.setattr(_haystack, "KEPT_BYTES", 3000)

    for repeat in range(9):
        recent(repeat).prefix(encoder, 100)

    assert (True, True) == (many <= _haystack.KEPT * 10_000, recent.nbytes <= 3000 + 10_000)


def test_a_haystack_that_was_forgotten_comes_back_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text depends on the repeat alone."""
    monkeypatch.setattr(_haystack, "KEPT", 1)
    encoder, recent = Characters(), RecentHaystacks(lambda repeat: haystack(f"Day {repeat}. ", "It rained."))
    first = recent(7)
    recent(8)

    again = recent(7)

    assert (False, "Day 7. It") == (first is again, text_of(encoder, again.prefix(encoder, 9)))
    assert recent(7) is again


def test_a_text_is_encoded_once_for_all_prefixes() -> None:
    """What is there already is sliced, not encoded again."""
    encoder, text = Characters(), haystack(*["One day it rained. "] * 30)
    text.prefix(encoder, 500)
    before = encoder.encoded

    for tokens in (500, 20, 300):
        text.prefix(encoder, tokens)

    assert before == encoder.encoded


def test_another_tokenizer_gets_its_own_tokens() -> None:
    """Ids of one tokenizer are never given to another."""
    text = haystack("One day it rained.")
    text.prefix(Melting(), 5)
    encoder = Characters()

    assert "One d" == text_of(encoder, text.prefix(encoder, 5))


def test_a_text_that_is_too_short_says_by_how_much() -> None:
    """The message has both numbers and the difference."""
    with pytest.raises(UserError, match=r"haystack of a test: 8 tokens, but 20 are needed \(12 too few\)"):
        haystack("One day.").prefix(Characters(), 20)


@pytest.mark.parametrize(
    ("text", "before", "end"),
    [
        ("One. Two. Three", 8, 4),
        ("One. Two. Three", 9, 9),
        ("One. Two. Three", 3, 0),
        ("It is 2.5 or 3.5 now. So", 15, 0),
        ("It is 2.5 or 3.5 now. So", 23, 21),
        ("Why? No! Yes… So", 15, 13),
        ("一天。两天。三天", 5, 3),
        ("No stop\nNext line", 12, 8),
        ("one two three", 13, 0),
        ("x", 1, 0),
    ],
)
def test_a_needle_goes_behind_the_last_sentence_before_its_place(text: str, before: int, end: int) -> None:
    """A mark before a blank ends a sentence; Chinese marks and line ends always do; the start counts as one."""
    longer = text + " and on" * 40  # in a short text every end but the nearest is out of reach

    assert end == haystack(longer).sentence_end(Characters(), before, len(longer))


def test_a_quotation_ends_with_its_mark() -> None:
    """A point and the quotation mark behind it, one token in many vocabularies, end a sentence together."""
    assert haystack('He said "no." Then' + " on" * 40).sentence_end(Melting(), 15, 100) == 12


def test_without_an_end_in_reach_the_needle_stays_at_its_place() -> None:
    """The start of a long text is no end for a place in its middle."""
    text = haystack("word " * 400)

    assert 1003 == text.sentence_end(Characters(), 1003, 2000)


def test_a_place_inside_a_character_moves_before_it() -> None:
    """Where bytes are tokens, neither rule puts a needle into a character."""
    text = haystack("一" * 400)

    assert (600, 600) == (text.sentence_end(Bytes(), 602, 1200), text.character_end(Bytes(), 602, 1200))


def test_a_place_does_not_depend_on_how_much_was_encoded() -> None:
    """A prompt is the same whether a longer one was built before it or not."""
    fresh, used = haystack(*["One day. "] * 400), haystack(*["One day. "] * 400)
    used.prefix(Characters(), 3600)

    places = [
        [text.sentence_end(Characters(), tokens - 1, tokens) for tokens in range(30, 60)] for text in (fresh, used)
    ]

    assert places[0] == places[1]


def test_sentence_ends_follow_a_text_that_grows() -> None:
    """Ends found for a short prefix are looked for again in a longer one."""
    encoder, text = Characters(), haystack(*["One day. "] * 400)
    text.sentence_end(encoder, 9, 9)

    assert text.sentence_end(encoder, 3595, 3600) == 3590


def test_a_blank_that_the_tokenizer_adds_is_left_out() -> None:
    """Inside a text there is no beginning that wants a blank."""
    encoder = Marking()

    inside = [text_of(encoder, ids) for ids in encode_inside(encoder, ["One", " two"])]

    assert inside == ["One", " two"]


def test_text_that_melts_with_the_anchor_is_encoded_alone() -> None:
    """Where the anchor's tokens are not at the front, the text's own are taken."""
    encoder = Melting()

    assert encoder.encode_batch(['"Yes"'])[0] == encode_inside(encoder, ['"Yes"'])[0]


@given(st.lists(st.text("ab. ", min_size=1, max_size=20), min_size=1, max_size=8), st.integers(0, 40))
def test_prefixes_are_prefixes_of_one_text(pieces: list[str], tokens: int) -> None:
    """Whatever the order of lengths, a shorter prefix is the beginning of a longer one."""
    encoder, whole = Characters(), "".join(pieces)
    text = haystack(*pieces)
    wanted = min(tokens, len(whole))

    long, short = text.prefix(encoder, len(whole)), text.prefix(encoder, wanted)

    assert (whole, whole[:wanted]) == (text_of(encoder, long), text_of(encoder, short))


def test_the_stream_is_made_anew_for_every_tokenizer() -> None:
    """A haystack can be read from its start again."""
    made: list[Iterator[str]] = []

    def pieces() -> Iterator[str]:
        made.append(iter(["One day."]))
        return made[-1]

    text = Haystack("of a test", pieces, " ")
    text.prefix(Characters(), 3)
    text.prefix(Characters(), 3)

    assert len(made) == 2
