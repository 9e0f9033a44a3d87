"""OpenCompass's output folders, so that its users can score again what they have.

outputs/default/20240911_102030/predictions/my-model/LongBench_hotpotqa.json
    {"0": {"origin_prompt": "…", "prediction": "Gates v. Collier", "gold": ["Miller v. California"]}, "1": {…}}

Large tasks are split: `LongBench_lcc_0.json`, `LongBench_lcc_1.json`. A gold answer is a text, a list of texts, or an
object with `answers` and `all_classes`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from evalkit.errors import DataError, UnknownNameError
from evalkit.tasks import Answer, Benchmark, benchmark_names, load_spec

__all__ = ["guess_benchmark", "model_folder", "opencompass_answers", "opencompass_files"]

_PART = re.compile(r"(.+)_(\d+)")
_FOLDERS = ("*", "predictions/*", "*/predictions/*", "*/*/predictions/*")
"""Where models' folders are below a folder of outputs, a run's (by time) and an experiment's."""


def model_folder(folder: Path) -> Path:
    """The folder with one model's files: the one given, or the only one of the output folder given."""
    if any(folder.glob("*.json")):
        return folder
    found = sorted(
        place for pattern in _FOLDERS for place in folder.glob(f"{pattern}/")
        if any(place.glob("*.json"))
    )  # fmt: skip
    if len(found) == 1:
        return found[0]
    if not found:
        raise DataError(f"{folder}: no *.json file; OpenCompass's predictions are in predictions/MODEL/ of its outputs")
    shown = ", ".join(str(place) for place in found[:3])
    raise DataError(f"{folder}: holds outputs of {len(found)} models ({shown}{'…' * (len(found) > 3)}): name one")


def guess_benchmark(folder: Path) -> str:
    """The benchmark whose OpenCompass abbreviations the files bear; `DataError` for none or several."""
    names = {_abbreviation(path) for path in folder.glob("*.json")}
    found = sorted(benchmark for benchmark, known in _abbreviations().items() if names & known)
    if len(found) == 1:
        return found[0]
    if not found:
        raise DataError(f"{folder}: no file is named like an OpenCompass task that evalkit knows; use --benchmark")
    raise DataError(f"{folder}: holds outputs of {', '.join(found)}: choose one with --benchmark")


def opencompass_files(folder: Path, benchmark: Benchmark, ignore_unknown: bool) -> Iterator[tuple[str, Path]]:
    """Task → its (first) file, of the tasks of this benchmark; those of other benchmarks are not its business."""
    known = _abbreviations()
    foreign = {name for other, names in known.items() if other != benchmark.spec.name for name in names}
    seen: set[str] = set()
    is_any = False
    for path in sorted(folder.glob("*.json")):
        name = _abbreviation(path)
        if name in seen or name in foreign:
            continue
        seen.add(name)
        try:
            yield benchmark.spec.task_name(name), path
            is_any = True
        except UnknownNameError as error:
            if not ignore_unknown:
                raise DataError(f"{path}: {error}; --ignore-unknown leaves it out") from error
    if not is_any:
        raise DataError(f"{folder}: no file is named like an OpenCompass task of {benchmark.spec.name}")


def opencompass_answers(benchmark: Benchmark, task: str, path: Path) -> list[Answer]:
    """The answers of a task in row order; the rows of later parts follow those of the first."""
    answers: list[Answer] = []
    start = 0
    for part in _parts(path):
        rows = _rows(part)
        answers += [_answer(benchmark, task, start + index, row, part) for index, row in rows.items()]
        start += max(rows) + 1
    return answers


@functools.cache
def _abbreviations() -> dict[str, set[str]]:
    """Benchmark name → OpenCompass names of its tasks, for the benchmarks that ship with evalkit."""
    specs = (load_spec(name) for name in benchmark_names())
    return {spec.name: {task.upstream for task in spec.tasks.values() if task.upstream} for spec in specs}


def _abbreviation(path: Path) -> str:
    """The task's OpenCompass name, without the number of a part."""
    part = _PART.fullmatch(path.stem)
    return part.group(1) if part and path.with_name(f"{part.group(1)}_0.json").is_file() else path.stem


def _parts(path: Path) -> list[Path]:
    name = _abbreviation(path)
    if name == path.stem:
        return [path]
    parts = [part for part in path.parent.glob(f"{name}_*.json") if _abbreviation(part) == name]
    parts.sort(key=lambda part: int(part.stem.removeprefix(f"{name}_")))
    for number, part in enumerate(parts):
        if part.stem != f"{name}_{number}":
            raise DataError(f"{path.parent}: part {name}_{number}.json is missing, but {part.name} is there")
    return parts


def _rows(path: Path) -> dict[int, dict[str, Any]]:
    def refuse(constant: str) -> NoReturn:
        raise DataError(f"{path}: {constant} is not JSON: write null or a number")

    try:
        value = json.loads(path.read_bytes(), parse_constant=refuse)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error}): get the file again") from error
    if not isinstance(value, dict) or not value or not all(name.isdecimal() for name in value):
        raise DataError(f"{path}: not an object from row number to prediction, as OpenCompass writes it")
    gold = sum("gold" in row for row in value.values() if isinstance(row, dict))
    if gold != len(value):
        raise DataError(f"{path}: {len(value)} predictions but {gold} gold answers; need as many")
    return {int(name): value[name] for name in sorted(value, key=int)}


def _answer(benchmark: Benchmark, task: str, index: int, row: dict[str, Any], path: Path) -> Answer:
    name, prediction, gold = f"{benchmark.spec.name}/{task}/{index}", row.get("prediction"), row["gold"]
    metadata: dict[str, Any] = {"index": index}
    if isinstance(gold, dict):
        metadata["all_classes"] = gold.get("all_classes")
        gold = gold.get("answers")
    targets = (gold,) if isinstance(gold, str) else gold
    if not isinstance(prediction, str):
        raise DataError(f"{path}: row {index}: 'prediction' is not a text")
    if not isinstance(targets, list | tuple) or not all(isinstance(text, str) for text in targets):
        raise DataError(f"{path}: row {index}: 'gold' is neither a text nor a list of texts")
    return Answer(name, name, prediction, tuple(targets), metadata)
