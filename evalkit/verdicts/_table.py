"""From the intervals of the numbers of one source table to their verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ._rule import Judged, Verdict, holm
from ._tests import Lean

__all__ = ["Decision", "decide"]


@dataclass(frozen=True)
class Decision:
    """The verdict on one number of a table."""

    verdict: Verdict
    """Held, differs or inconclusive."""
    reason: str
    """Why it is less than the interval alone says; empty where it is not."""


def decide(judged: Mapping[str, Judged], leans: Mapping[str, Lean] | None = None) -> dict[str, Decision]:
    """The verdicts of all numbers of one source table that were compared.

    `differs` is kept where Holm's correction at 5% over the table keeps it. `held` needs no correction, but of numbers
    whose answers are known on both sides (`leans`), those that changed must not lean to one side.
    """
    kept = dict(zip(judged, holm([one.p_differs for one in judged.values()]), strict=True))
    return {name: _decision(one, kept[name], len(judged), (leans or {}).get(name)) for name, one in judged.items()}


def _decision(judged: Judged, is_kept: bool, count: int, lean: Lean | None) -> Decision:
    if judged.verdict is Verdict.DIFFERS and not is_kept:
        return Decision(
            Verdict.INCONCLUSIVE, f"differs by its own test, but not once {count} numbers are tested (Holm)"
        )
    if judged.verdict is Verdict.HELD and lean is not None and lean.is_one_sided:
        return Decision(
            Verdict.INCONCLUSIVE,
            "within the margin, but the answers that changed lean one way "
            f"({lean.worse:,} worse, {lean.better:,} better)",
        )
    return Decision(judged.verdict, "")
