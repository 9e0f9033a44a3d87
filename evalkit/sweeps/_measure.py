"""From the runs of a sweep to its numbers: scores by length, paired differences to the first spec, lengths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.errors import UserError
from evalkit.printable import counted
from evalkit.rope import RopeSetting
from evalkit.scores import TaskValues, cluster_interval
from evalkit.verdicts import PairedScore, Side, check_comparable, compare_samples, pair_sides, pool_tasks, take_samples

from ._bootstrap import MIN_CLUSTERS, Points, Resampled, holds_to, pays_from
from ._lengths import bucket_ends
from ._sweep import BenchmarkSweep, LengthEstimate, SpecSweep, SweepCell

__all__ = ["Asked", "SpecRun", "sweep_benchmark"]

TOP = 100.0
ENOUGH = 10
"""Documents from which intervals are good enough not to be remarked on (`evalkit.scores`, `cluster t`)."""


@dataclass(frozen=True)
class Asked:
    """What a sweep asked on one benchmark."""

    tokens: Mapping[str, int]
    """Sample → tokens of its first prompt with the answer limit: n of the rules."""
    window: int
    """L: tokens that the model was made for before any scaling."""
    has_lengths: bool
    """Whether the benchmark was asked for lengths, which its samples then state (`length`)."""
    settings: Mapping[str, Any]
    """What all runs have in common."""
    released: RopeSetting | None = None
    """What `native` turns by; None where no one setting says it."""


@dataclass(frozen=True)
class SpecRun:
    """One spec's run on one benchmark."""

    spec: str
    """The spec."""
    folder: str
    """Run folder, relative to the sweep's."""
    side: Side
    """The run, scored."""
    rotations: Mapping[str, RopeSetting]
    """Sample → what its first prompt was run with."""


def sweep_benchmark(runs: Sequence[SpecRun], asked: Asked, share: float) -> tuple[BenchmarkSweep, list[str]]:
    """All specs on one benchmark, and what a reader should know of it. The first run is the reference.

    Only samples that were asked and that every spec answered count. Raises `UserError` where there are none, or where
    the runs are of different samples.
    """
    values, notes = _same_samples(runs, asked)
    ends = _ends(values[0], asked)
    lengths = tuple(sorted(set(ends)))
    places = {length: [index for index, end in enumerate(ends) if end == length] for length in lengths}
    control = _control(values[0], places, asked)
    points = Points(
        np.stack([each.points for each in values]),
        np.array([lengths.index(end) for end in ends]),
        values[0].clusters,
        len(lengths),
        np.array(
            [
                [
                    _turns_alike(run, runs[0], [values[0].ids[each] for each in chosen], asked)
                    for chosen in places.values()
                ]
                for run in runs
            ]
        ),
    )
    found = Resampled(points)
    specs = {run.spec: _spec(run, index, values, places, control, found, share) for index, run in enumerate(runs)}
    name = runs[0].side.measured.spec.name
    made = BenchmarkSweep(
        benchmark=name,
        protocol=runs[0].side.measured.protocol,
        is_bucketed=not asked.has_lengths,
        lengths=lengths,
        control=control,
        specs=specs,
        title=runs[0].side.measured.spec.title,
        settings=asked.settings,
    )
    return made, [f"{name}: {line}" for line in [*notes, *_notes(made, found)]]


def _same_samples(runs: Sequence[SpecRun], asked: Asked) -> tuple[list[TaskValues], list[str]]:
    """The samples that every spec answered, in one order."""
    first = runs[0].side
    pooled = []
    for run in runs:
        check_comparable(run.side, first)
        _check_samples(run, runs[0])
        pairs = pair_sides(run.side, first, common=True)
        pooled.append(pool_tasks([ours for ours, _ in pairs.values()]))
    common = set(asked.tokens).intersection(*(values.ids for values in pooled))
    if not common:
        raise UserError(
            f"{first.measured.spec.name}: no sample was answered under every spec; the same command tries again"
        )
    chosen = [
        take_samples(values, [place for place, name in enumerate(values.ids) if name in common]) for values in pooled
    ]
    if any(values.ids != chosen[0].ids or values.clusters != chosen[0].clusters for values in chosen):
        raise UserError(f"{first.measured.spec.name}: its runs hold other samples; run the sweep in a new folder")
    left_out = len(asked.tokens) - len(common)
    notes = [
        f"{counted(left_out, 'sample')} of {len(asked.tokens):,} without an answer under some spec: left out of all"
    ]
    return chosen, notes if left_out else []


def _check_samples(run: SpecRun, reference: SpecRun) -> None:
    """Raise `UserError` where samples of one id have other gold answers in the reference's run."""
    for task, ours in run.side.measured.values.items():
        theirs = reference.side.measured.values.get(task)
        known = {} if theirs is None else dict(zip(theirs.ids, theirs.targets, strict=True))
        other = next(
            (name for name, mine in zip(ours.ids, ours.targets, strict=True) if known.get(name, mine) != mine), None
        )
        if other is not None:
            raise UserError(
                f"{run.folder} and {reference.folder}: {other} has other gold answers, so these are other samples; run "
                "the sweep in a new folder"
            )


def _ends(values: TaskValues, asked: Asked) -> list[int]:
    """The tested length of each sample."""
    if asked.has_lengths:
        return [int(axes["length"]) for axes in values.axes]
    tokens = {name: asked.tokens[name] for name in values.ids}
    ends = bucket_ends(tokens, dict(zip(values.ids, values.clusters, strict=True)), asked.window)
    return [ends[name] for name in values.ids]


def _control(values: TaskValues, places: Mapping[int, Sequence[int]], asked: Asked) -> int | None:
    """The longest length whose prompts lie inside the window with their answers."""
    inside = [
        length
        for length, chosen in places.items()
        if all(asked.tokens[values.ids[place]] <= asked.window for place in chosen)
    ]
    return max(inside, default=None)


def _spec(
    run: SpecRun,
    index: int,
    values: Sequence[TaskValues],
    places: Mapping[int, Sequence[int]],
    control: int | None,
    found: Resampled,
    share: float,
) -> SpecSweep:
    lengths = list(places)
    is_first = index == 0
    cells = tuple(
        _cell(
            length,
            take_samples(values[index], chosen),
            None if is_first else take_samples(values[0], chosen),
            run,
            is_reference=bool(found.points.is_reference[index, place]),
        )
        for place, (length, chosen) in enumerate(places.items())
    )
    nowhere = LengthEstimate(None, (None, None), False)
    return SpecSweep(
        spec=run.spec,
        folder=run.folder,
        cells=cells,
        holds_to=nowhere if control is None else holds_to(found, index, lengths, lengths.index(control), share),
        pays_from=None if is_first else pays_from(found, index, lengths, cells),
    )


def _turns_alike(run: SpecRun, first: SpecRun, samples: Sequence[str], asked: Asked) -> bool:
    """Whether the first prompts of samples turn as under the first spec."""

    def turning(setting: RopeSetting) -> RopeSetting:
        return (asked.released or setting) if setting.rope_type == "native" else setting

    return all(turning(run.rotations[name]) == turning(first.rotations[name]) for name in samples)


def _cell(
    length: int, ours: TaskValues, reference: TaskValues | None, run: SpecRun, *, is_reference: bool
) -> SweepCell:
    compared = compare_samples(ours, ours if reference is None else reference)
    interval = cluster_interval(ours.columns, ours.clusters, ours.combine)
    settings = [run.rotations[name] for name in ours.ids]
    return SweepCell(
        length=length,
        samples=len(ours.ids),
        clusters=len(set(ours.clusters)),
        score=compared.left,
        ci95=None if interval is None else (interval.low, interval.high),
        difference=None if reference is None else compared.difference,
        difference_ci95=None if reference is None else _difference_interval(compared, ours, reference, is_reference),
        multiplier=_range([setting.multiplier for setting in settings]),
        base=_range([setting.base for setting in settings]),
    )


def _difference_interval(
    compared: PairedScore, ours: TaskValues, reference: TaskValues, is_reference: bool
) -> tuple[float, float] | None:
    """That of a comparison; of differences that are all alike the bound, unless both sides turn alike."""
    if is_reference or compared.se:
        return compared.ci95
    return _alike_interval(ours, reference)


def _alike_interval(ours: TaskValues, reference: TaskValues) -> tuple[float, float] | None:
    """Of differences that are the same in all documents, which Student's t takes for certain: the bound of scores.

    None under 5 documents. The bound is of means from 0 to 100, so differences are carried there and back.
    """
    halves = (ours.columns - reference.columns + TOP) / 2
    found = cluster_interval(halves, ours.clusters, ours.combine)
    return None if found is None else (2 * found.low - TOP, 2 * found.high - TOP)


def _range(values: Sequence[float | None]) -> tuple[float, float] | None:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else None


def _notes(sweep: BenchmarkSweep, found: Resampled) -> Iterator[str]:
    """What the numbers cannot say."""
    reference = next(iter(sweep.specs.values()))
    if sweep.control is None:
        yield (
            "no sample lies inside the model's own length with its answer, so whether an extension hurts short prompts "
            "is not known, and no effective length can be told: a sweep of `needle` has one"
        )
    else:
        score = next(cell.score for cell in reference.cells if cell.length == sweep.control)
        if not score:
            yield f"{reference.spec} scores 0 at {sweep.control:,} tokens, so no share of it tells an effective length"
    if sweep.is_bucketed:
        ends = ", ".join(f"{length:,}" for length in sweep.lengths)
        yield (
            f"lengths are those of the samples, prompt and answer limit together, in buckets that end at {ends}; "
            "longer ones hold other questions and documents, so only differences between specs are of the same samples"
        )
    few = {length: count for length, count in zip(sweep.lengths, found.documents, strict=True) if count < ENOUGH}
    if few:
        none = [length for length, count in few.items() if count < MIN_CLUSTERS]
        counts = ", ".join(f"{count} at {length:,}" for length, count in few.items())
        what = "; under 5 nothing is sure there, and lengths may be any" if none else ""
        remedy = "--limit or more tasks" if sweep.is_bucketed else f"--repeats {ENOUGH}"
        yield f"few documents ({counts}): intervals are wide{what}; {remedy} brings more"
