"""Two sides on the same samples: task by task, in parts, and sample by sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from evalkit.errors import one_line
from evalkit.printable import counted
from evalkit.scores import BenchmarkScores, TaskScore, TaskValues, overall_weights, task_weights

from ._comparison import Comparison, Difference, Flip, PairedScore, SideSummary, TaskComparison
from ._identity import differences, identity_notes
from ._near_ties import near_tie_flips
from ._paired import SAME, compare_mean, compare_task
from ._pairing import Pairs, pair
from ._sides import Side
from ._slices import slices_of

__all__ = ["compare_sides"]

NAMED = 3
"""Tasks that a note names; the rest is a number."""


def compare_sides(left: Side, right: Side, common: bool = False) -> Comparison:
    """The comparison of two sides; `common` leaves out samples that one of them lacks, which are an error else."""
    pairs = pair(left, right, common)
    spec, protocol = left.measured.spec, left.measured.protocol
    tasks = {name: compare_task(*both) for name, both in pairs.tasks.items()}
    weights = {name: task_weights(spec, protocol, name) for name in spec.groups}
    means = {name: compare_mean(pairs.tasks, tasks, shares) for name, shares in weights.items()}
    groups = {name: mean for name, mean in means.items() if mean is not None}
    overall = compare_mean(pairs.tasks, tasks, overall_weights(spec, protocol)) if spec.overall else None
    rows = left.measured.rows if left.manifest is not None else right.measured.rows
    differs = differences(left, right)
    near = near_tie_flips(pairs.tasks.values(), left.manifest, right.manifest)
    return Comparison(
        schema=1,
        left=_summary(left, pairs.only_left),
        right=_summary(right, pairs.only_right),
        benchmark=spec.name,
        title=spec.title,
        protocol=protocol,
        n=sum(score.n for score in tasks.values()),
        common=common,
        differs_in=differs,
        tasks=tasks,
        groups=groups,
        group_titles={name: spec.groups[name].title for name in groups},
        overall=overall,
        slices=slices_of(pairs.tasks, rows, spec, tasks, groups),
        flips=_flips(pairs.tasks),
        near_ties=near,
        notes=[*_notes(left, right, pairs, tasks, differs), *([] if near is None else [str(near)])],
    )


def _summary(side: Side, alone: int) -> SideSummary:
    scores = side.measured.scores
    return SideSummary(
        name=side.name,
        model=scores.model,
        model_title=scores.model_title,
        label=scores.protocol,
        is_run=side.manifest is not None,
        only_here=alone,
    )


def _flips(paired: Mapping[str, tuple[TaskValues, TaskValues]]) -> list[Flip]:
    """The largest differences first; of equal ones, both directions in turn."""
    flips = [flip for ours, theirs in paired.values() for flip in _flips_of_task(ours, theirs)]
    seen: Counter[float] = Counter()
    ranked = []
    for place, flip in enumerate(flips):
        seen[flip.difference] += 1
        ranked.append((-round(abs(flip.difference), 6), seen[flip.difference], place))
    return [flips[place] for *_, place in sorted(ranked)]


def _flips_of_task(ours: TaskValues, theirs: TaskValues) -> Iterator[Flip]:
    for place, (left, right) in enumerate(zip(ours.points.tolist(), theirs.points.tolist(), strict=True)):
        if abs(left - right) > SAME:
            yield Flip(
                id=ours.ids[place],
                task=ours.task,
                left=left,
                right=right,
                left_text=ours.texts[place],
                right_text=theirs.texts[place],
                targets=list(ours.targets[place]),
            )


def _notes(
    left: Side, right: Side, pairs: Pairs, tasks: Mapping[str, TaskComparison], differs: Sequence[Difference]
) -> Iterator[str]:
    yield from identity_notes(left, right, differs)
    if pairs.only_left or pairs.only_right:
        compared = counted(sum(score.n for score in tasks.values()), "sample")
        yield (
            f"compared are the {compared} of both; {pairs.only_left:,} only in {left.name} and {pairs.only_right:,} "
            f"only in {right.name} are left out"
        )
    for side in (left, right):
        yield from _coverage(side)
    loose = [name for name, score in tasks.items() if score.cluster_unit == "sample"]
    if loose:
        yield (
            f"{_named(loose)}: which documents the samples are about is not known, so samples count as clusters: "
            "intervals are too narrow where documents are shared"
        )
    yield from pairs.notes
    yield from _said(left, right)
    for side in (left, right):
        yield from _other_scores(side, pairs, tasks, "left" if side is left else "right")


def _coverage(side: Side) -> Iterator[str]:
    """What of the benchmark a side lacks."""
    scores = side.measured.scores
    if scores.missing:
        tasks = f"{counted(len(scores.missing), 'task')} of {scores.benchmark} ({_named(scores.missing)})"
        yield f"{side.name}: without {tasks}"
    short = {name: score for name, score in scores.tasks.items() if score.is_partial}
    if short:
        first = [f"{name} {_count(score)}" for name, score in short.items()][:NAMED]
        more = f" and {len(short) - NAMED} more tasks" if len(short) > NAMED else ""
        yield f"{side.name}: PARTIAL: {', '.join(first)}{more}"


def _count(score: TaskScore) -> str:
    text = f"{score.n}/{score.expected}" if score.expected is not None else f"{score.n}"
    text += f", {score.failed} failed" if score.failed else ""
    return f"{text}, {counted(score.missing_draws, 'draw')} missing" if score.missing_draws else text


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _said(left: Side, right: Side) -> Iterator[str]:
    """What was said of either side when it was scored; once where it holds for both."""
    ours, theirs = ([*side.notes, *_remarks(side.measured.scores)] for side in (left, right))
    both = [line for line in ours if line in theirs]
    yield from dict.fromkeys(both)
    for side, lines in ((left, ours), (right, theirs)):
        yield from dict.fromkeys(f"{side.name}: {one_line(line, 1000)}" for line in lines if line not in both)


def _remarks(scores: BenchmarkScores) -> list[str]:
    return [*scores.notes, *(f"{name}: {line}" for name, score in scores.tasks.items() for line in score.notes)]


def _other_scores(side: Side, pairs: Pairs, tasks: Mapping[str, TaskComparison], name: str) -> Iterator[str]:
    """Where all samples of a task are compared, and its printed score still is another number than their mean."""
    for task, (ours, theirs) in pairs.tasks.items():
        values = ours if name == "left" else theirs
        printed = side.measured.scores.tasks[task]
        found: PairedScore = tasks[task]
        if printed.score is not None and printed.n == len(values.ids):
            mean = float(getattr(found, name))
            if abs(mean - printed.score) >= 0.005:
                yield (
                    f"{task}: {side.name} prints {printed.score:.2f}, which is not made of means; compared is the "
                    f"mean, {mean:.2f}"
                )
