"""A sweep as `sweep.json`, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from evalkit.errors import DataError, UserError, one_line, shown
from evalkit.reading import read_json
from evalkit.records import explain

from ._bootstrap import DRAWS
from ._sweep import Sweep

__all__ = ["SWEEP_FILE", "holds_sweep", "read_sweep", "sweep_json"]

SCHEMA = 1
SWEEP_FILE = "sweep.json"
"""Name of the file in a sweep's folder."""
OF_A_SPEC = ("folder", "cells", "holds_to", "pays_from")
"""What stands below the spec rather than below the benchmark."""


def sweep_json(sweep: Sweep) -> dict[str, Any]:
    """What all specs share, then spec → benchmark → its results."""
    benchmarks = {name: asdict(each) for name, each in sweep.benchmarks.items()}
    found = {name: each.pop("specs") for name, each in benchmarks.items()}
    return {
        "schema": SCHEMA,
        "evalkit": version("evalkit"),
        "model": sweep.model,
        "title": sweep.title,
        "window": sweep.window,
        "reference": sweep.specs[0],
        "share": sweep.share,
        "resamples": DRAWS,
        "benchmarks": benchmarks,
        "specs": {
            spec: {"benchmarks": {name: _own(found[name][spec]) for name in found}} for spec in sweep.specs
        },
        "notes": list(sweep.notes),
    }  # fmt: skip


def _own(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: spec[name] for name in OF_A_SPEC}


def holds_sweep(folder: Path) -> bool:
    """Whether a sweep was written there; a name that no folder can have is none."""
    try:
        return (folder / SWEEP_FILE).is_file()
    except OSError:
        return False


def read_sweep(folder: Path) -> Sweep:
    """The sweep that a folder holds; `UserError` where there is none, or one of a later release."""
    path = folder / SWEEP_FILE
    if not holds_sweep(folder):
        raise UserError(f"{folder}: no sweep (it has no {SWEEP_FILE}); `evalkit rope sweep --out {folder}` makes one")
    said = read_json(path)
    try:
        if said["schema"] != SCHEMA:
            raise DataError(f"{path}: schema {said['schema']!r:.20}, and this release reads {SCHEMA}: update evalkit")
        found = TypeAdapter(Sweep).validate_python(
            {name: said[name] for name in ("model", "title", "window", "share", "notes")}
            | {
                "specs": list(said["specs"]),
                "benchmarks": {
                    name: each
                    | {
                        "specs": {
                            spec: {"spec": spec, **found["benchmarks"][name]} for spec, found in said["specs"].items()
                        }
                    }
                    for name, each in said["benchmarks"].items()
                },
            }
        )
    except ValidationError as error:
        raise DataError(f"{path}: not what a sweep writes ({explain(error)}); run the sweep again") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not what a sweep writes ({one_line(error, 120)}); run the sweep again") from error
    if fault := _fault(found):
        raise DataError(f"{path}: not what a sweep writes ({fault}); run the sweep again")
    return found


def _fault(sweep: Sweep) -> str | None:
    """What is wrong with a sweep whose fields are of the right kinds."""
    if not sweep.specs or not sweep.benchmarks:
        return "no spec in it" if not sweep.specs else "no benchmark in it"
    if not all(map(math.isfinite, _floats(asdict(sweep)))):
        return "a number in it is not finite"
    folders = (spec.folder for each in sweep.benchmarks.values() for spec in each.specs.values())
    outside = next((each for each in folders if "\0" in each or not _is_below(each)), None)
    return None if outside is None else f"{shown(outside)} is no folder below it"


def _floats(value: object) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _floats(each)


def _is_below(folder: str) -> bool:
    path = PurePosixPath(folder)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts
