"""A prompt's digest and the ledger of its truncation."""

from __future__ import annotations

import hashlib

import pytest

from evalkit.prompts import Ledger, Prompt, Range, token_array


@pytest.mark.parametrize(
    ("kept", "head", "tail", "is_truncated"),
    [
        ([(0, 100)], 100, 0, False),
        ([(0, 30), (60, 100)], 30, 40, True),
        ([(10, 40), (70, 100)], 0, 30, True),
        ([(20, 100)], 0, 80, True),
        ([(0, 80)], 80, 0, True),
        ([(1, 99)], 0, 0, True),
        ([], 0, 0, True),
    ],
)
def test_head_and_tail_are_what_is_left_of_both_ends(
    kept: list[tuple[int, int]], head: int, tail: int, is_truncated: bool
) -> None:
    """Counted from the very start and up to the very end, and no token twice."""
    spans = tuple(Range(*span) for span in kept)

    ledger = Ledger("middle", 100, sum(span.tokens for span in spans), spans, None)

    assert (head, tail, is_truncated) == (ledger.head, ledger.tail, ledger.is_truncated)


def test_the_digest_is_that_of_the_ids_alone() -> None:
    """sha256 over little-endian int32: the same on every machine."""
    ids = [1, 256, 70_000]

    prompts = [Prompt(name, "tales", 0, token_array(ids), None, limit) for name, limit in (("a", 1), ("b", 2))]

    expected = hashlib.sha256(b"".join(number.to_bytes(4, "little") for number in ids)).hexdigest()
    assert [expected, expected] == [prompt.digest for prompt in prompts]
