"""What is hidden in the haystacks: needles, reasoning chains and kinship stories, drawn as upstream draws them.

Every draw is seeded. Where upstream uses the global generator unseeded, the caller passes a generator seeded from
content.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.data import read_records, require
from evalkit.errors import DataError
from evalkit.reading import read_json

from ._upstream import LANGUAGES, Kinship

__all__ = [
    "Chain",
    "Reasoning",
    "RetrievalNeedle",
    "chain",
    "draw_unique",
    "names",
    "needles",
    "reasonings",
]

LARGEST_FILE = 2**27  # bytes; the published ones have under 10 million


@dataclass(frozen=True)
class RetrievalNeedle:
    """One sentence to be found, and the question about it."""

    text: str
    """The sentence."""
    question: str
    """The question, with the form of the answer."""
    keyword: str
    """What a right answer holds."""
    subject: str
    """What the sentence is about (`arg1`)."""


@dataclass(frozen=True)
class Reasoning:
    """Sentences that answer a question only together."""

    needles: tuple[str, ...]
    """The sentences, in the order they are hidden in."""
    question: str
    """The question."""
    answer: str
    """The answer."""
    person: str = ""
    """Version 2: whose ancestor is asked for."""


@dataclass(frozen=True)
class Chain:
    """A line of ancestors, the oldest first, and a sentence for each step of it."""

    people: list[str]
    sentences: list[str]
    terms: list[str]
    """The kinship term of each sentence."""


def needles(path: Path, language: str) -> list[RetrievalNeedle]:
    """The needles of a language in file order; `DataError` where there is none."""
    found = [needle for needle in _lines(path, language) if needle is not None]
    if not found:
        raise DataError(f"{path}: no needle has language {LANGUAGES[language]!r}: get the file again, or leave it out")
    return found


def draw_unique(path: Path, language: str, count: int, generator: random.Random) -> list[RetrievalNeedle]:
    """`count` needles of different subjects and keywords, drawn by shuffling the whole file.

    As `get_unique_entries` of parallel.py: lines of all languages are shuffled, then the first that fit are taken.
    """
    lines = list(_lines(path, language))
    generator.shuffle(lines)  # other languages' lines too: leaving them out would change what is drawn
    drawn: list[RetrievalNeedle] = []
    for needle in lines:
        if needle is not None and all(
            needle.subject != other.subject and needle.keyword != other.keyword for other in drawn
        ):
            drawn.append(needle)
        if len(drawn) == count:
            return drawn
    raise DataError(
        f"{path}: only {len(drawn)} {LANGUAGES[language]} needles of different subjects and keywords, {count} are "
        "needed: get the file again"
    )


def _lines(path: Path, language: str) -> Iterator[RetrievalNeedle | None]:
    """A needle for each line of that language, None for each of another one."""
    fields = ("needle", "retrieval_question", "arg2", "arg1")
    for record in read_records(path):
        is_wanted = require(record, "language", str) == LANGUAGES[language]
        yield RetrievalNeedle(*(require(record, field, str) for field in fields)) if is_wanted else None


def reasonings(path: Path, needle_count: int, repeats: int) -> Iterator[Reasoning]:
    """Version 1: one record of that many derivations for each repeat, drawn under the repeat's seed."""
    value = read_json(path, most=LARGEST_FILE)
    records = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    fitting = [record for record in records if record.get("derivation_count") == needle_count]
    if not fitting:
        raise DataError(f"{path}: no record has {needle_count} derivations: get the file again")
    for repeat in range(repeats):
        record = random.Random(repeat).choice(fitting)  # multi.py of version 1 seeds with the number of the repeat
        derivations, question, answer = (record.get(field) for field in ("derivations", "question", "answer"))
        if not isinstance(derivations, list) or not isinstance(question, str) or not isinstance(answer, str):
            raise DataError(f"{path}: record {record.get('id')!r} lacks derivations, question or answer")
        yield Reasoning(tuple(map(str, derivations)), question, answer)


def names(path: Path, language: str) -> list[str]:
    """The names of a language, in file order."""
    value = read_json(path, most=LARGEST_FILE)
    text = value.get(LANGUAGES[language]) if isinstance(value, dict) else None
    if not isinstance(text, str) or not text:
        raise DataError(f"{path}: no names in {LANGUAGES[language]}: get the file again")
    return text.split(",")


def chain(people: Sequence[str], words: Kinship, generator: random.Random) -> Chain:
    """A sentence about each two neighbours; draws a template, then a term, for each."""
    sentences, terms = [], []
    for elder, younger in itertools.pairwise(people):
        # In this order: each draw moves the generator that the next one takes from.
        template, term = generator.choice(words.templates), generator.choice(words.terms)
        sentences.append(template.format(A=elder, B=younger, relationship=term))
        terms.append(term)
    return Chain(list(people), sentences, terms)
