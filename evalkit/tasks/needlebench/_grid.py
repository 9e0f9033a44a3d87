"""Samples of the grids: single-needle retrieval, multi-needle retrieval, multi-needle reasoning.

A sample says which document it asks about; the document's text is made when a prompt is built, and not kept.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.seeds import content_seed

from .._records import Sample
from .._spread import spread
from ._needles import Reasoning, chain, draw_unique, names, needles, reasonings
from ._sets import GridTask
from ._tokens import Cl100kEncoder, LineHaystack, Pieces
from ._upstream import joined_questions, kinship, reasoning_question

__all__ = [
    "GridFields",
    "context_tokens",
    "grid_samples",
    "reasoning_positions",
    "retrieval_generator",
    "retrieval_positions",
    "single_position",
]

Context = Callable[[], str]


class GridFields(Mapping[str, str]):
    """What a grid prompt is filled with; the document (`context`) is built anew each time it is read."""

    def __init__(self, context: Context, **others: str) -> None:
        self._context = context
        self._others = others

    def __getitem__(self, name: str) -> str:
        return self._context() if name == "context" else self._others[name]

    def __iter__(self) -> Iterator[str]:
        return iter(["context", *self._others])

    def __len__(self) -> int:
        return 1 + len(self._others)


@dataclass(frozen=True)
class _CellContent:
    """What one repeat hides, and what it asks."""

    needles: tuple[str, ...]
    target: str
    fields: Mapping[str, str]
    metadata: Mapping[str, Any]


def grid_samples(benchmark: str, name: str, task: GridTask, files: Mapping[str, Path], seed: str) -> Iterator[Sample]:
    """The samples of a task: all lengths of a depth, all depths of a repeat, repeat by repeat.

    A repeat's haystack is made once for all its cells. Depths are visited spread out, so that the first few samples
    (`--limit`) already show the whole grid.
    """
    haystack = LineHaystack(files[task.haystack], task.repeats, Cl100kEncoder())
    content_of = _CONTENT_MAKERS[task.form](benchmark, task, files[task.needle_file], seed)
    depths = [0] if task.form == "multi_retrieval" else spread(task.depths)
    cells = itertools.product(range(task.repeats), depths, task.lengths)
    for index, (repeat, depth, length) in enumerate(cells):
        content = content_of(repeat, length)
        axes = {} if task.form == "multi_retrieval" else {"depth": depth}
        yield Sample(
            id=f"{benchmark}/{name}/{index}",
            task=name,
            document=f"{benchmark}/{task.language}/seed{repeat}",
            fields=GridFields(_context(haystack, task, repeat, length, depth, content.needles), **content.fields),
            targets=(content.target,),
            metadata={"length": length, **axes, "language": task.language, "needles": task.needles, "repeat": repeat}
            | dict(content.metadata),
            evidence=content.needles,
        )


def _context(
    haystack: LineHaystack, task: GridTask, repeat: int, length: int, depth: int, content: Sequence[str]
) -> Context:
    """Builds the document of a sample: haystack tokens with the needles between newlines among them."""

    def build() -> str:
        encoder = haystack.encoder
        # The newlines are upstream's and count as the needle's tokens.
        tokens = [encoder.encode(f"\n{needle}\n") for needle in content]
        sizes = [len(needle) for needle in tokens]
        stream = haystack.stream(repeat, max(task.lengths))
        total = min(context_tokens(length, task.buffer, sum(sizes)), len(stream))
        pieces = Pieces(stream, total)
        for position, needle in zip(_positions(task, total, depth, sizes), tokens, strict=True):
            pieces.insert(position, needle)
        return pieces.text()

    return build


def _positions(task: GridTask, total: int, depth: int, sizes: Sequence[int]) -> list[int]:
    if task.form == "single":
        return [single_position(total, depth)]
    if task.form == "multi_retrieval":
        return retrieval_positions(total, task.depths, sizes)
    return reasoning_positions(total, depth, task.diff, sizes)


ContentMaker = Callable[[int, int], _CellContent]
"""From repeat and length to what is hidden and asked."""


def _single(benchmark: str, task: GridTask, path: Path, seed: str) -> ContentMaker:  # noqa: ARG001
    found = needles(path, task.language)

    def content_of(repeat: int, length: int) -> _CellContent:  # noqa: ARG001
        needle = random.Random(repeat).choice(found)  # origin.py seeds with the number of the repeat
        target = f"\n{needle.text}\n*{needle.keyword}"
        return _CellContent((needle.text,), target, {"retrieval_question": needle.question}, {})

    return content_of


def _multi_retrieval(benchmark: str, task: GridTask, path: Path, seed: str) -> ContentMaker:
    drawn = {
        length: draw_unique(path, task.language, len(task.depths), retrieval_generator(benchmark, task, length, seed))
        for length in task.lengths
    }
    depths = "*".join(map(str, task.depths))

    def content_of(repeat: int, length: int) -> _CellContent:
        shuffled = list(drawn[length])
        random.Random(repeat).shuffle(shuffled)
        entries = [{"retrieval_question": needle.question} for needle in shuffled]
        question = joined_questions(f"{task.code}/parallel.py", task.language, entries)
        # Upstream's evaluator takes keywords and depths apart again.
        target = "*".join(needle.keyword for needle in shuffled) + f"#{depths}"
        texts = tuple(needle.text for needle in shuffled)
        return _CellContent(texts, target, {"retrieval_question": question}, {"depths": task.depths})

    return content_of


def retrieval_generator(benchmark: str, task: GridTask, length: int, seed: str) -> random.Random:
    """The generator that draws the needles of multi-needle retrieval, which upstream draws unseeded."""
    return random.Random(content_seed(benchmark, task.language, len(task.depths), length, seed))


def _multi_reasoning(benchmark: str, task: GridTask, path: Path, seed: str) -> ContentMaker:  # noqa: ARG001
    draw = _chains if task.metric == "atc_v2" else _records
    drawn = [_reasoning(item) for item in draw(task, path)]
    return lambda repeat, _: drawn[repeat]


def _records(task: GridTask, path: Path) -> Iterator[Reasoning]:
    return reasonings(path, task.needles, task.repeats)


def _chains(task: GridTask, path: Path) -> Iterator[Reasoning]:
    """Version 2: a chain of one name more than needles, its sentences shuffled."""
    known = names(path, task.language)
    words = kinship(f"{task.code}/atc.py", task.language)
    for repeat in range(task.repeats):
        generator = random.Random(repeat)
        line = chain(generator.sample(known, task.needles + 1), words, generator)
        generator.shuffle(line.sentences)
        youngest = line.people[-1]
        question = reasoning_question(f"{task.code}/multi.py", task.language, youngest)
        yield Reasoning(tuple(line.sentences), question, line.people[0], youngest)


def _reasoning(drawn: Reasoning) -> _CellContent:
    """Version 1 keeps `answer*answer`, version 2 the bare name."""
    target = drawn.answer if drawn.person else f"{drawn.answer}*{drawn.answer}"
    fields = {"retrieval_question": drawn.question} | ({"last_person": drawn.person} if drawn.person else {})
    return _CellContent(drawn.needles, target, fields, {})


_CONTENT_MAKERS: Mapping[str, Callable[[str, GridTask, Path, str], ContentMaker]] = {
    "single": _single,
    "multi_retrieval": _multi_retrieval,
    "multi_reasoning": _multi_reasoning,
}


def context_tokens(length: int, buffer: int, needle_tokens: int) -> int:
    """Haystack tokens of a sample: the nominal length without the buffer and the needles; never below 0."""
    return max(length - buffer - needle_tokens, 0)


def single_position(tokens: int, depth: int) -> int:
    """origin.py: where the needle of single-needle retrieval goes among that many haystack tokens."""
    return int(tokens * (depth / 100))  # this order of operations: int(100 * (57 / 100)) is 56


def retrieval_positions(tokens: int, depths: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """parallel.py: where each needle goes in the text that holds the earlier ones."""
    positions: list[int] = []
    inserted = 0
    for depth, size in zip(depths, sizes, strict=True):
        positions.append(min(int(tokens * (depth / 100)) + inserted, tokens + inserted))
        inserted += size
    return positions


def reasoning_positions(tokens: int, depth: int, diff: int, sizes: Sequence[int]) -> list[int]:
    """multi.py: where each needle goes in the text that holds the earlier ones; `diff` is their distance in percent.

    Each position already counts the needles before it and is then moved by each of them once more, so needles stand
    further apart than `diff` says, and the last ones often end up behind the haystack.
    """
    positions: list[int] = []
    for index in range(len(sizes)):
        if index == 0:
            position = int(tokens * (depth / 100))
        else:
            position = int(positions[-1] + sizes[index - 1] + tokens * (diff / 100))
        positions.append(min(position, tokens + sum(sizes[:index])))
    return [position + sum(sizes[:index]) for index, position in enumerate(positions)]
