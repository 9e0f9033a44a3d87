"""A sweep as `sweep.json`, and back."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from evalkit.errors import DataError, UserError, one_line
from evalkit.reading import read_json

from ._bootstrap import DRAWS
from ._sweep import Sweep

__all__ = ["SWEEP_FILE", "read_sweep", "sweep_json"]

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


def read_sweep(folder: Path) -> Sweep:
    """The sweep that a folder holds; `UserError` where there is none, or one of a later release."""
    path = folder / SWEEP_FILE
    if not path.is_file():
        raise UserError(f"{folder}: no sweep (it has no {SWEEP_FILE}); `evalkit rope sweep --out {folder}` makes one")
    said = read_json(path)
    try:
        if said["schema"] != SCHEMA:
            raise DataError(f"{path}: schema {said['schema']!r:.20}, and this release reads {SCHEMA}: update evalkit")
        return TypeAdapter(Sweep).validate_python(
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
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not what a sweep writes ({one_line(error, 120)}); run the sweep again") from error
