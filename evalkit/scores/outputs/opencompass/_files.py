"""The folders and files that OpenCompass writes, whatever the benchmark.

outputs/default/20240911_102030/predictions/my-model/LongBench_hotpotqa.json
    {"0": {"origin_prompt": "…", "prediction": "Gates v. Collier", "gold": ["Miller v. California"]}, "1": {…}}

Large tasks are split: `LongBench_lcc_0.json`, `LongBench_lcc_1.json`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.data import read_document
from evalkit.errors import DataError

__all__ = ["NumberedRow", "model_folder", "numbered_rows", "parts_by_name", "shown"]

_PART = re.compile(r"(.+)_(\d{1,6})")
_ROW = re.compile(r"0|[1-9][0-9]{0,8}")
"""How OpenCompass writes a row number; "00" beside "0" would be two rows of one number."""
_FOLDERS = ("*", "predictions/*", "*/predictions/*", "*/*/predictions/*")
"""Where models' folders are below a folder of outputs, a run's (by time) and an experiment's."""
SUFFIXES = (".json", ".json.gz")
SHOWN = 3


class NumberedRow(NamedTuple):
    """One row of a prediction file."""

    place: str
    """File and row number, for messages."""
    number: int
    """Row number in the task, over all its parts."""
    fields: dict[str, Any]
    """`prediction`, `gold` and whatever else is there."""


def model_folder(folder: Path) -> Path:
    """The folder with one model's files: the one given, or the only one of the output folder given."""
    if _json_files(folder):
        return folder
    found = sorted(
        place for pattern in _FOLDERS for place in folder.glob(f"{pattern}/")
        if _json_files(place)
    )  # fmt: skip
    if len(found) == 1:
        return found[0]
    if not found:
        raise DataError(f"{folder}: no *.json file; OpenCompass's predictions are in predictions/MODEL/ of its outputs")
    raise DataError(f"{folder}: holds outputs of {len(found)} models ({shown(list(map(str, found)))}): name one")


def shown(names: Sequence[str]) -> str:
    """The first few names, for messages."""
    return ", ".join(names[:SHOWN]) + "…" * (len(names) > SHOWN)


def parts_by_name(folder: Path, is_known: Callable[[str], bool]) -> tuple[dict[str, list[Path]], list[str]]:
    """Data set name → its file or its parts in order, of those that are known; and the names of the others."""
    whole: dict[str, Path] = {}
    parts: dict[str, dict[int, Path]] = {}
    others = []
    for path in _json_files(folder):
        name = _stem(path)
        part = _PART.fullmatch(name)
        if is_known(name):
            if name in whole:
                raise DataError(f"{folder}: {whole[name].name} and {path.name} are both {name}: keep one")
            whole[name] = path
        elif part is not None and is_known(part.group(1)):
            parts.setdefault(part.group(1), {})[int(part.group(2))] = path
        else:
            others.append(name)
    for name, numbered in parts.items():
        _check_parts(folder, name, whole.get(name), numbered)
    files = {name: [path] for name, path in whole.items()}
    return files | {name: [numbered[number] for number in sorted(numbered)] for name, numbered in parts.items()}, others


def numbered_rows(paths: Sequence[Path]) -> Iterator[NumberedRow]:
    """The rows of a data set in order; the rows of later parts follow those of the first."""
    start = 0
    for path in paths:
        rows = _rows(path)
        for index, fields in rows.items():
            yield NumberedRow(f"{path}: row {index}", start + index, fields)
        start += max(rows) + 1


def _json_files(folder: Path) -> list[Path]:
    return sorted(path for suffix in SUFFIXES for path in folder.glob(f"*{suffix}"))


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".json")


def _check_parts(folder: Path, name: str, whole: Path | None, parts: dict[int, Path]) -> None:
    if whole is not None:
        one = parts[min(parts)].name
        raise DataError(f"{folder}: {whole.name} and its part {one} are both there: keep the whole file or the parts")
    missing = next((number for number in range(len(parts)) if number not in parts), None)
    if missing is not None:
        last = parts[max(parts)].name
        raise DataError(f"{folder}: part {name}_{missing}.json is missing, but {last} is there")


def _rows(path: Path) -> dict[int, dict[str, Any]]:
    value = read_document(path)
    if not isinstance(value, dict) or not value or not all(_ROW.fullmatch(name) for name in value):
        raise DataError(f"{path}: not an object from row number to prediction, as OpenCompass writes it")
    for name, row in value.items():
        if not isinstance(row, dict):
            raise DataError(f"{path}: row {name}: not an object with prediction and gold: repair or remove it")
    if not any("prediction" in row for row in value.values()):
        raise DataError(f"{path}: no row has a 'prediction': not an output of OpenCompass's inference")
    if not any("gold" in row for row in value.values()):
        raise DataError(f"{path}: no row has a 'gold' answer: they cannot be scored without")
    return {int(name): value[name] for name in sorted(value, key=int)}
