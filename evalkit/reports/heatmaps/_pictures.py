"""What can be drawn of scores: tasks, their languages, groups of tasks, each with what is missing of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalkit.scores import BenchmarkScores, ScoreRow, TaskScore
from evalkit.tasks import BenchmarkSpec

from ._asked import asked_places, length_label
from ._grid import HeatGrid, LengthAxis, Places, axis_lengths, grids_of, group_grids, on_axis

__all__ = ["Picture", "Shown", "pictures_of"]


@dataclass(frozen=True)
class Shown:
    """What the scores of a run are, as far as its pictures depend on it."""

    scores: BenchmarkScores
    """Its scores."""
    rows: Sequence[ScoreRow]
    """The rows behind them."""
    spec: BenchmarkSpec
    """Definition of the benchmark."""
    options: Mapping[str, str]
    """Options of the benchmark that the run had; empty for outputs made elsewhere."""
    unit: str = "tokens"
    """What its prompts are counted in."""

    def label(self, axis: LengthAxis) -> str:
        """Name of the length axis."""
        return length_label(self.spec, axis, self.options, self.unit)


@dataclass(frozen=True)
class Picture:
    """One heatmap that can be drawn."""

    label: str
    """Task or group, for people."""
    grid: HeatGrid
    """Its cells, those without data included."""
    languages: tuple[str, ...]
    """Languages that enter it."""
    partial: str
    """`PARTIAL` and how much there is, where tasks or samples are missing; empty where it is whole."""


def pictures_of(shown: Shown, axis: LengthAxis = "nominal") -> dict[str, Picture]:
    """Name → picture: of each task with lengths and depths, its languages, and groups of tasks."""
    asked = _places(shown, axis)
    grids = grids_of(on_axis(shown.rows, axis), asked)
    pictures: dict[str, Picture] = {}
    for name, grid in grids.items():
        task, language = _parts(name, shown.scores.tasks)
        pictures[name] = Picture(
            name, grid, (language,) if language else _languages(shown, [task]), _partial(shown, [task], language)
        )
    for name, group in group_grids(grids, shown.spec).items():
        members = shown.spec.members(name) if name in shown.spec.groups else list(shown.spec.tasks)
        pictures[name] = Picture(group.title, group.grid, _languages(shown, members), _partial(shown, members))
    return pictures


def _places(shown: Shown, axis: LengthAxis) -> dict[str, Places]:
    """The cells asked for, at their lengths on the axis; a length without prompts has no place on the model's."""
    asked = asked_places(shown.spec, shown.scores.tasks, shown.options)
    if axis == "nominal":
        return asked
    seen = axis_lengths(shown.rows, axis)
    return {
        task: Places(tuple(seen[length] for length in places.lengths if length in seen), places.depths)
        for task, places in asked.items()
    }


def _parts(name: str, tasks: Mapping[str, TaskScore]) -> tuple[str, str]:
    """Task and language of a grid's name; no language where it is the whole task."""
    if name in tasks:
        return name, ""
    task = max((task for task in tasks if name.startswith(f"{task}-")), key=len)
    return task, name[len(task) + 1 :]


def _languages(shown: Shown, tasks: Sequence[str]) -> tuple[str, ...]:
    found = [row.metadata["language"] for row in shown.rows if row.task in tasks and "language" in row.metadata]
    return tuple(map(str, dict.fromkeys(found)))


def _partial(shown: Shown, tasks: Sequence[str], language: str = "") -> str:
    """That tasks or samples are missing, and how many there are."""
    protocol_tasks = {*shown.scores.tasks, *shown.scores.missing}
    there = [shown.scores.tasks[task] for task in tasks if task in shown.scores.tasks]
    are_tasks_missing = any(task in shown.scores.missing for task in tasks if task in protocol_tasks)
    counts = _counts(there) if not language else _language_counts(shown, there[0], tasks[0], language)
    is_altered = shown.scores.partial and not shown.scores.missing and not any(
        score.is_partial for score in shown.scores.tasks.values()
    )  # fmt: skip
    if not (counts or are_tasks_missing or is_altered):
        return ""
    return f"PARTIAL: {counts}" if counts else "PARTIAL"


def _counts(there: Sequence[TaskScore]) -> str:
    """`60 of 220 samples, 3 failed`; empty where none is missing."""
    if not any(score.is_partial for score in there):
        return ""
    failed = sum(score.failed for score in there)
    return _count(
        sum(score.n for score in there), sum(score.expected or score.n + score.failed for score in there), failed
    )


def _language_counts(shown: Shown, score: TaskScore, task: str, language: str) -> str:
    """The same of one language, of which a grid of several asks equally much."""
    if not score.is_partial:
        return ""
    ids = {row.id for row in shown.rows if row.task == task and str(row.metadata.get("language")) == language}
    asked = max(len(shown.options.get("lang", "").split(",")), len(_languages(shown, [task])))
    return _count(len(ids), (score.expected or len(ids)) // asked, 0) if score.expected else ""


def _count(n: int, expected: int, failed: int) -> str:
    if n >= expected and not failed:
        return ""
    return f"{n:,} of {expected:,} samples" + (f", {failed:,} failed" if failed else "")
