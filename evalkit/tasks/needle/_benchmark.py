"""Needle grids: one fact hidden at a depth of a haystack of a length, in tokens exactly, and asked for.

    Read the text and answer the question in one sentence.

    The sailor and the baker sailed back to the city because the road was closed. … The locker that belongs to Mona has
    the number 39352. … The tired clerk

    Question: Which number has the locker that belongs to Mona?

A grid is haystacks × needles × lengths × depths × repeats. Text and needles are evalkit's own, without end, or the
user's. Length is the whole prompt in tokens, chat wrapping included, the answer not. Every rule and its source:
`docs/benchmarks/needle.md`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel

from evalkit import metrics
from evalkit.errors import UserError
from evalkit.records import Count

from .._context import CONTEXT_MARK, Encoder
from .._records import Answer, Message, Request, Sample, Scorer
from .._shape import Shape
from .._spec import BenchmarkSpec
from .._token_text import whole_text
from ._axes import MOST_SAMPLES, GridAxes, read_axes
from ._context import NeedleContext
from ._grammar import Language, prompt
from ._haystack import encode_inside
from ._length_tokenizer import length_tokenizer
from ._texts import GridText

__all__ = ["NeedleGrid"]

TASK = "single"
OPTIONS = (
    "lengths", "depths", "repeats", "lang", "seed", "needle-count", "haystack", "needles", "repeat-haystack",
    "insertion", "question-position", "length-tokenizer",
)  # fmt: skip
MOST_EXTREMES = 1000  # shortest prompts that are built before a run begins


class _ProtocolOptions(BaseModel):
    """What a protocol's options must say."""

    max_new_tokens: Count


class NeedleGrid:
    """A grid of single-needle retrieval."""

    shape = Shape(options=OPTIONS, protocol=_ProtocolOptions)

    def __init__(self, spec: BenchmarkSpec, options: Mapping[str, str]) -> None:
        self._options = options
        self._axes = read_axes(options)
        self._texts = [GridText(options, language) for language in self._axes.languages]
        self._samples = _checked_samples(self._axes, sum(len(text.needles(0)) for text in self._texts))
        self.spec = spec

    @cached_property
    def _counter(self) -> Encoder | None:
        """The tokenizer that lengths are measured with; None = the model's own."""
        name = self._options["length-tokenizer"]
        return length_tokenizer(name) if name else None

    def expected(self, task: str, protocol: str) -> int:  # noqa: ARG002
        """Cells × repeats × needles, of every language."""
        return self._samples

    def files(self, task: str) -> Sequence[str]:  # noqa: ARG002
        """None: the text is made here, or is the user's."""
        return ()

    def samples(self, task: str, protocol: str, files: Mapping[str, Path]) -> Iterator[Sample]:  # noqa: ARG002
        """Repeat by repeat, the cells of a repeat spread over the grid, its languages and needles together."""
        for cell, text in itertools.product(self._axes.cells(), self._texts):
            for index, needle in enumerate(text.needles(cell.repeat)):
                place = f"{text.language}-{cell.length}-{cell.depth:g}-{index}-{cell.repeat}"
                yield Sample(
                    id=f"{self.spec.name}/{task}/{place}",
                    task=task,
                    document=f"{self.spec.name}/{text.language}/haystack{cell.repeat}",
                    fields={"question": needle.question},
                    targets=(needle.answer,),
                    metadata={
                        "length": cell.length, "depth": cell.depth, "needle": index, "repeat": cell.repeat,
                        "language": text.language, "keyword": needle.keyword,
                    },
                    evidence=(needle.statement,),
                )  # fmt: skip

    def request(self, sample: Sample, protocol: str, previous: Sequence[str]) -> Request | None:
        """The one question of the sample, its context yet to be made."""
        if previous:
            return None
        layout = _layout(sample.fields["question"], sample.metadata["language"], self._options["question-position"])
        text = next(text for text in self._texts if text.language == sample.metadata["language"])
        context = NeedleContext(
            text.haystack(sample.metadata["repeat"]),
            sample.evidence,
            sample.metadata["length"],
            (sample.metadata["depth"],),
            self._options["insertion"],
        )
        limit = int(self.spec.protocol(protocol).options["max_new_tokens"])
        if self._counter is None:
            return Request(
                sample, 0, (Message("user", layout),), layout, limit, context=CONTEXT_MARK, context_builder=context
            )
        # Counted by another tokenizer, without the model's chat wrapping, which that one cannot know.
        body, depths = _as_text(context, layout, self._counter)
        whole = layout.replace(CONTEXT_MARK, body)
        return Request(sample, 0, (Message("user", whole),), whole, limit, context=body, evidence_depths=depths)

    def window(self, protocol: str, max_new_tokens: int | None) -> int | None:
        """The longest length and its answer; None where another tokenizer counts."""
        if self._counter is not None:
            return None
        limit = max_new_tokens or int(self.spec.protocol(protocol).options["max_new_tokens"])
        return max(self._axes.lengths) + limit

    def extremes(self, protocol: str) -> Iterator[Request]:
        """The longest prompt of the first repeat, so that its haystack is encoded in one go, then its shortest ones.

        Needles of other repeats may be a few tokens longer: all prompts are built before a run has a folder.
        """
        longest, shortest = max(self._axes.lengths), min(self._axes.lengths)
        chosen = itertools.chain(
            itertools.islice(self._of_length(longest, protocol), 1),
            itertools.islice(self._of_length(shortest, protocol), MOST_EXTREMES),
        )
        for sample in chosen:
            request = self.request(sample, protocol, ())
            if request is not None:
                yield request

    def _of_length(self, length: int, protocol: str) -> Iterator[Sample]:
        """The samples of the first repeat with that length, at the first depth."""
        wanted = (length, self._axes.depths[0])
        first = itertools.takewhile(lambda each: each.metadata["repeat"] == 0, self.samples(TASK, protocol, {}))
        return (each for each in first if (each.metadata["length"], each.metadata["depth"]) == wanted)

    def scorer(self, task: str, protocol: str, answers: Sequence[Answer]) -> Scorer:  # noqa: ARG002
        """Whether the keyword stands in the answer, or how near the answer is to the right one."""
        lengths = tuple(map(str, self._axes.lengths))
        rules = Scorer("keyword", _keyword, ("keyword",), bucket=_length, bucket_names=lengths)
        if self.spec.protocol(protocol).scoring == "edit-distance":
            name = "edit_similarity"
            return replace(rules, metric=name, score=_similarity, columns=(name,), reads=_without_blanks)
        return rules


def _checked_samples(axes: GridAxes, needles: int) -> int:
    """Samples of the grid with that many needles a cell, all languages together; `UserError` for more than fit."""
    samples = len(axes.lengths) * len(axes.depths) * axes.repeats * needles
    if samples > MOST_SAMPLES:
        raise UserError(
            f"{len(axes.lengths):,} lengths × {len(axes.depths):,} depths × {axes.repeats:,} repeats × {needles:,} "
            f"needles in all languages are {samples:,} samples: {MOST_SAMPLES:,} are the most; ask for fewer"
        )
    return samples


def _as_text(context: NeedleContext, layout: str, counter: Encoder) -> tuple[str, tuple[float, ...]]:
    """The context as text, for lengths that another tokenizer than the model's counts, and its needle's depth.

    A character that the length cuts is left out: with byte fallback it could make the needle unreadable.
    """
    fixed_tokens = sum(
        len(ids) for ids in encode_inside(counter, [part for part in layout.split(CONTEXT_MARK) if part])
    )
    built = context.build(counter, fixed_tokens)
    return whole_text(counter, built.ids.tolist()), built.depths


def _layout(question: str, language: Language, position: str) -> str:
    """The grammar's prompt around the mark, its question moved to where it is wanted."""
    whole = prompt(CONTEXT_MARK, question, language)
    start, end = whole.split(CONTEXT_MARK)
    if position == "end":
        return whole
    # Stripped of the blank lines that led to it, so that moving the question adds no empty ones.
    asked_first = f"{start}{end.strip()}\n\n{CONTEXT_MARK}"
    return asked_first if position == "start" else asked_first + end


def _length(answer: Answer) -> str:
    return str(answer.metadata["length"])


def _keyword(answer: Answer) -> tuple[float, ...]:
    return (metrics.needle_keyword(answer.prediction, [answer.metadata["keyword"]]),)


def _without_blanks(answer: Answer) -> str:
    return metrics.needle_without_blanks(answer.prediction)


def _similarity(answer: Answer) -> tuple[float, ...]:
    return (metrics.needle_similarity(answer.prediction, answer.targets),)
