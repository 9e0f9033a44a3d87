"""Pieces and shares: nothing lost, stems kept, evenly dealt, and soon."""

from __future__ import annotations

import time
from itertools import chain, pairwise

from hypothesis import given
from hypothesis import strategies as st

from evalkit.planning.shards import Lengths, WorkCost, cut, deal, one_after_the_other

COST = WorkCost(1.0, 0.0001, 4.0)


@st.composite
def groups(draw: st.DrawFn) -> list[Lengths]:
    """Prompts of any length in trie order, as far as lengths can tell."""
    found = []
    for _ in range(draw(st.integers(0, 3))):
        lengths = draw(st.lists(st.integers(1, 5000), max_size=30))
        shared = [0, *(draw(st.integers(0, min(a, b))) for a, b in pairwise(lengths))]
        found.append(Lengths(lengths, shared[: len(lengths)], [draw(st.integers(1, 100))] * len(lengths)))
    return found


@given(groups(), st.integers(1, 9))
def test_pieces_hold_every_prompt_once_and_cost_what_they_say(given_groups: list[Lengths], shares: int) -> None:
    pieces = cut(given_groups, COST, shares)
    held = [(piece.group, place) for piece in pieces for place in range(piece.start, piece.stop)]
    assert held == [(index, place) for index, group in enumerate(given_groups) for place in range(len(group.lengths))]
    for piece in pieces:
        group = given_groups[piece.group]
        alone = sum(each.cost for each in one_after_the_other(group, range(piece.start, piece.stop), COST))
        assert abs(alone - piece.cost) <= 1e-9 * alone
        assert piece.saved == COST.prefill(0, group.shared[piece.start])
    dealt = deal(pieces, shares)
    assert len(dealt) == shares
    assert sorted(chain(*dealt), key=lambda piece: (piece.group, piece.start)) == pieces


def documents(count: int, questions: int, size: int = 10_000) -> Lengths:
    """Documents of one length, each with questions that share it."""
    return Lengths(
        [size + 20] * count * questions, [0, *[size] * (questions - 1)] * count, [20] * count * questions
    )  # fmt: skip


def test_documents_stay_whole_where_there_are_enough() -> None:
    pieces = cut([documents(40, 10)], COST, 4)
    assert all(piece.start % 10 == piece.stop % 10 == 0 for piece in pieces)


def test_short_stems_add_up_where_shares_are_few() -> None:
    """Each is next to nothing beside a share of 110 prompts, and two shares need none of them twice."""
    short = documents(10, 22, size=80)
    pieces = cut([Lengths([*short.lengths], short.shared, [0] * 220)], COST, 2)
    assert all(piece.start % 22 == piece.stop % 22 == 0 for piece in pieces)


def test_one_document_heavier_than_a_share_is_cut() -> None:
    """2,000 questions cost more than their document: it is read on each of four engines, not on one alone."""
    loads = [sum(piece.cost for piece in share) for share in deal(cut([documents(1, 2000)], COST, 4), 4)]
    one = sum(piece.cost for piece in cut([documents(1, 2000)], COST, 1))
    assert max(loads) <= 0.35 * one


def test_free_cuts_even_out() -> None:
    """Prompts that share nothing, one of a hundred ten times as long."""
    lengths = [50_000 if place % 100 == 0 else 5_000 for place in range(1000)]
    group = Lengths(lengths, [0] * 1000, [20] * 1000)
    loads = [sum(piece.cost for piece in share) for share in deal(cut([group], COST, 8), 8)]
    assert max(loads) <= 1.03 * sum(loads) / 8


def test_fifty_thousand_prompts_are_cut_in_no_time() -> None:
    """A caterpillar of stems, each longer than the one before, which nested loops would take minutes for."""
    count = 50_000
    group = Lengths([place + 50 for place in range(count)], [max(0, place) for place in range(count)], [20] * count)
    start = time.process_time()
    deal(cut([group, documents(500, 100)], COST, 64), 64)
    assert time.process_time() - start < 3
