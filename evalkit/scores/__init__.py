"""Scores: from answers to task scores, groups and overall, with counts, coverage and intervals."""

from ._extra import ExtraMetric, ExtraMetrics, read_metrics, with_extra
from ._group_interval import COMBINED
from ._interval import (
    BOUND,
    CLUSTER_T,
    EXACT,
    Interval,
    Spread,
    cluster_interval,
    cluster_spread,
    logit_interval,
)
from ._judgements import JUDGEMENTS, Judge, Judgements, Verdict
from ._look import LookedAt, look_at
from ._quantiles import beta_quantile, t_quantile
from ._records import (
    BenchmarkScores,
    BucketScore,
    ExtraScore,
    GroupScore,
    OverallScore,
    ScoreRow,
    TaskScore,
    TruncationScore,
)
from ._runs import read_scores, score_run, write_scores
from ._score import TaskAnswers, score_benchmark, score_task
from .outputs import FORMATS, default_protocol, find_outputs, likely_command, output_benchmark, read_outputs

__all__ = [
    "BOUND",
    "CLUSTER_T",
    "COMBINED",
    "EXACT",
    "FORMATS",
    "JUDGEMENTS",
    "BenchmarkScores",
    "BucketScore",
    "ExtraMetric",
    "ExtraMetrics",
    "ExtraScore",
    "GroupScore",
    "Interval",
    "Judge",
    "Judgements",
    "LookedAt",
    "OverallScore",
    "ScoreRow",
    "Spread",
    "TaskAnswers",
    "TaskScore",
    "TruncationScore",
    "Verdict",
    "beta_quantile",
    "cluster_interval",
    "cluster_spread",
    "default_protocol",
    "find_outputs",
    "likely_command",
    "logit_interval",
    "look_at",
    "output_benchmark",
    "read_metrics",
    "read_outputs",
    "read_scores",
    "score_benchmark",
    "score_run",
    "score_task",
    "t_quantile",
    "with_extra",
    "write_scores",
]
