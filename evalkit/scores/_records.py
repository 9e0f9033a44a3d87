"""What scoring yields: rows per sample, and the machine-readable result `scores.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field

from evalkit.records import FrozenRecord

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ALTERED",
    "MANY_STARVED",
    "SCORES_SCHEMA",
    "BenchmarkScores",
    "BucketScore",
    "DrawSpread",
    "EffectiveLength",
    "ExtraScore",
    "GroupScore",
    "OverallScore",
    "ScoreRow",
    "TaskDraws",
    "TaskScore",
    "TruncationScore",
]

SCORES_SCHEMA = 1
"""Shape of `scores.json`; a higher number is a later release's."""
ALTERED = "the data is not the pinned one: a part of the benchmark, or altered"
"""Note of a task whose samples are not the benchmark's."""
MANY_STARVED = 0.01
"""Share of a task's answers that may be starved before every table of its score says so."""


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One number of one sample: a line of `scores.jsonl`."""

    id: str
    """Sample id."""
    task: str
    """Task name."""
    protocol: str
    """Protocol that scored it."""
    metric: str
    """Metric, or the column of a metric made of several."""
    score: float | None
    """0–100; null where the sample does not enter this metric's mean."""
    metadata: dict[str, Any]
    """Where the sample stands in the benchmark, as far as it has such axes: length, depth, language…

    `real_depth` and `needle_token` say where its needle really stands, in percent of the haystack and as an index in
    the prompt, where the run that made it tells.
    """
    prompt_tokens: int | None = None
    """Prompt tokens before truncation; null where the outputs were made elsewhere."""
    kept_tokens: int | None = None
    """Prompt tokens that the model was given."""
    evidence_kept: bool | None = None
    """Whether the needle or gold answer survived truncation; null where it never stood in the prompt verbatim."""
    draw: int = 0
    """Which of the sample's draws it is, from 0."""
    rope: str | None = None
    """RoPE setting that was in force, which names the group; null where the outputs were made elsewhere."""
    rope_spec: str | None = None
    """RoPE condition that was asked for (`dynamic:8`); null where nobody recorded it."""
    rope_multiplier: float | None = None
    """By how much the rule stretched at the length of this prompt; null where it has no such number."""
    rope_base: float | None = None
    """Effective base of the rotation; null where it is the model's own, and where nobody recorded it."""


class DrawSpread(FrozenRecord):
    """How far whole draws lie apart, where a run draws several answers to each sample."""

    scores: list[float | None]
    """Score of each draw, over the samples that have it; null where none has."""
    spread: float | None
    """Standard deviation of `scores`; null under two of them."""
    range: tuple[float, float] | None
    """The lowest and the highest of `scores`."""


class TaskDraws(DrawSpread):
    """The same of a task, with counts of answers."""

    per_sample: int
    """Answers that the run draws for a sample."""
    answers: int
    """Answers scored; a sample's value is the mean over those that it has."""
    failed: int
    """Answers that failed to run or that the protocol's scorer refuses."""


class TruncationScore(FrozenRecord):
    """What truncation did to a task, and how the samples fared that it touched."""

    truncated: int
    """Scored samples whose prompt was shortened."""
    evidence_lost: int
    """Scored samples whose needle or gold answer was cut away."""
    score_truncated: float | None
    """Score over the shortened ones; null where there are none."""
    score_whole: float | None
    """Score over the others; null where there are none."""


class BucketScore(FrozenRecord):
    """The score of a task over the samples of one length range."""

    score: float | None
    """0–100; null where the bucket is empty."""
    n: int
    """Samples scored."""


class EffectiveLength(FrozenRecord):
    """How long prompts may be for the score to hold."""

    length: int | None
    """The longest length, in tokens, whose mean is at least the threshold; null where none is."""
    threshold: float
    """Mean that a length must reach, 0–100."""


class ExtraScore(FrozenRecord):
    """What one extra metric says of a task, beside the protocol's own score."""

    score: float | None
    """Plain mean, 0–100, unrounded; null where no sample could be scored."""
    n: int
    """Samples scored."""
    failed: int
    """Samples that failed to run or that the metric could not score."""
    ci95: tuple[float, float] | None
    """As for a task."""
    ci95_kind: str | None
    """As for a task."""
    clusters: int
    """As for a task."""
    errors: list[str] = []
    """What the metric raised for the first of its failed samples, each with the sample's id."""


class TaskScore(FrozenRecord):
    """The score of one task, with its sample count, coverage and uncertainty."""

    score: float | None
    """0–100, unrounded; null where no sample could be scored."""
    metric: str
    """Metric of the protocol."""
    n: int
    """Samples scored."""
    failed: int
    """Samples that failed to run or that the protocol's scorer refuses; never scored. Of several draws: all of them."""
    expected: int | None
    """Samples of the full task; null where its data is not published in full."""
    ci95: tuple[float, float] | None
    """95% interval over clusters; null under 5 clusters."""
    clusters: int
    """Documents (grids: haystack seeds) that the interval rests on; samples where documents are not known."""
    cluster_unit: str
    """`document` or `sample`."""
    empty: int
    """Scored answers that are empty."""
    ci95_kind: str | None = None
    """How `ci95` was made: `exact`, `cluster t`, or `bound`, wider and with less supposed; null without `ci95`."""
    cut: int | None = None
    """Scored answers that ended at the generation limit; null for outputs made elsewhere."""
    lost_to_reasoning: int | None = None
    """Scored answers that are *starved*: empty because their tokens were thoughts; null for outputs made elsewhere."""
    fragile: int | None = None
    """Scored answers that decoding nearly made otherwise (`NEAR_TIE`): the estimate of what another kernel, batch or
    number format would change; null where no margin is known."""
    margins: int | None = None
    """Scored answers whose margin is known, of which `fragile` counts; null where none is."""
    columns: dict[str, float] | None = None
    """Means of the columns that the score combines, where it is made of several."""
    buckets: dict[str, BucketScore] | None = None
    """Length range → score, for benchmarks that report by length."""
    effective_length: EffectiveLength | None = None
    """Longest length that holds the threshold; null where no buckets are lengths, or a length has no samples."""
    notes: list[str] = []
    """What a reader of this score should know: quirks of the protocol that touched samples, and how many."""
    truncation: TruncationScore | None = None
    """What truncation did; null for outputs made elsewhere."""
    extra: dict[str, ExtraScore] = {}
    """Extra metric → what it says; empty unless extra metrics were asked for."""
    draws: TaskDraws | None = None
    """What several draws of each sample gave; null where there is one answer a sample."""

    @property
    def answers(self) -> int:
        """Answers scored: as many as samples, but where there are several draws of each."""
        return self.n if self.draws is None else self.draws.answers

    @property
    def is_partial(self) -> bool:
        """Whether samples of the full task are missing, or draws of any sample."""
        return self.failed > 0 or self.n < (self.expected or 0) or self.missing_draws > 0

    @property
    def is_altered(self) -> bool:
        """Whether its samples are not the benchmark's."""
        return ALTERED in self.notes

    @property
    def missing_draws(self) -> int:
        """Answers that scored samples lack, because they failed or were not asked for yet."""
        return 0 if self.draws is None else self.n * self.draws.per_sample - self.draws.answers

    @property
    def is_starved(self) -> bool:
        """Whether so many answers are starved that the score tells more of the limit than of the model."""
        return (self.lost_to_reasoning or 0) > MANY_STARVED * self.answers


class GroupScore(FrozenRecord):
    """The mean of some tasks."""

    score: float | None
    """0–100; null when a member is missing."""
    tasks: list[str]
    """Members under the protocol."""
    ci95: tuple[float, float] | None = None
    """95% interval; null without a score, or where too little is known of a task."""
    ci95_kind: str | None = None
    """As for a task; or `combined`, made of the tasks' own intervals."""
    buckets: dict[str, BucketScore] | None = None
    """Length → mean of the members there, weighted as the score is; null where members have no common lengths."""
    effective_length: EffectiveLength | None = None
    """As for a task."""
    draws: DrawSpread | None = None
    """The means of whole draws; null where there is one answer a sample."""


class OverallScore(FrozenRecord):
    """The benchmark's one number."""

    score: float | None
    """0–100; null when a member is missing."""
    rule: str
    """How it is made."""
    ci95: tuple[float, float] | None = None
    """As for a group."""
    ci95_kind: str | None = None
    """As for a group."""
    draws: DrawSpread | None = None
    """As for a group."""


class BenchmarkScores(FrozenRecord):
    """All scores of one model on one benchmark under one protocol; `model_dump_json()` is `scores.json`."""

    schema_version: int = Field(default=SCORES_SCHEMA, alias="schema", serialization_alias="schema")
    """Version of this shape."""
    benchmark: str
    """Benchmark name."""
    protocol: str
    """Protocol name, with overrides."""
    model: str
    """Who answered: the card's name."""
    model_title: str = ""
    """The same for people: the card's title; empty where there is no card."""
    tasks: dict[str, TaskScore]
    """Task name → score, in the benchmark's order."""
    groups: dict[str, GroupScore]
    """Group name → score."""
    overall: OverallScore
    """The benchmark's one number."""
    partial: bool
    """Whether any sample or task of the full benchmark is missing."""
    skipped: list[str] = []
    """Tasks that were there but that the protocol does not have."""
    missing: list[str] = []
    """Tasks of the protocol without any sample."""
    notes: list[str] = []
    """What a reader of all scores should know: what was left out, what could not be checked."""

    @property
    def starved(self) -> tuple[int, int] | None:
        """Starved answers, and all answers, of the tasks that have too many of them; None where no task has."""
        tasks = [task for task in self.tasks.values() if task.is_starved]
        return (
            (sum(task.lost_to_reasoning or 0 for task in tasks), sum(task.answers for task in tasks)) if tasks else None
        )

    def to_json(self) -> dict[str, Any]:
        """The object of `scores.json`."""
        return self.model_dump(mode="json", by_alias=True)

    def to_pandas(self) -> pd.DataFrame:
        """One row per task, extra metric, group and the overall score, told apart by `kind`; scores 0–100.

        Columns: benchmark, protocol, model, kind, task (or name of the group), score, metric, n, failed, expected,
        ci95_low, ci95_high, ci95_kind.
        """
        from ._frame import scores_frame

        return scores_frame(self)

    def __repr__(self) -> str:
        whole = "PARTIAL, " if self.partial else ""
        score = "no overall score" if self.overall.score is None else f"overall {self.overall.score:.2f}"
        count = sum(task.n for task in self.tasks.values())
        return f"<BenchmarkScores {self.benchmark} · {self.model} · {self.protocol}: {whole}{score}, {count} samples>"

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        """The table of `to_pandas` for notebooks; every text is escaped."""
        from ._frame import scores_html

        return scores_html(self)
