"""Verdicts: two runs on the same samples, and whether a published number holds."""

from ._gaps import mean_gap, paired_gap, paired_spread, rerun_gap, unpaired_gap
from ._noise import RunNoise, run_noise
from ._rule import Gap, Judged, Verdict, holm, judge
from ._settle import settle
from ._sides import Side, read_side
from ._table import Decision, decide
from ._tests import Lean, benjamini_hochberg, lean, mcnemar, resample, smallest_detectable, spread_interval

__all__ = [
    "Decision",
    "Gap",
    "Judged",
    "Lean",
    "RunNoise",
    "Side",
    "Verdict",
    "benjamini_hochberg",
    "decide",
    "holm",
    "judge",
    "lean",
    "mcnemar",
    "mean_gap",
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
