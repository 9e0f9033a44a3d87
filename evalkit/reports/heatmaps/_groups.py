"""Heatmaps of groups of tasks, cell by cell the mean that a group's score is made of; lengths as the model sees them.

A group is drawn from the tasks that were run; its name says how many of them are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from evalkit.scores import ScoreRow
from evalkit.tasks import BenchmarkSpec

from ._grid import HeatGrid, combine

__all__ = ["GroupGrid", "LengthAxis", "group_grids", "on_axis"]

LengthAxis = Literal["nominal", "prompt", "kept"]
"""Lengths as the benchmark names them, or the mean tokens of the model's prompts before or after truncation."""


class GroupGrid(NamedTuple):
    """The grid of a group, as far as its tasks were run."""

    title: str
    """Name for people, with the coverage where it is not full."""
    grid: HeatGrid
    """Weighted means, cell by cell."""


def group_grids(grids: Mapping[str, HeatGrid], spec: BenchmarkSpec) -> dict[str, GroupGrid]:
    """Group name → grid of each group of several tasks, and `overall`; groups without any grid are left out."""
    found: dict[str, HeatGrid] = {}
    named: dict[str, GroupGrid] = {}
    for name, group in spec.groups.items():
        tasks = spec.members(name)
        weights = group.members or dict.fromkeys(tasks, 1.0)
        there = {each: grid for each in weights if (grid := found.get(each) or grids.get(each)) is not None}
        if len(tasks) > 1 and there:
            found[name] = combine(list(there.values()), [weights[each] for each in there])
            named[name] = GroupGrid(_covered(group.title, tasks, grids), found[name])
        elif there:
            found[name] = next(iter(there.values()))
    entering = [name for name, group in spec.groups.items() if group.in_overall and name in found]
    if len(spec.tasks) > 1 and entering:
        overall = combine([found[name] for name in entering], [spec.groups[name].weight for name in entering])
        named["overall"] = GroupGrid(_covered("Overall", list(spec.tasks), grids), overall)
    return named


def on_axis(rows: Sequence[ScoreRow], axis: LengthAxis) -> list[ScoreRow]:
    """The rows with their nominal lengths replaced by the mean tokens that the model's prompts of that length have.

    Means are over all tasks and languages, so that the columns of all figures of a run are the same.
    """
    if axis == "nominal":
        return list(rows)
    tokens: dict[object, list[int]] = {}
    for row in rows:
        seen = row.prompt_tokens if axis == "prompt" else row.kept_tokens
        if seen is not None and "length" in row.metadata:
            tokens.setdefault(row.metadata["length"], []).append(seen)
    means = {length: round(sum(found) / len(found)) for length, found in tokens.items()}
    return [
        replace(row, metadata={**row.metadata, "length": means[row.metadata["length"]]})
        for row in rows
        if row.metadata.get("length") in means
    ]


def _covered(title: str, tasks: Sequence[str], grids: Mapping[str, HeatGrid]) -> str:
    there = sum(task in grids for task in tasks)
    return title if there == len(tasks) else f"{title}, {there} of {len(tasks)} tasks"
