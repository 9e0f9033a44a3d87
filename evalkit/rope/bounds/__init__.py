"""What two theories say of a RoPE base: the critical dimension, and the sum of cosines that must not turn negative.

Neither is a measurement: a base that passes may fail in a model, and the other way round. They also disagree:
320,000 for 32,768 tokens passes the first and fails the second.
"""

from ._criterion import (
    PUBLISHED_BOUNDS,
    criterion,
    first_negative,
    fitted_bound,
    published_bound,
    sums_by_chunk,
)
from ._critical import Training, Tuning, critical_base, critical_dimension, extrapolation_limit, small_bases
from ._judged import BaseBounds, JudgedBase, check_numbers, judge_bases
from ._scan import BaseScan, scan_bases

__all__ = [
    "PUBLISHED_BOUNDS",
    "BaseBounds",
    "BaseScan",
    "JudgedBase",
    "Training",
    "Tuning",
    "check_numbers",
    "criterion",
    "critical_base",
    "critical_dimension",
    "extrapolation_limit",
    "first_negative",
    "fitted_bound",
    "judge_bases",
    "published_bound",
    "scan_bases",
    "small_bases",
    "sums_by_chunk",
]
