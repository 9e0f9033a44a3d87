"""OpenCompass's NeedleBench outputs: a file for each cell of a grid, or for each needle count of the ATC.

predictions/my-model/Length4000Depth50_origin_en_4k.json        single needle, version 1 or 2
predictions/my-model/Length4000_parallel_zh_4k.json             several needles, their depths in the gold answer
predictions/my-model/Length4000Depth50_3needle_en_4k.json       reasoning over three needles
predictions/my-model/needlebench_atc_challengeneedle_5_en_ordered.json
predictions/my-model/NeedleBenchATCDataset-5Needle-EN-Reasoning.json

Row r of a cell was made with seed r, so rows of one number share a haystack and are one cluster. Needles differ between
versions of the data and are drawn without a seed in places, so gold answers are taken as they are stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.errors import DataError
from evalkit.tasks import Benchmark, BenchmarkSpec, TaskSpec, benchmark_names, load_spec

from .._rows import Found, Row, gold_texts, readable
from ._files import NumberedRow, numbered_rows, parts_by_name, shown

__all__ = ["is_cell", "needlebench_files", "needlebench_rows", "needlebench_sets"]

# The `abbr` of configs/datasets/needlebench and needlebench_v2.
_GRID = re.compile(r"Length(\d{1,9})(?:Depth(\d{1,3}))?_(origin|parallel|(\d)needle)_(en|zh)_(\d+k)(?:_batch(\d+))?")
_FREE = re.compile(r"needlebench_atc_challengeneedle_(\d{1,4})_(en|zh)(_ordered)?")
_ATC = re.compile(r"NeedleBenchATCDataset-(\d{1,4})Needle-(EN|ZH)(-Reasoning)?")
_FORMS = {"origin": "single", "parallel": "multi_retrieval"}
_DEPTHS = re.compile(r"[^#]*#(\d+(?:\*\d+)*)")
"""Gold answer of several needles: the words, then the depths in percent."""
_ROTATED = re.compile(r"(\d+)--[ABCD]--([ABCD]{4})")
"""Gold answer of an ATC choice: story, letter, rotation of the options."""
ROTATIONS = 4
QUESTIONS = {"atc_choice": ROTATIONS, "atc_v2": 4}
"""Rows for each story: the rotations of a choice, the question types of version 2."""
PREFIX = "needlebench-"


class _Cell(NamedTuple):
    """What a file name says."""

    name: str
    form: str
    """As `form` in a task's settings; `atc` where names of version 1 choices and version 2 are the same."""
    language: str
    length: int
    """Nominal length, cl100k tokens; needle count for the ATC."""
    depth: int | None = None
    """Percent of the haystack before the needle."""
    needles: int = 0
    """Needles to reason over; needles of a batch."""
    set: str = ""
    """Size of the set, such as `4k` or `8k-batch`."""
    variant: bool = False
    """ATC: sentences in order, or examples with reasons."""


def is_cell(name: str) -> bool:
    """Whether an OpenCompass data set of that name is part of NeedleBench."""
    return _cell(name) is not None


def needlebench_sets(folder: Path) -> list[str]:
    """The sets whose cells lie in a folder."""
    files, _ = parts_by_name(folder, is_cell)
    groups: dict[str, list[_Cell]] = {}
    for cell in map(_cell, files):
        assert cell is not None
        groups.setdefault(cell.set or cell.form, []).append(cell)
    return sorted({_set_of(folder, name, cells, files) for name, cells in groups.items()})


def needlebench_files(folder: Path, benchmark: Benchmark, ignore_unknown: bool) -> Found:  # noqa: ARG001
    """The cells of each task of the set; those of other sets, and other data sets, are left out."""
    files, others = parts_by_name(folder, is_cell)
    found: dict[str, list[Path]] = {}
    odd: dict[str, list[str]] = {}
    for name, paths in sorted(files.items()):
        cell = _cell(name)
        assert cell is not None
        task = _task_of(benchmark.spec, cell)
        if task is None:
            others.append(name)
        elif _is_on_grid(benchmark.spec.tasks[task], cell):
            found.setdefault(task, []).extend(paths)
        else:
            odd.setdefault(task, []).append(name)
    if not found and not odd:
        raise DataError(f"{folder}: no file is named like a cell of {benchmark.spec.name}")
    if not found:
        names = [name for cells in odd.values() for name in cells]
        raise DataError(
            f"{folder}: no cell is of the grid of {benchmark.spec.name}, which {shown(names)} are not: "
            "these are outputs of other lengths or depths"
        )
    notes = [f"{len(others)} other data sets in the folder are left out: {shown(others)}"] if others else []
    notes += _doubtful(benchmark.spec, files)
    notes += [_off_grid(benchmark.spec, task, names, files) for task, names in odd.items()]
    return Found(found, notes)


def _off_grid(spec: BenchmarkSpec, task: str, names: Sequence[str], files: Mapping[str, Sequence[Path]]) -> str:
    """That cells are no part of the task, and how many of its own are missing, which they do not stand for."""
    rows = sum(1 for name in names for _ in numbered_rows(files[name]))
    cells = [cell for cell in map(_cell, files) if cell is not None and _task_of(spec, cell) == task]
    missing = _grid_size(spec.tasks[task]) - sum(_is_on_grid(spec.tasks[task], cell) for cell in cells)
    of_grid = f"{missing} cells of the grid are missing" if missing else "no cell of the grid is missing"
    return (
        f"{task}: {len(names)} cells ({rows} rows) are not of the grid of {spec.name} and not in the score: "
        f"{shown(names)}; {of_grid}"
    )


def _is_on_grid(task: TaskSpec, cell: _Cell) -> bool:
    return _has_length(task, cell) and _has_depth(task, cell)


def _grid_size(task: TaskSpec) -> int:
    """Cells of the whole task, which are files of it."""
    settings = task.settings
    if "counts" in settings:
        return len(settings["counts"])
    return len(settings["lengths"]) * (1 if settings["form"] == "multi_retrieval" else len(settings["depths"]))


def _doubtful(spec: BenchmarkSpec, files: Mapping[str, Sequence[Path]]) -> list[str]:
    """That another set fits the cells as well, whose rules may give other scores."""
    cells = [cell for cell in map(_cell, files) if cell is not None and _task_of(spec, cell) is not None]
    others = [load_spec(name) for name in _candidates(cells[0].set or cells[0].form) if name != spec.name]
    alike = [other.name for other in others if _evidence(other, cells, files) == _evidence(spec, cells, files)]
    if not alike or cells[0].form.startswith("atc"):
        return []
    return [f"the cells do not tell {spec.name} from {alike[0]}, whose rules differ: --benchmark chooses"]


def needlebench_rows(benchmark: Benchmark, task: str, paths: Sequence[Path]) -> list[Row]:
    """The rows of all cells of a task."""
    files, _ = parts_by_name(paths[0].parent, is_cell)
    wanted = set(paths)
    rows: list[Row] = []
    for name, parts in sorted(files.items()):
        if not wanted.issuperset(parts):
            continue
        cell = _cell(name)
        assert cell is not None
        for numbered in numbered_rows(parts):
            rows.append(_row(benchmark.spec, task, cell, numbered, len(rows)))
    return rows


def _cell(name: str) -> _Cell | None:
    if found := _GRID.fullmatch(name):
        length, depth, form, needles, language, size, batch = found.groups()
        if (depth is None) != (form == "parallel"):
            return None
        return _Cell(
            name,
            _FORMS.get(form, "multi_reasoning"),
            language,
            int(length),
            None if depth is None else int(depth),
            int(needles or batch or 0),
            f"{size}-batch" if batch else size,
        )
    if found := _FREE.fullmatch(name):
        return _Cell(name, "atc_free", found.group(2), int(found.group(1)), variant=bool(found.group(3)))
    if found := _ATC.fullmatch(name):
        return _Cell(name, "atc", found.group(2).lower(), int(found.group(1)), variant=bool(found.group(3)))
    return None


def _set_of(folder: Path, name: str, cells: Sequence[_Cell], files: Mapping[str, Sequence[Path]]) -> str:
    """The set that these cells are of, by their gold answers, lengths and depths; version 1 where both are alike."""
    candidates = [load_spec(known) for known in _candidates(name)]
    if not candidates:
        raise DataError(f"{folder}: evalkit knows no NeedleBench set {name} ({cells[0].name})")
    return max(candidates, key=lambda spec: _evidence(spec, cells, files)).name


def _evidence(
    spec: BenchmarkSpec, cells: Sequence[_Cell], files: Mapping[str, Sequence[Path]]
) -> tuple[float, float, float]:
    """Shares of the cells whose gold answers, lengths and depths are those of a set."""
    tasks = [_task_of(spec, cell) for cell in cells]
    placed = [(spec.tasks[task], cell) for task, cell in zip(tasks, cells, strict=True) if task is not None]
    golds = sum(_has_gold_of(task, cell, files[cell.name]) for task, cell in placed)
    return (
        golds / len(cells),
        sum(_has_length(task, cell) for task, cell in placed) / len(cells),
        sum(_has_depth(task, cell) for task, cell in placed) / len(cells),
    )


def _candidates(name: str) -> list[str]:
    """The sets that cells of that size or form may be of, the likelier first: version 1, fewer counts."""
    known = benchmark_names()
    if name == "atc_free":
        return [f"{PREFIX}atc"]
    if name == "atc":
        return [each for each in known if each.startswith(f"{PREFIX}atc-")]
    return [each for each in (f"{PREFIX}{name}", f"{PREFIX}v2-{name}") if each in known]


def _has_gold_of(task: TaskSpec, cell: _Cell, paths: Sequence[Path]) -> bool:
    """Whether the gold answers are written as those of the task's version; single needles are written alike in both."""
    settings = task.settings
    if cell.form in ("single", "atc_free"):
        return True
    gold = next((str(row.fields["gold"]) for row in numbered_rows(paths) if row.fields.get("gold")), "")
    if cell.form == "multi_retrieval":
        found = _DEPTHS.fullmatch(gold)
        return found is not None and found.group(1) == "*".join(map(str, settings["depths"]))
    if cell.form == "atc":
        return bool(settings["form"] == "atc_choice") == (_ROTATED.fullmatch(gold) is not None)
    return ("*" in gold) == bool(settings["metric"] == "multi_reasoning_v1")  # version 1 stores answer*answer


def _task_of(spec: BenchmarkSpec, cell: _Cell) -> str | None:
    """The task of a set that the cell belongs to."""
    size = spec.name.removeprefix(PREFIX).removeprefix("v2-")
    if cell.set and cell.set != size:
        return None
    return next((name for name, task in spec.tasks.items() if _is_of(task, cell)), None)


def _is_of(task: TaskSpec, cell: _Cell) -> bool:
    settings = task.settings
    form = settings["form"]
    if settings["language"] != cell.language:
        return False
    if form == "atc_free":
        return cell.form == form and cell.variant == bool(settings["is_ordered"])
    if form == "atc_choice":
        return cell.form == "atc" and cell.variant == str(settings["examples"]).endswith("_reasoning")
    if form == "atc_v2":
        return cell.form == "atc" and not cell.variant
    return bool(form == cell.form and cell.needles in (0, settings["needles"]))


def _has_length(task: TaskSpec, cell: _Cell) -> bool:
    """Whether the set has cells of that length, or stories of that many names."""
    return bool(cell.length in task.settings["counts" if cell.form.startswith("atc") else "lengths"])


def _has_depth(task: TaskSpec, cell: _Cell) -> bool:
    """Whether the set has cells of that depth."""
    return cell.depth is None or cell.depth in task.settings["depths"]


def _row(spec: BenchmarkSpec, task: str, cell: _Cell, row: NumberedRow, index: int) -> Row:
    settings, repeats = spec.tasks[task].settings, spec.tasks[task].settings["repeats"]
    rows = repeats * QUESTIONS.get(settings["form"], 1)
    if row.number >= rows:
        raise DataError(f"{row.place}: {cell.name} has {rows} samples in {spec.name}: these are other outputs")
    targets = gold_texts(row.fields.get("gold"), row.place, "gold")
    metadata, document = _facts(spec, task, cell, row, targets)
    return Row(
        row.place,
        index,
        readable(row.fields.get("prediction")),
        targets,
        {"language": cell.language, **metadata},
        key=f"{cell.name}-{row.number}",
        document=document,
    )


def _facts(
    spec: BenchmarkSpec, task: str, cell: _Cell, row: NumberedRow, targets: Sequence[str]
) -> tuple[dict[str, Any], str]:
    """What scoring and drawing need beyond the texts, and the sample's cluster."""
    settings = spec.tasks[task].settings
    if cell.form == "atc":
        return _story(spec, task, cell, row, targets, is_choice=settings["form"] == "atc_choice")
    if cell.form == "atc_free":
        return {"needles": cell.length}, f"{spec.name}/{task}/{cell.length}/{row.number}"
    axes: dict[str, Any] = {"length": cell.length, "needles": settings["needles"], "repeat": row.number}
    if cell.form == "multi_retrieval":
        found = [_DEPTHS.fullmatch(target) for target in targets]
        if not all(found):
            raise DataError(f"{row.place}: gold answer {targets[0]!r} names no depths: not of multi-needle retrieval")
        depths = [int(depth) for each in found[:1] if each is not None for depth in each.group(1).split("*")]
        axes |= {"depths": tuple(depths), "needles": len(depths) or settings["needles"]}
    else:
        axes["depth"] = cell.depth
    return axes, f"{spec.name}/{cell.language}/seed{row.number}"


def _story(
    spec: BenchmarkSpec, task: str, cell: _Cell, row: NumberedRow, targets: Sequence[str], *, is_choice: bool
) -> tuple[dict[str, Any], str]:
    """The four rotations of a choice are one question about one story; version 2 tells a story for each question."""
    name = f"{cell.length}/{row.number // ROTATIONS if is_choice else row.number}"
    facts: dict[str, Any] = {"needles": cell.length}
    if is_choice and targets:
        found = _ROTATED.fullmatch(targets[0])
        if found is None:
            raise DataError(
                f"{row.place}: gold answer {targets[0]!r} is not STORY--LETTER--ROTATION: not of ATC choice"
            )
        facts |= {"question": name, "rotation": found.group(2)}
    return facts, f"{spec.name}/{task}/{name}"
