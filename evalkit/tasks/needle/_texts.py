"""Where the text of a needle grid comes from: haystacks and needles by repeat, seeded from content."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path

from evalkit.errors import UserError

from .._options import option_number
from ._grammar import TRAINING_SEEDS, Language, haystack, joiner, needles
from ._haystack import Haystack
from ._input import Document, GridNeedle, Order, check_absent, document_haystack, read_documents, read_needles

__all__ = ["GridText"]

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
        self.haystack = cache(self._haystack)
        """Repeat → its haystack, which remembers its tokens."""
        self.needles = cache(self._needles)
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
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % TRAINING_SEEDS.start
