"""How many differences between two runs began where decoding was nearly undecided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evalkit.printable import counted
from evalkit.records import FrozenRecord
from evalkit.runs import Manifest
from evalkit.scores import TaskValues, near_tie_of

__all__ = ["NearTieFlips", "near_tie_flips"]


class NearTieFlips(FrozenRecord):
    """Two runs' answers, told apart by whether either run was nearly undecided anywhere in them."""

    flips: int
    """Samples whose answers differ."""
    began_at_near_tie: int
    """Those of them in whose answers a near tie was met on either side: where it is early enough, the answers parted
    there. The others differ for a reason that rounding does not explain."""
    fragile: int
    """Samples in whose answers a near tie was met on either side, differing or not."""
    fragile_not_flipped: int
    """Those of them whose answers are the same."""
    threshold: float
    """Gap below which two tokens count as a near tie, in nats."""

    def __str__(self) -> str:
        """For people, in one line."""
        if not self.flips:
            return f"no answer differs; {self.fragile} are fragile: two tokens lay within {self.threshold:g} nats"
        rest, verb = self.flips - self.began_at_near_tie, "differs" if self.flips == 1 else "differ"
        others = f"; {rest} did not, so rounding alone does not explain {'it' if rest == 1 else 'them'}" if rest else ""
        same = f"; {self.fragile_not_flipped} that met one are the same" if self.fragile_not_flipped else ""
        return (
            f"{counted(self.flips, 'answer')} {verb}: {self.began_at_near_tie} met a near tie (two tokens within "
            f"{self.threshold:g} nats in either run), where rounding may decide{others}{same}"
        )


def near_tie_flips(pairs: Iterable[tuple[TaskValues, TaskValues]], *runs: Manifest | None) -> NearTieFlips | None:
    """The count over tasks whose samples stand in one order; None where neither run knows the tie of any sample.

    The coarser number format of the runs sets the threshold. A flip is another text of the sample's first answer.
    """
    threshold = near_tie_of(*map(_dtype, runs))
    found = [each for ours, theirs in pairs for each in _samples(ours, theirs)]
    if all(margin is None for _, margin in found):
        return None
    near = [(is_flip, margin is not None and margin < threshold) for is_flip, margin in found]
    return NearTieFlips(
        flips=sum(is_flip for is_flip, _ in near),
        began_at_near_tie=sum(is_flip and is_near for is_flip, is_near in near),
        fragile=sum(is_near for _, is_near in near),
        fragile_not_flipped=sum(is_near and not is_flip for is_flip, is_near in near),
        threshold=threshold,
    )


def _dtype(run: Manifest | None) -> str | None:
    """The number format that a run computed in; None where nobody says."""
    engine = None if run is None else run.environment.get("engine")
    found = engine.get("dtype") if isinstance(engine, dict) else None
    return None if found is None else str(found)


def _samples(ours: TaskValues, theirs: TaskValues) -> Iterator[tuple[bool, float | None]]:
    """Of each sample whether the answers differ, and the smaller margin of both sides, as far as it is known."""
    for place, (left, right) in enumerate(zip(ours.texts, theirs.texts, strict=True)):
        margins = [margin for side in (ours, theirs) if side.margins and (margin := side.margins[place]) is not None]
        yield left != right, min(margins, default=None)
