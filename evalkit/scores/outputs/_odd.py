"""What of a task's rows is odd without being wrong, and is said beside the score."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ._rows import Row

__all__ = ["odd_rows"]

SAME_TEXT = 10
"""Characters from which an answer that many rows share is worth a note: `Yes` and `B` come often."""
FEWEST_SAME = 5
SAME_SHARE, SAME_SHARE_OF_LABELS = 0.05, 0.2
"""Shares of the answers from which on one text is said; higher where gold answers are labels that come again and again.

In the complete published outputs no text that names no gold answer has more than 4% and 13% of them.
"""
SHOWN = 40
_PARTS = re.compile(r"\*|#|--")
"""What NeedleBench writes between the words of a gold answer."""


def odd_rows(rows: Sequence[Row]) -> list[str]:
    """Notes on rows that a broken run or a damaged file leaves."""
    answered = [row for row in rows if row.is_answered]
    return [*_same_texts(answered), *_other_classes(answered)]


def _same_texts(rows: Sequence[Row]) -> list[str]:
    """That many answers are one text and none of the gold answers, as when a server's error was stored as answers."""
    texts = Counter((row.prediction or "").strip() for row in rows)
    golds = {part.strip() for row in rows for target in row.targets for part in (target, *_PARTS.split(target))}
    are_labels = len({row.targets for row in rows}) < len(rows) / 2
    least = max(FEWEST_SAME, len(rows) * (SAME_SHARE_OF_LABELS if are_labels else SAME_SHARE))
    return [
        f"{count} of {len(rows)} predictions are one text that names no gold answer: {text[:SHOWN]!r}"
        for text, count in texts.most_common(1 + FEWEST_SAME)
        if count > least and len(text) >= SAME_TEXT and not _names_any(text, golds)
    ][:1]


def _names_any(text: str, golds: set[str]) -> bool:
    """Whether one of the gold answers stands in a text, as words of their own; "a" is not the letter A."""
    return any(
        re.search(rf"(?<!\w){re.escape(gold)}(?!\w)", text, re.IGNORECASE if len(gold) > 1 else 0)
        for gold in golds
        if gold
    )


def _other_classes(rows: Sequence[Row]) -> list[str]:
    """That the rows do not have the same classes to choose from: the data has one list for all."""
    lists = [(frozenset(row.metadata["all_classes"]), row.place) for row in rows if row.metadata.get("all_classes")]
    other = next((place for classes, place in lists if classes != lists[0][0]), None)
    if other is None:
        return []
    found = len({classes for classes, _ in lists})
    return [f"'all_classes' differ between rows ({found} lists; first other: {other}): the data has one for all"]
