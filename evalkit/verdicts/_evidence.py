"""What is known of a published number beside its digits: its answers, our reruns, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from evalkit.errors import UserError
from evalkit.published import PublishedScore, pinned_outputs
from evalkit.scores import Spread, TaskValues, cluster_spread

from ._gaps import may_assume_spread, paired_gap, paired_spread, rerun_gap, unpaired_gap
from ._knobs import facts_of, own_knobs, pinned_differences
from ._noise import RunNoise, run_noise
from ._pairing import pair
from ._rows import part_of
from ._rule import Gap
from ._sides import Side, read_side
from ._tests import Lean, lean

__all__ = ["Evidence", "Found", "Mode", "gather"]


class Mode(StrEnum):
    """On what a verdict rests."""

    PAIRED = "P"
    """The published answers, sample by sample."""
    RERUN = "R"
    """Two or more runs of our own."""
    UNPAIRED = "U"
    """The printed number and how many samples it is of."""


SAME = "a rerun has the samples of the run, no fewer and no more"


@dataclass(frozen=True)
class Found:
    """Our score beside a published one."""

    mode: Mode
    """On what it rests."""
    gap: Gap
    """How far apart they are, and how sure that is."""
    spread: Spread | None
    """What each cluster adds to the error."""
    noise: RunNoise | None = None
    """Of reruns: how much our own score moves."""
    lean: Lean | None = None
    """Of published answers: which way the answers went that changed."""
    reason: str = ""
    """What a reader must know of it."""


@dataclass(frozen=True)
class Evidence:
    """All that can be held against the published numbers of one model."""

    side: Side
    """Our run."""
    answers: Mapping[str, Mapping[str, tuple[TaskValues, TaskValues]]] = field(default_factory=dict)
    """Place of published answers → task → the samples of ours and of theirs, in one order."""
    reruns: Sequence[Mapping[str, TaskValues]] = ()
    """Further runs of our own, in the order of our samples."""
    notes: Sequence[str] = ()
    """What a reader should know of the published answers."""

    @property
    def draws(self) -> int:
        """Answers to each sample in one of our runs."""
        return 1 if self.side.manifest is None else self.side.manifest.draws

    def of_row(self, row: PublishedScore) -> Found | None:
        """Our score of a task, range or length beside its number; None where we have no such samples."""
        ours = part_of(self.side.measured.values, row, self.side.measured)
        if ours is None or ours.score is None:
            return None
        low, high = row.digits_range
        reason = ""
        if row.outputs:
            paired = self._paired(row)
            if isinstance(paired, Found):
                return paired
            reason = paired
        if self.reruns:
            runs = [ours, *self._parts(row)]
            if len(runs) > 1:
                noise = run_noise(runs)
                return Found(
                    Mode.RERUN,
                    rerun_gap(runs, low, high, row.runs_averaged, noise, self.draws),
                    noise.spread,
                    noise,
                    reason=reason,
                )
            reason = reason or "the reruns lack samples of it"
        return self._unpaired(ours, row, reason)

    def of_task(self, task: str, row: PublishedScore | None) -> Found | None:
        """The same of a task that enters a mean, with its own number or, where none is published, ours in its place."""
        values = self.side.measured.values.get(task)
        if values is None or values.score is None:
            return None
        if row is not None:
            return self.of_row(row)
        runs = [values, *(run[task] for run in self.reruns if task in run)]
        if len(runs) > 1:
            noise = run_noise(runs)
            gap = rerun_gap(runs, values.score, values.score, None, noise, self.draws)
            return Found(Mode.RERUN, gap, noise.spread, noise)
        gap = unpaired_gap(values, values.score, values.score, len(values.ids), _is_overlap(values))
        return Found(Mode.UNPAIRED, gap, cluster_spread(values.columns, values.clusters, values.combine))

    def _unpaired(self, ours: TaskValues, row: PublishedScore, reason: str) -> Found:
        low, high = row.digits_range
        is_assumed = _is_overlap(ours)
        gap = unpaired_gap(ours, low, high, row.n or len(ours.ids), is_assumed)
        said = [reason] if reason else []
        if is_assumed and may_assume_spread(ours, row.n or len(ours.ids)):
            said.append("assumes that their samples spread as ours")
        spread = cluster_spread(ours.columns, ours.clusters, ours.combine)
        return Found(Mode.UNPAIRED, gap, spread, reason="; ".join(said))

    def _paired(self, row: PublishedScore) -> Found | str:
        """From the published answers; why not, where they cannot tell."""
        there = self.answers.get(row.outputs)
        if there is None:
            return "its published answers are not at hand"
        mine, theirs = ({task: each[side] for task, each in there.items()} for side in (0, 1))
        ours = part_of(mine, row, self.side.measured)
        whole = part_of(self.side.measured.values, row, self.side.measured)
        other = part_of(theirs, row, self.side.measured)
        if ours is None or other is None or whole is None or other.score is None:
            return "its published answers lack this number"
        low, high = row.digits_range
        if not low - _ROUNDING <= other.score <= high + _ROUNDING:
            return f"its published answers score {other.score:.4f}, not the printed {row.printed}: left aside"
        if len(ours.ids) != len(whole.ids):
            return f"only {len(ours.ids)} of {len(whole.ids)} samples are among its published answers"
        gap = paired_gap(ours, other, low, high)
        return Found(Mode.PAIRED, gap, paired_spread(ours, other), lean=lean(ours, other))

    def _parts(self, row: PublishedScore) -> list[TaskValues]:
        parts = [part_of(run, row, self.side.measured) for run in self.reruns]
        return [part for part in parts if part is not None]


_ROUNDING = 1e-9
"""Points by which floating point may move a score beyond the ends of what the digits allow."""


def _is_overlap(values: TaskValues) -> bool:
    """Whether the metric is a word overlap of long texts, whose spread lies far below what its mean allows."""
    return "rouge" in values.metric.casefold()


def gather(side: Side, rows: Sequence[PublishedScore], reruns: Sequence[Side] = ()) -> Evidence:
    """The published answers of these rows that are at hand, and our reruns.

    Raises `UserError` for reruns that are no reruns: of another model or benchmark, of other samples, with a setting
    that the sources pin, or that vary nothing.
    """
    answers: dict[str, Mapping[str, tuple[TaskValues, TaskValues]]] = {}
    notes: list[str] = []
    for row in rows:
        if not row.outputs or row.outputs in answers or row.protocol != side.measured.protocol:
            continue
        try:
            pairs = _published_answers(side, row)
        except UserError as error:
            notes.append(f"the published answers {row.outputs} cannot be used: {error}")
            pairs = None
        if pairs is not None:
            answers[row.outputs] = pairs
    again = [_checked(side, rerun, rows) for rerun in reruns]
    _check_varied([side, *reruns])
    return Evidence(side, answers, again, notes)


def _published_answers(side: Side, row: PublishedScore) -> Mapping[str, tuple[TaskValues, TaskValues]] | None:
    found = pinned_outputs(row)
    if found is None:
        return None
    theirs = read_side(found.folder, found.format, found.protocol, side.measured.scores.benchmark)
    return pair(side, theirs, common=True).tasks


def _checked(side: Side, rerun: Side, rows: Sequence[PublishedScore]) -> Mapping[str, TaskValues]:
    """The samples of a rerun, in the order of ours."""
    if side.manifest is None or rerun.manifest is None:
        lacking = side.name if side.manifest is None else rerun.name
        raise UserError(f"--rerun: {lacking} does not say how it was made: reruns are run folders of evalkit")
    if Path(side.name).resolve() == Path(rerun.name).resolve():
        raise UserError(f"--rerun {rerun.name}: is the run itself")
    mine, other = side.manifest.identity, rerun.manifest.identity
    different = [name for name in _SAME if mine.get(name) != other.get(name)]
    if different:
        name = different[0]
        raise UserError(f"--rerun {rerun.name}: not the same {name} ({mine.get(name)}, {other.get(name)})")
    if side.manifest.draws != rerun.manifest.draws:
        raise UserError(
            f"--rerun {rerun.name}: not as many draws of each sample ({side.manifest.draws}, {rerun.manifest.draws}): "
            "a mean of more moves less"
        )
    pinned = pinned_differences(own_knobs(side), own_knobs(rerun), rows)
    if pinned:
        raise UserError(
            f"--rerun {rerun.name}: differs from {side.name} in what the source pins: {', '.join(pinned)}; "
            "a rerun may vary only what it does not"
        )
    return {task: other for task, (_, other) in pair(side, rerun, remedy=SAME).tasks.items()}


_SAME = ("benchmark", "protocol", "model", "weights", "rope", "data", "options", "template", "tokenizer", "adapter")
"""What two runs of one experiment have in common, whatever a source pins."""


def _check_varied(sides: Sequence[Side]) -> None:
    """Raise where two runs vary nothing: a computer that repeats itself says nothing of another one."""
    seen: dict[str, str] = {}
    for side in sides if len(sides) > 1 else ():
        assert side.manifest is not None  # `_checked` refuses others
        if side.manifest.identity.get("backend") == "endpoint":
            continue  # a server batches as its load has it
        facts = repr([sorted(facts_of(side.manifest).items())])
        if facts in seen:
            raise UserError(
                f"--rerun: {seen[facts]} and {side.name} ran with the same settings on the same machine, so they tell "
                "nothing of the noise of runs: make a run with --no-prefix-reuse, another --batch, backend or device"
            )
        seen[facts] = side.name
