"""The small frozen records that leave a task: samples, requests, answers, and how answers are scored.

A score is made of columns. A column is one number per sample (0–100); NaN means that the sample does not enter that
column's mean. Most tasks have one column and its mean; L-Eval's summaries have three whose geometric mean is the score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._context import ContextBuilder

__all__ = ["Answer", "Message", "Request", "Sample", "Scorer", "StopRule", "mean_of_columns", "single"]


@dataclass(frozen=True, slots=True)
class Message:
    """One chat turn."""

    role: Literal["system", "user", "assistant"]
    """Speaker of the turn."""
    content: str
    """Text of the turn."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One question of a benchmark, as read from its data."""

    id: str
    """`benchmark/task/index`, stable over protocols and runs."""
    task: str
    """Task name: the benchmark's own file name."""
    document: str
    """Id of the document asked about. Samples of one document are one cluster in every statistic."""
    fields: Mapping[str, str]
    """Columns that prompts are filled with, in the order of the upstream dataset."""
    targets: tuple[str, ...]
    """Gold answers, raw."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What scoring or grouping needs beyond the text: position in the document, nominal length, depth…"""
    evidence: tuple[str, ...] = ()
    """Strings whose survival truncation is checked for: the needle, or a gold answer that stands in the text."""


@dataclass(frozen=True, slots=True)
class StopRule:
    """How a protocol ends answers and reads them; the defaults are OpenCompass's way."""

    skips_special_tokens: bool = False
    """Whether special tokens inside an answer are left out of its text."""
    ends_at_token_of: str = ""
    """A text whose last token also ends the answer, as the end-of-text token does; empty = none."""
    min_new_tokens: int = 0
    """Tokens before which nothing ends the answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked in one step of a sample, before tokens are counted."""

    sample: Sample
    """The sample this request belongs to."""
    step: int
    """0 for the first question; a chain-of-thought protocol asks again in step 1."""
    messages: tuple[Message, ...]
    """Chat turns, for models with a chat format."""
    text: str
    """The same prompt for models without one: the filled template as it is."""
    max_new_tokens: int
    """Generation limit of the protocol, in tokens."""
    context: str = ""
    """The part of the prompt that context truncation may shorten (the document); empty where there is none."""
    context_builder: ContextBuilder | None = None
    """Makes the part that stands at `CONTEXT_MARK` in the texts; None where the texts are all there is."""
    evidence_depths: tuple[float, ...] = ()
    """Where the task put each needle into the texts, in percent of the haystack's tokens; empty = not told."""
    is_wrapped: bool = True
    """Whether the protocol sends this task through the chat format."""
    stop: tuple[str, ...] = ()
    """Extra stop strings of the protocol."""
    stop_rule: StopRule = StopRule()
    """How the answer ends and is read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A prediction beside what it is scored against."""

    id: str
    """Sample id."""
    document: str
    """Cluster of the sample."""
    prediction: str
    """The model's text, raw."""
    targets: tuple[str, ...]
    """Gold answers, raw."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What scoring or grouping needs beyond the text, as in `Sample.metadata`."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """As in `Sample.fields`, for extra metrics on evalkit's own runs; empty elsewhere: documents are long."""
    draw: int = 0
    """Which of the sample's draws it is, from 0."""

    @property
    def name(self) -> str:
        """The sample's id, and the draw where it is not the first: no two answers share it."""
        return f"{self.id} draw {self.draw}" if self.draw else self.id


def _first(means: Sequence[float]) -> float:
    return means[0]


def mean_of_columns(means: Sequence[float]) -> float:
    """The plain mean of a task's column means, for `Scorer.combine`: each counts alike, whatever its samples."""
    return sum(means) / len(means)


@dataclass(frozen=True)
class Scorer:
    """Scores the samples of one task under one protocol."""

    metric: str
    """Name printed with the score."""
    score: Callable[[Answer], tuple[float, ...]]
    """Columns of one answer, 0–100 or NaN; raises `UnscorableError` where the official code fails."""
    columns: tuple[str, ...]
    """Names of the columns, as many as `score` returns."""
    combine: Callable[[Sequence[float]], float] = _first
    """Task score from the column means."""
    point: Callable[[NDArray[np.float64]], float] | None = None
    """Task score from the columns, shape (samples, columns), where it is not made of means; intervals use `combine`."""

    column_metadata: tuple[Mapping[str, Any], ...] = ()
    """What each column adds to its rows' metadata, such as the depth of one of several needles; empty = nothing."""
    column_evidence: tuple[int, ...] = ()
    """Index in `Sample.evidence` of the needle that each column asks for; empty = every column asks for all."""
    bucket: Callable[[Answer], str | tuple[str, ...]] | None = None
    """Length range of an answer, for benchmarks that report by length; or several parts that it belongs to."""
    bucket_names: tuple[str, ...] = ()
    """All ranges, in printed order."""
    effective_at: float | None = None
    """Mean that a length must reach to count for the effective length, where `bucket_names` are lengths in tokens."""
    includes: Callable[[Answer], bool] | None = None
    """Whether the protocol has a sample at all; others are left out of every count. None = it has all."""
    notes: Callable[[Sequence[Answer]], list[str]] | None = None
    """What a reader of the task's score should know, found in the scored answers."""
    reads: Callable[[Answer], str] | None = None
    """The text of an answer that enters the comparison: its first line, the letters read from it, its normalised words…
    Empty where nothing could be read; raises `UnscorableError` where `score` does. None = the answer as it is."""


def single(
    metric: str, score: Callable[[str, Sequence[str]], float], reads: Callable[[str], str] | None = None
) -> Scorer:
    """A scorer whose task score is the plain mean of `score(prediction, targets)`.

    `reads` makes of a prediction the text that enters the comparison; None = it enters as it is.
    """
    scorer = Scorer(metric, lambda answer: (score(answer.prediction, answer.targets),), (metric,))
    return scorer if reads is None else replace(scorer, reads=lambda answer: reads(answer.prediction))
