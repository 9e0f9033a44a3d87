"""Scores: from answers to task scores, groups and overall, with counts, coverage and intervals."""

from ._extra import ExtraMetric, ExtraMetrics, own_rows, read_metrics, with_extra
from ._flags import STARVED_REMEDY
from ._frame import score_rows
from ._groups import overall_weights, task_weights
from ._judgements import JUDGEMENTS, Judge, Judgements, Verdict
from ._kept import (
    KeptOutputs,
    holds_answers,
    keep_answers,
    keep_run,
    measure_kept,
    read_answers,
    read_outputs_file,
)
from ._look import LookedAt, look_at
from ._near_ties import NEAR_TIE, NEAR_TIES, NearTie, near_tie_of, near_ties
from ._records import (
    BenchmarkScores,
    BucketScore,
    DrawSpread,
    ExtraScore,
    GroupScore,
    OverallScore,
    ScoreRow,
    TaskDraws,
    TaskScore,
    TruncationScore,
)
from ._remarks import remarks_on
from ._runs import check_scores_place, measure_run, misfit_of_run, read_scores, score_run, write_scores
from ._score import TaskAnswers, measure_benchmark, score_benchmark, score_task
from ._values import Measured, TaskValues
from .intervals import (
    BOUND,
    CLUSTER_T,
    COMBINED,
    EXACT,
    Interval,
    Spread,
    beta_quantile,
    cluster_interval,
    cluster_spread,
    logit_interval,
    t_quantile,
)
from .outputs import FORMATS, default_protocol, find_outputs, likely_command, output_benchmark, read_outputs

__all__ = [
    "BOUND",
    "CLUSTER_T",
    "COMBINED",
    "EXACT",
    "FORMATS",
    "JUDGEMENTS",
    "NEAR_TIE",
    "NEAR_TIES",
    "STARVED_REMEDY",
    "BenchmarkScores",
    "BucketScore",
    "DrawSpread",
    "ExtraMetric",
    "ExtraMetrics",
    "ExtraScore",
    "GroupScore",
    "Interval",
    "Judge",
    "Judgements",
    "KeptOutputs",
    "LookedAt",
    "Measured",
    "NearTie",
    "OverallScore",
    "ScoreRow",
    "Spread",
    "TaskAnswers",
    "TaskDraws",
    "TaskScore",
    "TaskValues",
    "TruncationScore",
    "Verdict",
    "beta_quantile",
    "check_scores_place",
    "cluster_interval",
    "cluster_spread",
    "default_protocol",
    "find_outputs",
    "holds_answers",
    "keep_answers",
    "keep_run",
    "likely_command",
    "logit_interval",
    "look_at",
    "measure_benchmark",
    "measure_kept",
    "measure_run",
    "misfit_of_run",
    "near_tie_of",
    "near_ties",
    "output_benchmark",
    "overall_weights",
    "own_rows",
    "read_answers",
    "read_metrics",
    "read_outputs",
    "read_outputs_file",
    "read_scores",
    "remarks_on",
    "score_benchmark",
    "score_rows",
    "score_run",
    "score_task",
    "t_quantile",
    "task_weights",
    "with_extra",
    "write_scores",
]
