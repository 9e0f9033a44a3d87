"""Where greedy answers were nearly undecided: what another kernel, batch or number format may change.

Two greedy runs of one model part at a token whose two best candidates are nearly as likely. While an answer is decoded,
the smallest gap between them is recorded, so a single run can say which of its answers are *fragile*.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.runs import SampleRecord, read_records_of_run
from evalkit.tasks import Answer

__all__ = ["NEAR_TIE", "NearTie", "closest_call", "margins_of", "near_tie_of", "near_ties", "tie_counts"]

NEAR_TIE = 0.5
"""Below this margin, in nats, an answer is fragile: bfloat16 in place of float32 may give another one.

By measurement on a CPU, float32 against bfloat16, over answers of 24 tokens or to the needle grid beyond the window:

    model                        answers  differ  fragile  fragile and the same
    random Llama, larger logits       80      47       80                    33
    random Llama, smaller logits      80      34       80                    46
    needle-tiny                      350      39      219                   180

(needle-tiny: 150 prompts of random tokens, two grids of 60, and 40 prompts with a repetition penalty of 1.3 asked of
transformers and of vLLM.) All 120 answers that differ are fragile by the margins of the float32 run alone, and 118 by
those of the bfloat16 run alone; with 0.25 the float32 run misses two. At one token the gaps of both runs lay 0.05 apart
in the middle and 0.3 in the 99th percentile (needle-tiny; the random Llamas less).
It is also four steps of bfloat16, which has 8 significant bits, between logits of 16 and 32: rounding the two best
logits alone moves the gaps of two runs apart by up to two of them.
A model with small logits over many tokens, as a random one, is fragile everywhere.
"""

NEAR_TIES: Mapping[str, float] = {"float32": 0.001, "float16": NEAR_TIE / 8, "bfloat16": NEAR_TIE}
"""Number format → threshold between two runs of which it is the coarser.

float16 has three bits more than bfloat16. In float32 the margins of transformers and vLLM differed by 0.00002 at most
over 40 answers of needle-tiny; longer prompts and larger models add up more numbers, hence the room.
"""


def near_tie_of(*dtypes: str | None) -> float:
    """The threshold between runs in these number formats; one that is not known counts as the coarsest."""
    return max((NEAR_TIES.get(str(dtype), NEAR_TIE) for dtype in dtypes), default=NEAR_TIE)


@dataclass(frozen=True, slots=True)
class NearTie:
    """Where an answer was nearest to another one."""

    margin: float
    """Log-probability of the best token minus that of the second best, in nats."""
    token: int
    """Index among the tokens generated in that step, thoughts included."""
    step: int = 0
    """Step of the sample."""
    draw: int = 0
    """Which of the sample's draws it belongs to."""

    @property
    def is_fragile(self) -> bool:
        """Whether the answer may be another one under another kernel, batch or number format."""
        return self.margin < NEAR_TIE


def near_ties(folder: Path) -> Mapping[str, NearTie]:
    """Sample id → the nearest tie of a run's answers to it, over steps and draws.

    Samples without one are not there: failed ones, drawn answers, and those of backends and releases that record none.
    """
    latest = {record.key: record for record in read_records_of_run(folder)}
    by_sample: dict[str, list[SampleRecord]] = {}
    for record in latest.values():
        by_sample.setdefault(record.id, []).append(record)
    found = {name: closest_call(records) for name, records in by_sample.items()}
    return {name: tie for name, tie in found.items() if tie is not None}


def closest_call(records: Iterable[SampleRecord]) -> NearTie | None:
    """The smallest margin of the records, of equal ones the first; None where none of them has one."""
    ties = [
        NearTie(record.margin, record.margin_token, record.step, record.draw)
        for record in records
        if record.margin is not None and record.margin_token is not None
    ]
    return min(ties, key=lambda tie: tie.margin, default=None)


def tie_counts(ties: Mapping[str, NearTie], names: Collection[str]) -> dict[str, Any]:
    """The count of a task score over its scored answers, by their names; null where no margin of theirs is known."""
    known = [ties[name] for name in names if name in ties]
    return {"fragile": sum(tie.is_fragile for tie in known), "margins": len(known)} if known else {}


def margins_of(
    ties: Mapping[str, NearTie], answers: Iterable[Answer], samples: Sequence[Answer]
) -> tuple[float | None, ...]:
    """The smallest margin of each sample's answers, in the order of the samples; None where none is known."""
    found: dict[str, float] = {}
    for answer in answers:
        if (tie := ties.get(answer.name)) is not None:
            found[answer.id] = min(tie.margin, found.get(answer.id, tie.margin))
    return tuple(found.get(sample.id) for sample in samples)
