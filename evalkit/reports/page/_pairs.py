"""The section `pairs`: two runs on the same samples, as `evalkit compare` sees them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.errors import UserError
from evalkit.verdicts import Comparison, PairedScore, Side, Slice, TaskComparison, compare_sides, pair

from ._content import PageRun, Part
from ._labels import Labels

__all__ = ["pairs_part"]

ALL_PAIRS = 4
"""Runs of one benchmark up to which each is compared with each; of more, each with the first."""
OWN = ("task", "group")
"""Axes of slices that have a table of their own."""


@dataclass
class _Found:
    """What there is to compare, and what cannot be."""

    pairs: list[dict[str, Any]] = field(default_factory=list)
    """Each pair, as the page's data holds it."""
    apart: list[str] = field(default_factory=list)
    """What cannot be compared, and why."""


def pairs_part(runs: Sequence[PageRun], words: Labels) -> Part | None:
    """The section; None for a single run."""
    if len(runs) < 2:
        return None
    found = _Found()
    for places in _by_benchmark(runs):
        _compare_benchmark(runs, places, words, found)
    if not found.pairs and not found.apart:
        found.apart.append(words["pairs_none"])
    names = [run.name for run in runs]
    return Part(
        "pairs",
        "pairs.html.j2",
        {"pairs": found.pairs, "apart": found.apart, "names": names},
        {"pairs": found.pairs},
    )


def _by_benchmark(runs: Sequence[PageRun]) -> Iterator[list[int]]:
    places: dict[str, list[int]] = {}
    for place, run in enumerate(runs):
        places.setdefault(run.scores.benchmark, []).append(place)
    yield from (each for each in places.values() if len(each) > 1)


def _compare_benchmark(runs: Sequence[PageRun], places: Sequence[int], words: Labels, found: _Found) -> None:
    protocols: dict[str, list[int]] = {}
    for place in places:
        measured = runs[place].measured
        if measured is None:
            found.apart.append(words["pairs_without_answers"].replace("{name}", runs[place].name))
        else:
            protocols.setdefault(measured.protocol, []).append(place)
    if len(protocols) > 1:
        named = "; ".join(f"{name}: {', '.join(runs[each].name for each in some)}" for name, some in protocols.items())
        title = runs[places[0]].spec.title
        found.apart.append(words["pairs_of_protocols"].replace("{title}", title).replace("{named}", named))
    for some in protocols.values():
        for left, right in _chosen(some):
            try:
                found.pairs.append(_pair(runs, left, right))
            except UserError as error:
                found.apart.append(str(error))


def _chosen(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    if len(places) <= ALL_PAIRS:
        return itertools.combinations(places, 2)
    return ((places[0], other) for other in places[1:])


def _pair(runs: Sequence[PageRun], left: int, right: int) -> dict[str, Any]:
    """What the page's data holds of a pair; `UserError` where no sample is in both."""
    ours, theirs = _side(runs[left]), _side(runs[right])
    found = compare_sides(ours, theirs, common=True)
    flags = {(part.axis, part.name): part.flagged for part in found.slices}
    return {
        "left": left,
        "right": right,
        "n": found.n,
        "only_left": found.left.only_here,
        "only_right": found.right.only_here,
        "tasks": {
            name: {**_task(task), "flagged": flags.get(("task", name), False)} for name, task in found.tasks.items()
        },
        "groups": [
            {"title": found.group_titles[name], **_score(group), "flagged": flags.get(("group", name), False)}
            for name, group in found.groups.items()
        ],
        "overall": None if found.overall is None else _score(found.overall),
        "slices": [_slice(part) for part in found.slices if part.axis not in OWN],
        "parts": len(found.slices),
        "differs_in": [each.model_dump() for each in found.differs_in],
        "near_ties": None if found.near_ties is None else found.near_ties.model_dump(),
        "notes": _notes(found),
        "joined": _joined(ours, theirs),
    }


def _side(run: PageRun) -> Side:
    assert run.measured is not None
    return Side(run.name, run.measured, run.manifest, run.notes)


def _score(score: PairedScore | Slice) -> dict[str, Any]:
    low, high = score.ci95 or (None, None)
    return {**score.model_dump(include={"n", "left", "right", "difference", "p"}), "low": low, "high": high}


_OF_A_TASK = {"clusters", "mcnemar_p", "wins", "losses", "ties"}


def _task(task: TaskComparison) -> dict[str, Any]:
    return {**_score(task), **task.model_dump(include=_OF_A_TASK)}


def _slice(part: Slice) -> dict[str, Any]:
    return {"axis": part.axis, "name": part.name, **_score(part), "flagged": part.flagged}


def _notes(found: Comparison) -> list[str]:
    """The comparison's notes without those that the page has tables and labels for.

    In what the runs differ stands first among them, how many answers met a near tie last.
    """
    return found.notes[1 if found.differs_in else 0 : None if found.near_ties is None else -1]


def _joined(left: Side, right: Side) -> dict[str, list[list[Any]]]:
    """Task → left id, right id and both scores of each sample, for tasks where the page's samples do not tell them.

    That is where ids do not tell which samples are the same, and where a sample has several draws, whose mean counts.
    """
    pairs = pair(left, right, common=True)
    found: dict[str, list[list[Any]]] = {}
    for task, both in pairs.tasks.items():
        ids, right_ids = both[0].ids, pairs.right_ids[task]
        has_draws = any(side.measured.scores.tasks[task].draws is not None for side in (left, right))
        if ids != right_ids or has_draws:
            rows = zip(ids, right_ids, *(values.points.tolist() for values in both), strict=True)
            found[task] = [list(row) for row in rows if not any(map(math.isnan, row[2:]))]
    return found
