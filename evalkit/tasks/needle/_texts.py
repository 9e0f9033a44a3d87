"""Where the text of a needle grid comes from: haystacks and needles by repeat, seeded from content."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.data import read_records, require
from evalkit.errors import DataError, UserError, shown
from evalkit.reading import YamlWords, read_text, read_yaml
from evalkit.seeds import content_seed

from .._options import option_number
from ._grammar import TRAINING_SEEDS, Language, haystack, joiner, needles
from ._haystack import Haystack, RecentHaystacks

__all__ = [
    "Document",
    "GridNeedle",
    "GridText",
    "Order",
    "check_absent",
    "document_haystack",
    "read_documents",
    "read_needles",
]

TEXT_SUFFIXES = {".txt", ".md"}
BETWEEN_DOCUMENTS = "\n\n"
LARGEST_TEXT = 2**28  # bytes of a haystack file: some 70 million tokens


class Document(NamedTuple):
    """One text of a haystack."""

    name: str
    """File, or file and line."""
    text: str
    """Its text."""


class Order(NamedTuple):
    """Seed and repeat that decide the order of documents."""

    seed: int
    """Seed of the grid."""
    repeat: int
    """Repeat, from 0."""


@dataclass(frozen=True, slots=True)
class GridNeedle:
    """One fact to hide, and how to ask for it."""

    statement: str
    """The sentence to hide."""
    question: str
    """The question about it."""
    answer: str
    """The answer that the edit distance is measured to."""
    keyword: str
    """What must stand in the model's answer, letter for letter."""


def read_documents(path: Path) -> list[Document]:
    """The texts of a file, a folder or a JSON lines file, in the order of their names; `DataError` where there is none.

    Folders are searched with their subfolders.
    """
    if path.suffix == ".jsonl":
        return [Document(record.place, require(record, "text", str)) for record in read_records(path)]
    if not path.exists():
        raise DataError(f"--haystack {path}: no such file or folder")
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.suffix in TEXT_SUFFIXES)
    documents = [Document(str(each), read_text(each, LARGEST_TEXT)) for each in files]
    if not any(document.text.strip() for document in documents):
        kinds = ", ".join(f"*{suffix}" for suffix in sorted(TEXT_SUFFIXES))
        raise DataError(f"--haystack {path}: no text in it; give a text file, a folder with {kinds}, or a *.jsonl file")
    return documents


def document_haystack(documents: Sequence[Document], blank: str, order: Order, *, is_endless: bool) -> Haystack:
    """The documents as one text, in the order given for repeat 0, shuffled by seed and repeat for the others."""

    def pieces() -> Iterator[str]:
        texts = [document.text for document in documents]
        if order.repeat:
            # By text, not by object: repeat 3 has the same order whatever repeats were made before.
            random.Random(f"haystack/{order.seed}/{order.repeat}").shuffle(texts)
        following = (BETWEEN_DOCUMENTS + text for text in (itertools.cycle(texts) if is_endless else texts))
        yield next(following).removeprefix(BETWEEN_DOCUMENTS)
        yield from following

    name = f"of {len(documents)} texts" if len(documents) > 1 else documents[0].name
    return Haystack(name, pieces, blank, advice="; give more text, or repeat it with --repeat-haystack")


def read_needles(path: Path) -> tuple[GridNeedle, ...]:
    """The needles of a YAML file; `DataError` naming the entry and the field that is wrong."""
    entries = read_yaml(path, YamlWords.TEXT, place=f"--needles {path}")  # scalars stay text: 0123 is no number
    if not entries:
        raise DataError(f"--needles {path}: no needles in it; write a list with needle, question and keyword each")
    if not isinstance(entries, list):
        raise DataError(f"--needles {path}: expected a list, found {type(entries).__name__}; begin each with '-'")
    return tuple(_needle(path, number, entry) for number, entry in enumerate(entries, start=1))


def check_absent(needles: Sequence[GridNeedle], documents: Sequence[Document]) -> None:
    """Raise `UserError` where a haystack already says what a needle says, or holds its keyword."""
    for needle, document in itertools.product(needles, documents):
        for what, text in (("needle", needle.statement), ("keyword", needle.keyword)):
            if text in document.text:
                raise UserError(
                    f"{document.name}: the haystack already contains the {what} {text[:60]!r}, so an answer could come "
                    "from there; change the needle or remove the text"
                )


def _needle(path: Path, number: int, entry: Any) -> GridNeedle:
    place = f"--needles {path}: needle {number}"
    if not isinstance(entry, dict):
        raise DataError(f"{place}: expected fields needle, question and keyword, found {shown(entry, 60)}")
    unknown = sorted(entry.keys() - {"needle", "question", "keyword", "answer"}, key=str)
    if unknown:
        raise DataError(
            f"{place}: unknown field {shown(unknown[0], 60)}; there are needle, question, keyword and answer"
        )
    field = _reader(place, entry)
    statement, question, keyword = field("needle"), field("question"), field("keyword")
    answer = field("answer") if "answer" in entry else statement
    if keyword not in statement:
        raise DataError(f"{place}: keyword {shown(keyword, 60)} does not stand in the needle, so nobody could find it")
    if keyword in question:
        raise DataError(f"{place}: keyword {shown(keyword, 60)} stands in the question, so repeating it would score")
    return GridNeedle(statement, question, answer, keyword)


def _reader(place: str, entry: dict[str, Any]) -> Callable[[str], str]:
    def field(name: str) -> str:
        value = entry.get(name)
        if not isinstance(value, str) or not value.strip():
            found = "missing" if value is None else shown(value, 40)
            raise DataError(f"{place}: field {name!r} is {found}; a text is expected")
        return value.strip()

    return field


KEPT_NEEDLES = 64  # repeats whose needles are remembered: grids go through them one after the other
MOST_DRAWS = 100  # of a needle set that the user's text does not contain; one or two do


class GridText:
    """The haystacks and needles of one language.

    Repeat r has the same haystack and needles in every cell: cells then differ in length and depth alone, and all of
    them share prefixes.
    """

    def __init__(self, options: Mapping[str, str], language: Language) -> None:
        self.language = language
        """Language of the grammar's text and of the instruction."""
        self._seed = option_number("seed", options["seed"])
        self._count = option_number("needle-count", options["needle-count"])
        self._is_endless = options["repeat-haystack"] == "yes"
        self._haystack_path, self._needle_path = options["haystack"], options["needles"]
        if self._count == 0:
            raise UserError("--option needle-count=0: must be 1 or more")
        if self._needle_path and self._haystack_path and len(self._documents) == 1 and int(options["repeats"]) > 1:
            raise UserError(
                f"--repeats {options['repeats']}: the haystack is one text and the needles are fixed, so repeats would "
                "be equal; use --repeats 1, or a folder of texts"
            )
        self.haystack = RecentHaystacks(self._haystack)
        """Repeat → its haystack, which remembers its tokens."""
        self.needles = lru_cache(KEPT_NEEDLES)(self._needles)
        """Repeat → its needles."""

    @cached_property
    def _documents(self) -> list[Document]:
        return read_documents(Path(self._haystack_path)) if self._haystack_path else []

    @cached_property
    def _own_needles(self) -> tuple[GridNeedle, ...]:
        own = read_needles(Path(self._needle_path))
        check_absent(own, self._documents)
        return own

    def _haystack(self, repeat: int) -> Haystack:
        blank = joiner(self.language)
        if self._documents:
            return document_haystack(self._documents, blank, Order(self._seed, repeat), is_endless=self._is_endless)
        return Haystack(f"of repeat {repeat}", lambda: self._sentences(repeat), blank)

    def _sentences(self, repeat: int) -> Iterator[str]:
        sentences = haystack(self._draw("haystack", repeat), self.language)
        yield next(sentences)
        yield from (joiner(self.language) + sentence for sentence in sentences)

    def _needles(self, repeat: int) -> tuple[GridNeedle, ...]:
        if self._needle_path:
            return self._own_needles
        for draw in range(MOST_DRAWS):
            found = needles(self._draw("needle", repeat, draw), self._count, self.language)
            if not any(each.keyword in document.text for each, document in itertools.product(found, self._documents)):
                return tuple(GridNeedle(each.statement, each.question, each.answer, each.keyword) for each in found)
        raise UserError(f"--haystack {self._haystack_path}: contains every needle drawn; bring your own with --needles")

    def _draw(self, purpose: str, *parts: int) -> int:
        """An evaluation seed of the grammar from stable content."""
        text = f"{purpose}/{self._seed}/{'/'.join(map(str, parts))}"
        return content_seed(text) % TRAINING_SEEDS.start  # the lower half: what the embedded model never saw
