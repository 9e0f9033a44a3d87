"""`setups.yaml`: how the runs behind published numbers were made, one entry a publication and column.

    opencompass-page/gpt-4:
      like: opencompass-page
      knobs:
        engine: {value: endpoint, basis: inferred, source: "a hosted model"}

`like` names the entry whose knobs and run it takes over; what it says itself wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from evalkit.errors import DataError, UnknownNameError, shown
from evalkit.reading import read_yaml

from ._digits import is_digits
from ._records import BASES, KNOBS, Knob, unknown_knob

__all__ = ["NO_SETUP", "Setup", "make_knob", "read_setups"]

_FIELDS = {"like", "knobs", "run"}
_RUNS = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True)
class Setup:
    """How the numbers of one column were made."""

    knobs: Mapping[str, Knob]
    """All of `KNOBS`, in that order."""
    run: Mapping[str, Any]
    """Values of `RunSettings` that run it as published."""


NO_SETUP = Setup(MappingProxyType({name: unknown_knob(name) for name in KNOBS}), MappingProxyType({}))
"""Where nothing is described."""


def read_setups(folder: Path) -> Mapping[str, Setup]:
    """The setups described in a folder, by id; empty where it has no `setups.yaml`. `DataError` for a damaged one."""
    path = folder / "setups.yaml"
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else {}


@lru_cache(maxsize=4)
def _read(path: Path, _written: int) -> Mapping[str, Setup]:
    """The file's setups, read again when it was written again."""
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise DataError(f"{path}: expected a mapping from id to setup, found {shown(raw, 40)}")
    setups: dict[str, Setup] = {}
    for name, entry in raw.items():
        setups[str(name)] = _setup(f"{path}: {name}", entry, setups)
    return MappingProxyType(setups)


def _setup(where: str, entry: Any, earlier: Mapping[str, Setup]) -> Setup:
    if not isinstance(entry, dict) or not entry.keys() <= _FIELDS:
        raise DataError(f"{where}: expected a mapping of {', '.join(sorted(_FIELDS))}, found {shown(entry, 60)}")
    base = NO_SETUP
    if "like" in entry:
        if str(entry["like"]) not in earlier:
            raise DataError(f"{where}: like: {shown(entry['like'], 40)} is no entry above it")
        base = earlier[str(entry["like"])]
    own = dict(_knobs(where, entry.get("knobs") or {}))
    run = entry.get("run") or {}
    if not isinstance(run, dict):
        raise DataError(f"{where}: run: expected a mapping of settings, found {shown(run, 40)}")
    return Setup(MappingProxyType({**base.knobs, **own}), _merged(base.run, run))


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> Mapping[str, Any]:
    """Both, the second one winning; null takes a setting away."""
    return MappingProxyType({name: value for name, value in {**base, **own}.items() if value is not None})


def _knobs(where: str, raw: Any) -> Iterator[tuple[str, Knob]]:
    if not isinstance(raw, dict):
        raise DataError(f"{where}: knobs: expected a mapping from knob to value, basis, source, found {shown(raw, 40)}")
    for name, entry in raw.items():
        if name not in KNOBS:
            raise DataError(f"{where}: {UnknownNameError('knob', str(name), KNOBS)}")
        if not isinstance(entry, dict) or entry.keys() - {"value"} != {"basis", "source"}:
            raise DataError(f"{where}: {name}: expected value, basis and source, found {shown(entry, 60)}")
        yield name, make_knob(name, str(entry.get("value", "unknown")), entry["basis"], entry["source"], where)


def make_knob(name: str, value: str, basis: Any, source: Any, where: str) -> Knob:
    """The knob, checked; `DataError` that begins with `where`."""
    if basis not in BASES:
        raise DataError(f"{where}: {name}: expected one of {', '.join(BASES)}, found {shown(basis, 40)}")
    if (value == "unknown") is not (basis == "unknown"):
        raise DataError(f"{where}: {name}: {basis} with value {value!r}: a value is unknown where its basis is")
    if name == "runs" and basis != "unknown" and not _RUNS.fullmatch(value):
        raise DataError(f"{where}: runs: expected a whole number from 1 to 999999, found {shown(value, 40)}")
    if name == "digits" and not is_digits(value):
        raise DataError(f"{where}: digits: expected rounded:N, truncated:N or unknown, found {shown(value, 40)}")
    return Knob(name, value, basis, str(source))
