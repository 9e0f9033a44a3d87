"""Whether a printed score is one that so many samples can have.

A score of right and wrong answers is a whole number out of n. With n = 269, one step is 0.37 points: 72.86 and 73.23
are scores, 72.93 is none. All that is asked here is answered in whole numbers, so that no rounding of ours gets in
between. The idea is that of the GRIM test (Brown and Heathers 2017, Social Psychological and Personality Science 8).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from evalkit.tasks import BenchmarkSpec

from ._records import PublishedScore

__all__ = ["MOST_RUNS", "Fit", "Nearest", "fits", "least_runs", "nearest", "parts_of_a_sample"]

MOST_RUNS = 100
"""Runs that anybody might average. With two printed decimals and n samples, 10,000 / n of them make every number."""

Fit = Literal["rounded", "truncated", "no"]

_ALL = ""
_PARTS: Mapping[tuple[str, str], Mapping[str, int]] = {
    # AccEvaluator and LEvalEMEvaluator: right or wrong. Open tasks are scored by ROUGE.
    ("leval", "opencompass"): {"closed": 1},
    # em.py: 0, 0.25 (some of the right letters and no wrong one) or 1.
    ("leval", "official"): {"closed": 4},
    ("longbench-v2", "official"): {_ALL: 1},
    ("longbench-v2", "opencompass"): {_ALL: 1},
    ("needle-grid", "keyword"): {_ALL: 1},
}
"""Kind of benchmark and scoring → group → equal parts in which one sample's score comes. What is absent is not checked.

LongBench's are absent: classification, count and retrieval give shares of the names or numbers in an answer, of which
there may be any number. So is NeedleBench's single needle of version 1, which adds a fifth of a similarity.
"""
_HALVED = {("leval", "official", "sci_fi")}
"""Tasks whose score is the mean of two such parts: loyalty and fact."""


def parts_of_a_sample(spec: BenchmarkSpec, score: PublishedScore) -> int | None:
    """In how many equal parts one sample's score comes, 1 = right or wrong; None where that is not known.

    A mean over tasks has no such parts, unless the benchmark has one task only.
    """
    tasks = [task for task in spec.tasks if spec.has_task(task, score.protocol)]
    task = score.task if score.task in tasks else tasks[0]
    if task != score.task and len(tasks) > 1:
        return None
    scoring = spec.protocols[score.protocol].scoring
    groups = _PARTS.get((spec.kind, scoring), {})
    parts = groups.get(spec.tasks[task].group, groups.get(_ALL))
    return parts and parts * (2 if (spec.kind, scoring, task) in _HALVED else 1)


def fits(printed: str, decimals: int, parts: int) -> Fit:
    """How some whole number out of `parts`, in percent, reads `printed` after so many decimals.

    Both ends of what rounds so count, since a half may go either way. So does the upper end of what is cut off: 29 out
    of 100 is 28.999999999999996 in floating point, and reads 28.99.
    """
    number, scale = _scaled(printed, decimals), 10**decimals
    if _has_whole((2 * number - 1) * parts, (2 * number + 1) * parts, 200 * scale, parts):
        return "rounded"
    return "truncated" if _has_whole(number * parts, (number + 1) * parts, 100 * scale, parts) else "no"


def least_runs(printed: str, decimals: int, parts: int, most: int = MOST_RUNS) -> int | None:
    """How few runs of `parts` each may have a mean that rounds to `printed`; None where more than `most` are needed."""
    return next((runs for runs in range(1, most + 1) if fits(printed, decimals, parts * runs) == "rounded"), None)


class Nearest(NamedTuple):
    """The scores around a printed number, in percent."""

    below: float
    """The largest that is not above it."""
    above: float
    """The next one; that of all samples right, where there is none."""


def nearest(printed: str, decimals: int, parts: int) -> Nearest:
    """The scores out of `parts` around the printed number."""
    below = _scaled(printed, decimals) * parts // (100 * 10**decimals)
    return Nearest(100 * below / parts, 100 * min(below + 1, parts) / parts)


def _scaled(printed: str, decimals: int) -> int:
    """The number in units of its last decimal."""
    whole, _, fraction = printed.partition(".")
    return int(whole + fraction.ljust(decimals, "0"))


def _has_whole(low: int, high: int, divisor: int, most: int) -> bool:
    """Whether a whole number of 0 to `most` lies from low / divisor to high / divisor."""
    return max(0, -(-low // divisor)) <= min(most, high // divisor)
