"""Turns of a character, and the nearest of them to a question: BM25 over the questions of the examples."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evalkit.metrics import longbench_words_zh
from evalkit.tasks.samples import Turn

__all__ = ["COUNT", "Examples", "fitting", "words_of"]

COUNT = 5
"""Examples that are shown where nobody says how many."""

# The values of Lucene's `BM25Similarity` but for k1, which is 1.2 there; bm25s's own defaults.
METHOD, K1, B = "lucene", 1.5, 0.75

_WORDS = re.compile(r"([\u4e00-\u9fff]+)|([^\W\u4e00-\u9fff]+)")


def words_of(text: str) -> list[str]:
    """The words that count: jieba's of Chinese characters, else runs of letters and digits in lower case."""
    found: list[str] = []
    for chinese, other in _WORDS.findall(text):
        found += longbench_words_zh(chinese) if chinese else [other.casefold()]
    return found


@dataclass(frozen=True)
class Examples:
    """Questions to a character, and what it said."""

    name: str
    """Name of the file."""
    turns: tuple[Turn, ...]
    """The examples in the order of the file, each once."""
    character: str = ""
    """Who answers in them; empty where the file does not say it."""
    notes: tuple[str, ...] = ()
    """What the user should know of how the file was read."""

    def __len__(self) -> int:
        return len(self.turns)

    def prepare(self) -> None:
        """Make the index now; else the first question waits for it."""
        _ = self._ranker

    def nearest(self, question: str, history: Sequence[Turn] = (), count: int = COUNT) -> tuple[Turn, ...]:
        """The examples that are nearest to the question, at most `count`, the nearest last: next to the question.

        Ordered by the BM25 score of the question against theirs, then by that of the conversation before it, then as
        they stand in the file. Those that share no word with either are left out, so there may be none.
        """
        asked = self._scores(question)
        before = self._scores(" ".join(text for turn in history for text in turn))
        places = [place for place in range(len(self.turns)) if asked[place] > 0 or before[place] > 0]
        places.sort(key=lambda place: (-asked[place], -before[place], place))
        return tuple(self.turns[place] for place in reversed(places[:count]))

    def _scores(self, text: str) -> list[float]:
        """The score of each example's question, 0 where it shares no word with the text."""
        scores = [0.0] * len(self.turns)
        ranker, places = self._ranker
        words = words_of(text)
        if ranker is not None and words:
            for place, score in zip(places, ranker.get_scores(words).tolist(), strict=True):
                scores[place] = score
        return scores

    @cached_property
    def _ranker(self) -> tuple[Any, list[int]]:
        """What ranks the questions that have words, and their places; None where none has any."""
        import bm25s

        texts = {place: words for place, turn in enumerate(self.turns) if (words := words_of(turn.question))}
        if not texts:
            return None, []
        ranker = bm25s.BM25(method=METHOD, k1=K1, b=B)
        ranker.index(list(texts.values()), show_progress=False)
        return ranker, list(texts)


def fitting(examples: Sequence[Turn], fits: Callable[[Sequence[Turn]], bool]) -> tuple[Turn, ...]:
    """As many of the nearest examples as fit: the farthest, which stand first, are left out one after the other."""
    for start in range(len(examples)):
        if fits(examples[start:]):
            return tuple(examples[start:])
    return ()
