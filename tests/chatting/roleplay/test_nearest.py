"""The nearest examples: BM25 as its formula says, in an order that never depends on anything but the file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.chatting.roleplay import Examples, fitting
from evalkit.tasks.samples import Turn

SHIP = Turn("Where is the ship today?", "In the harbour.")
SEA = Turn("Is the sea, the wide sea, calm?", "As a mirror.")
STORM = Turn("Was there a storm at sea?", "A big one.")
ZH = Turn("三三，你的手机在哪里？", "在姐姐那里。")
ZH_SEA = Turn("大海是什么颜色的？", "蓝色的。")
MIXED = Turn("B站 的 APP 怎么用？", "打开就行。")


def examples(*turns: Turn) -> Examples:
    """Examples of no file."""
    return Examples("tales.txt", turns)


def by_hand(texts: Sequence[Sequence[str]], query: Sequence[str], k1: float = 1.5, b: float = 0.75) -> list[float]:
    """BM25 as Robertson and Zaragoza (2009) write it, with Lucene's idf, which is never negative."""
    longest = sum(map(len, texts)) / len(texts)
    scores = []
    for text in texts:
        score = 0.0
        for word in query:
            there = sum(word in other for other in texts)
            idf = math.log(1 + (len(texts) - there + 0.5) / (there + 0.5))
            times = text.count(word)
            score += idf * times / (times + k1 * (1 - b + b * len(text) / longest))
        scores.append(score)
    return scores


WORDS = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=8)


@given(st.lists(WORDS, min_size=1, max_size=8), WORDS)
def test_the_order_is_that_of_the_formula(texts: list[list[str]], query: list[str]) -> None:
    """Nearest last, ties in the order of the file, nothing that shares no word."""
    turns = [Turn(" ".join(text), str(place)) for place, text in enumerate(texts)]
    scores = [round(score, 5) for score in by_hand(texts, query)]  # the ranker's are in float32

    found = examples(*turns).nearest(" ".join(query), count=len(turns))

    shown = [scores[int(turn.answer)] for turn in found]
    assert sorted(shown) == pytest.approx(shown, abs=2e-5)
    assert sorted(score for score in scores if score > 0) == pytest.approx(shown, abs=2e-5)
    for one, other in pairwise(found):
        if texts[int(one.answer)] == texts[int(other.answer)]:
            assert int(one.answer) > int(other.answer)


def test_the_nearest_stands_next_to_the_question() -> None:
    """At most as many as are asked for; those that have nothing to do with it are left out."""
    told = examples(SHIP, SEA, STORM, ZH, ZH_SEA, MIXED)

    assert (STORM, SEA) == told.nearest("SEA sea!", count=5)
    assert (SEA,) == told.nearest("sea", count=1)
    assert () == told.nearest("xylophone")
    assert () == told.nearest("?!")
    assert () == examples(Turn("…", "a")).nearest("sea")


def test_chinese_is_compared_by_words_and_other_text_by_runs_of_letters() -> None:
    """大海 is a word that 大姐 does not share; both kinds count in a mixed question."""
    told = examples(SHIP, ZH, ZH_SEA, MIXED)

    assert (ZH_SEA,) == told.nearest("大海", count=1)
    assert () == told.nearest("大姐")
    assert (MIXED,) == told.nearest("app", count=1)
    assert (SHIP, ZH) == told.nearest("手机 or ship？手机！")


def test_the_conversation_decides_where_the_question_does_not() -> None:
    """Ties of the question go to what was said before; a follow-up that says nothing itself has examples too."""
    told = examples(SHIP, SEA, STORM)

    assert (SHIP,) == told.nearest("And today?", (Turn("Was the sea calm?", "No."),), count=1)
    assert SEA == told.nearest("And then?", (Turn("Was the sea calm?", "No."),))[-1]
    assert () == told.nearest("And then?")


def test_the_farthest_examples_are_left_out_first() -> None:
    """Until the rest fits; none where nothing does."""
    assert (SEA, STORM) == fitting((SHIP, SEA, STORM), lambda turns: len(turns) <= 2)
    assert (SHIP, SEA) == fitting((SHIP, SEA), lambda _: True)
    assert () == fitting((SHIP, SEA), lambda _: False)
