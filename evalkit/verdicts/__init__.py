"""Verdicts: two runs on the same samples, and whether a published number holds."""

from ._ask import PUBLISHED, Question, against_published, ask
from ._evidence import Mode
from ._gaps import mean_gap, paired_gap, paired_spread, rerun_gap, unpaired_gap
from ._knobs import IDENTITY, KnobPair, KnobState
from ._noise import RunNoise, run_noise
from ._published import NumberVerdict, PublishedComparison, compare_published, explain_published
from ._rows import Target, choose_rows
from ._rule import Gap, Judged, Verdict, holm, judge
from ._settle import settle
from ._sides import Side, read_side
from ._table import Decision, decide
from ._tests import Lean, benjamini_hochberg, lean, mcnemar, resample, smallest_detectable, spread_interval

__all__ = [
    "IDENTITY",
    "PUBLISHED",
    "Decision",
    "Gap",
    "Judged",
    "KnobPair",
    "KnobState",
    "Lean",
    "Mode",
    "NumberVerdict",
    "PublishedComparison",
    "Question",
    "RunNoise",
    "Side",
    "Target",
    "Verdict",
    "against_published",
    "ask",
    "benjamini_hochberg",
    "choose_rows",
    "compare_published",
    "decide",
    "explain_published",
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
