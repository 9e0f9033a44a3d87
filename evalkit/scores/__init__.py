"""Scores: from answers to task scores, groups and overall, with counts, coverage and intervals."""

from ._interval import cluster_interval
from ._records import BenchmarkScores, BucketScore, GroupScore, OverallScore, ScoreRow, TaskScore, TruncationScore
from ._runs import score_run, write_scores
from ._score import TaskAnswers, score_benchmark, score_task
from .outputs import FORMATS, default_protocol, find_outputs, likely_command, output_benchmark, read_outputs

__all__ = [
    "FORMATS",
    "BenchmarkScores",
    "BucketScore",
    "GroupScore",
    "OverallScore",
    "ScoreRow",
    "TaskAnswers",
    "TaskScore",
    "TruncationScore",
    "cluster_interval",
    "default_protocol",
    "find_outputs",
    "likely_command",
    "output_benchmark",
    "read_outputs",
    "score_benchmark",
    "score_run",
    "score_task",
    "write_scores",
]
