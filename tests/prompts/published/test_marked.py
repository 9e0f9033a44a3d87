"""Guarded contents never hold a control token, whatever the format around them, and readers see them unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.prompts.published import Mark, MarkedText, guarded, marked, spelled

TOKENS = {"<unk>": 0, "reserved_0": 3, "reserved_1": 4, "<|user|>": 7, "aa": 8, "aab": 9}
PARTS = ["<unk>", "<un", "k>", "reserved_", "0", "<|user|>", "user|>", "a", "aa", "b", "\ufdd0", "\ufdd1", " ", "中"]

contents = st.lists(st.sampled_from(PARTS), max_size=8).map("".join) | st.text(max_size=20)


@given(pieces=st.lists(contents, max_size=4), formats=st.lists(st.sampled_from(["", "<un", "k>", "a", "x", "_0"])))
def test_contents_never_become_control_tokens(pieces: list[str], formats: list[str]) -> None:
    """Not inside, not where two contents meet, and not together with what a format writes at their ends."""
    frame = [*formats, *[""] * (len(pieces) + 1)]
    written = "".join(frame[place] + guarded(piece, TOKENS) for place, piece in enumerate(pieces))
    shown = "".join(frame[place] + piece for place, piece in enumerate(pieces))
    contents_at = set[int]()
    end = 0
    for place, piece in enumerate(pieces):
        end += len(frame[place]) + len(piece)
        contents_at |= set(range(end - len(piece), end))

    found = marked(written, TOKENS)

    assert shown == found.text
    assert not [mark for mark in found.marks if contents_at & set(range(mark.start, mark.stop))]


@given(left=contents, right=contents)
def test_what_a_format_writes_is_found_beside_any_content(left: str, right: str) -> None:
    """Guards at the ends of contents do not reach into the format."""
    found = marked(f"<unk>{guarded(left, TOKENS)}reserved_0{guarded(right, TOKENS)}reserved_1", TOKENS)

    assert [0, 3, 4] == [mark.token for mark in found.marks]
    assert ["<unk>", "reserved_0", "reserved_1"] == [found.text[start:stop] for start, stop, _ in found.marks]


def test_the_longest_text_wins() -> None:
    """As in the tries of tokenizers."""
    assert (Mark(1, 4, 9),) == marked("xaab", TOKENS).marks


def test_without_control_tokens_nothing_changes() -> None:
    """Other tokenizers see what they always saw, noncharacters too."""
    assert MarkedText("\ufdd0<unk>") == marked("\ufdd0<unk>", {})


@pytest.mark.parametrize(
    ("text", "pieces"),
    [("", [""]), ("ab", ["ab"]), ("<unk>", [0]), ("<unk>b", [0, "b"]), ("a<unk>reserved_0", ["a", 0, 3])],
)
def test_pieces_are_plain_stretches_and_tokens(text: str, pieces: list[str | int]) -> None:
    """In order."""
    assert pieces == list(marked(text, TOKENS).pieces())


def test_a_part_keeps_the_marks_inside_it() -> None:
    """A control token that is cut is plain text."""
    whole = marked("a<unk>breserved_0", TOKENS)

    assert MarkedText("<unk>b", (Mark(0, 5, 0),)) == whole.part(1, 7)
    assert MarkedText("unk>b") == whole.part(2, 7)


def test_parts_and_texts_in_a_row_keep_their_marks() -> None:
    """At their places in the whole."""
    half = spelled(["a", 3, 4], {3: "<x>", 4: "<y>"})

    whole = half + MarkedText("<x>b") + spelled([4], {4: "<y>"})

    assert "a<x><y><x>b<y>" == whole.text
    assert ["a", 3, 4, "<x>b", 4] == list(whole.pieces())
