"""Ends of sentences: in the text of any script, counted in tokens of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalkit.tasks.needle._sentences import character_end, reach, sentence_end, text_ends
from tests.tasks.encoders import ByteFallback, Bytes, Chunks, DroppingBytes

ENCODERS = [Bytes(), DroppingBytes(), ByteFallback(), *(Chunks(size) for size in (2, 3, 4, 5))]
NAMES = ["bytes", "dropping", "fallback", "pairs", "triples", "fours", "fives"]


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("It rained. It snowed! Why? So", [10, 21, 26]),
        ("Really?! Yes... No… So", [8, 15, 19]),
        ("From 2.5 to 3.5, v1.2.3 and a.b", []),
        ('He said "no." She (too.) left.” So', [13, 24, 31]),
        ("Er sagte „nein.“ Dann", [16]),
        ("第一天。第二天！第三天？完", [4, 8, 12]),
        ("他说：“好。”她走了。“再见。”完", [7, 11, 16]),
        ("（雨。）雪", [4]),
        ("全角．半角｡小﹒价２．５元，v3．2", [3, 6, 8]),
        ("पहला दिन। दूसरा दिन॥ तीसरा", [9, 20]),
        ("کیا ہوا؟ بارش ہوئی۔ پھر", [8, 19]),
        ("ថ្ងៃទីមួយ។ថ្ងៃទីពីរ៕", [10, 20]),
        ("አንድ ቀን። ሁለት፧ ሶስት", [7, 12]),
        ("Առաջին օր։ Երկրորդ", [10]),
        ("ပထမနေ့။ဒုတိယ", [7]),
        ("one\ntwo\r\nthree\n\nfour", [4, 9, 15, 16]),
        ("Heading:\nNo stop", [9]),
        ("วันแรกฝนตก วันที่สองหิมะตก", []),
        ("", []),
    ],
)
def test_sentences_end_behind_their_mark_and_what_it_closes(text: str, ends: list[int]) -> None:
    """Wide marks always, narrow ones before white space, line ends; closing quotes and brackets come before the end."""
    assert ends == [end.first for end in text_ends(text)]


def test_an_end_may_lie_behind_the_blanks_that_follow() -> None:
    """For tokens that hold mark and blank together."""
    assert [(4, 6), (10, 10)] == list(text_ends("One.  Two.\nThree"))[:2]


@pytest.mark.parametrize(
    ("tokens", "far"), [(40, 10), (200, 50), (600, 128), (2560, 128), (8000, 400), (20_480, 1024), (256_000, 1024)]
)
def test_reach_grows_with_the_haystack_within_bounds(tokens: int, far: int) -> None:
    """5%, but at least 128 tokens or a quarter, and at most 1,024."""
    assert far == reach(tokens)


def places(encoder: Bytes, text: str) -> tuple[list[int], dict[int, int]]:
    """The text's ids, and each index between characters with the characters before it."""
    (ids,) = encoder.encode_batch([text])
    size = {0: 0} | {len(text[:count].encode()): count for count in range(1, len(text) + 1)}
    step = encoder._size if isinstance(encoder, Chunks) else 1
    bytes_before = [min(index * step, len(text.encode())) for index in range(len(ids) + 1)]
    return ids, {index: size[count] for index, count in enumerate(bytes_before) if count in size}


TEXTS = st.lists(st.sampled_from(["day", "一天", "é", "🙂", "。", ". ", ".", "？”", '。"', "\n", " ", "2.5"])).map(
    "".join
)


@pytest.mark.parametrize("encoder", ENCODERS, ids=NAMES)
@given(text=TEXTS, share=st.floats(0, 1))
@example("一天。" * 9, 0.5)
@example("一" * 40, 1.0)
def test_a_place_is_never_inside_a_character(encoder: Bytes, text: str, share: float) -> None:
    """It is the last index between two characters that is not behind the place asked for."""
    ids, between = places(encoder, text)
    before = int(share * len(ids))

    found = character_end(encoder, np.array(ids, dtype=np.int64), before)

    assert max(index for index in between if index <= before) == found


@pytest.mark.parametrize("encoder", ENCODERS, ids=NAMES)
@given(text=TEXTS, share=st.floats(0, 1, exclude_max=True))
@example("一天。" * 60, 0.5)
@example("一天。”她" * 30, 0.7)
@example("day day. " * 30, 0.9)
def test_the_last_end_before_the_place_is_found(encoder: Bytes, text: str, share: float) -> None:
    """The one that reading the whole text finds, counted in bytes; none only where it is out of reach."""
    padded = text + " day" * 150
    ids, between = places(encoder, padded)
    before = int(share * len(encoder.encode_batch([text])[0]))
    cuts = [(min(index for index in between if between[index] >= end.first), end) for end in text_ends(padded)]
    ends = [index for index, end in cuts if between[index] <= end.last and index <= before]
    nearest = max(ends, default=0)

    found = sentence_end(encoder, np.array(ids, dtype=np.int64), before)

    assert (nearest if before - nearest <= reach(len(ids)) - 8 else found) == found
    assert found is None or found in {0, *ends}


def test_no_more_than_the_neighbourhood_is_decoded() -> None:
    """A haystack of a million tokens is not decoded for one place in it."""

    class Counting(Bytes):
        decoded = 0

        def decode(self, ids: list[int], *, skip_special: bool) -> str:  # type: ignore[override]
            self.decoded += len(ids)
            return super().decode(ids, skip_special=skip_special)

    encoder = Counting()
    (ids,) = encoder.encode_batch(["word " * 200_000])

    assert sentence_end(encoder, np.array(ids, dtype=np.int64), 500_000) is None
    assert encoder.decoded < 4000
