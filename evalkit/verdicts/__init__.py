"""Verdicts: two runs on the same samples, and whether a published number holds."""

from ._ask import PUBLISHED, Question, against_published, ask, hold_published, names_numbers
from ._compare import compare_sides
from ._comparison import Comparison, Difference, Flip, PairedScore, SideSummary, Slice, TaskComparison
from ._evidence import Mode
from ._freedom import freedom_of_sizes
from ._gaps import mean_gap, paired_gap, paired_spread, rerun_gap, unpaired_gap
from ._knobs import IDENTITY, KnobPair, KnobState
from ._near_ties import NearTieFlips, near_tie_flips
from ._noise import RunNoise, run_noise
from ._paired import compare_samples
from ._pairing import Pairs, check_comparable, pair, pair_sides
from ._pool import pool_tasks, take_samples
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
    "Comparison",
    "Decision",
    "Difference",
    "Flip",
    "Gap",
    "Judged",
    "KnobPair",
    "KnobState",
    "Lean",
    "Mode",
    "NearTieFlips",
    "NumberVerdict",
    "PairedScore",
    "Pairs",
    "PublishedComparison",
    "Question",
    "RunNoise",
    "Side",
    "SideSummary",
    "Slice",
    "Target",
    "TaskComparison",
    "Verdict",
    "against_published",
    "ask",
    "benjamini_hochberg",
    "check_comparable",
    "choose_rows",
    "compare_published",
    "compare_samples",
    "compare_sides",
    "decide",
    "explain_published",
    "freedom_of_sizes",
    "hold_published",
    "holm",
    "judge",
    "lean",
    "mcnemar",
    "mean_gap",
    "names_numbers",
    "near_tie_flips",
    "pair",
    "pair_sides",
    "paired_gap",
    "paired_spread",
    "pool_tasks",
    "read_side",
    "rerun_gap",
    "resample",
    "run_noise",
    "settle",
    "smallest_detectable",
    "spread_interval",
    "take_samples",
    "unpaired_gap",
]
