"""Verdicts: two runs on the same samples, and whether a published number holds."""

from ._compare import compare_sides
from ._comparison import Comparison, Difference, Flip, PairedScore, SideSummary, Slice, TaskComparison
from ._gaps import mean_gap, paired_gap, paired_spread, rerun_gap, unpaired_gap
from ._near_ties import NearTieFlips, near_tie_flips
from ._noise import RunNoise, run_noise
from ._pairing import check_comparable, pair_sides
from ._rule import Gap, Judged, Verdict, holm, judge
from ._settle import settle
from ._sides import Side, read_side
from ._table import Decision, decide
from ._tests import Lean, benjamini_hochberg, lean, mcnemar, resample, smallest_detectable, spread_interval

__all__ = [
    "Comparison",
    "Decision",
    "Difference",
    "Flip",
    "Gap",
    "Judged",
    "Lean",
    "NearTieFlips",
    "PairedScore",
    "RunNoise",
    "Side",
    "SideSummary",
    "Slice",
    "TaskComparison",
    "Verdict",
    "benjamini_hochberg",
    "check_comparable",
    "compare_sides",
    "decide",
    "holm",
    "judge",
    "lean",
    "mcnemar",
    "mean_gap",
    "near_tie_flips",
    "pair_sides",
    "paired_gap",
    "paired_spread",
    "read_side",
    "rerun_gap",
    "resample",
    "run_noise",
    "settle",
    "smallest_detectable",
    "spread_interval",
    "unpaired_gap",
]
