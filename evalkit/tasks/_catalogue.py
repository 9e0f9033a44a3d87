"""Where benchmark definitions are: the YAML files that ship with evalkit, and those in folders of other packages.

A file of one benchmark is called as the benchmark is; a file with `sets` defines one benchmark for each of them.
A file of samples (`*.jsonl`) is a benchmark too: the shipped one of own samples, asked of that file.
Packages are looked at only for a name that evalkit itself does not have, so that none can break a shipped benchmark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from evalkit.errors import DataError, PluginError, UnknownNameError, one_line
from evalkit.paths import shipped
from evalkit.plugins import load_point, package_of, plugins
from evalkit.reading import read_yaml

__all__ = [
    "Definition",
    "InstalledBenchmarks",
    "benchmark_names",
    "find_definition",
    "installed_benchmarks",
    "is_definition",
    "is_sample_file",
    "read_definition",
]

GROUP = "evalkit.benchmarks"
SAMPLES = ".jsonl"
"""Ending of a file of samples."""


class Definition(NamedTuple):
    """Where a benchmark is defined."""

    path: Path
    """Its YAML file."""
    set_name: str = ""
    """Its set in there; empty where the file defines one benchmark."""
    samples: str = ""
    """The file of samples that it is made for; empty where it has data of its own."""


class InstalledBenchmarks(NamedTuple):
    """The benchmarks of other packages."""

    found: dict[str, Definition]
    """Name → definition, by name."""
    problems: tuple[str, ...]
    """What of the packages cannot be used, a line each."""


def benchmark_names() -> list[str]:
    """Names of the benchmarks that ship with evalkit, sorted."""
    return sorted(name for path in shipped("benchmarks").glob("*.yaml") for name in _names(path, read_definition(path)))


def installed_benchmarks() -> InstalledBenchmarks:
    """The benchmarks that installed packages offer under the entry point group `evalkit.benchmarks`."""
    offers: dict[str, dict[str, Definition]] = {}
    problems: list[str] = []
    for point in plugins(GROUP):
        try:
            for name, definition in _definitions(point):
                offers.setdefault(name, {})[package_of(point)] = definition
        except (PluginError, DataError) as error:
            problems.append(str(error))
    problems += filter(None, (_collision(name, list(offers[name])) for name in offers))
    found = {name: next(iter(offers[name].values())) for name in sorted(offers) if not _collision(name, offers[name])}
    return InstalledBenchmarks(found, tuple(problems))


def _collision(name: str, packages: Collection[str]) -> str:
    """Why nobody may have that name, in one line; empty where one package alone offers it."""
    if _shipped(name) is not None:
        return f"{' and '.join(packages)}: benchmark {name!r} ships with evalkit; give it another name"
    if len(packages) > 1:
        return f"benchmark {name!r} is offered by {' and '.join(packages)}: uninstall one of them"
    return ""


def find_definition(name_or_path: str) -> Definition:
    """Where that name, or that YAML file (`FILE#SET` for one of several) or file of samples, is defined.

    Raises `UnknownNameError` for a name that nobody has.
    """
    if is_sample_file(name_or_path):
        return Definition(shipped("benchmarks") / "samples.yaml", samples=name_or_path)
    path, _, name = name_or_path.partition("#")
    if Path(path).suffix in {".yaml", ".yml"}:
        return Definition(Path(path), name)
    return _shipped(name_or_path) or _installed(name_or_path)


def is_sample_file(name: str) -> bool:
    """Whether a benchmark is named by a file of samples: `FILE.jsonl`."""
    return Path(name).suffix == SAMPLES


def is_definition(path: Path) -> bool:
    """Whether a YAML file defines benchmarks, and not a model; `DataError` for a file that is no mapping."""
    return not {"kind", "tasks", "protocols", "sets"}.isdisjoint(read_definition(path))


def _shipped(name: str) -> Definition | None:
    files = {path.stem: path for path in sorted(shipped("benchmarks").glob("*.yaml"))}
    if name in files and "sets" not in read_definition(files[name]):
        return Definition(files[name])
    for path in files.values():
        if name.startswith(f"{path.stem}-") and name in read_definition(path).get("sets", {}):
            return Definition(path, name)
    return None


def _installed(name: str) -> Definition:
    found, problems = installed_benchmarks()
    if name not in found:
        raise UnknownNameError("benchmark", name, [*benchmark_names(), *found], hint="; ".join(problems))
    return found[name]


def _definitions(point: EntryPoint) -> Iterator[tuple[str, Definition]]:
    """Name and place of each benchmark in the folder of a package."""
    folder = _folder(point)
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise PluginError(f"{package_of(point)}: no *.yaml in {folder}, where it says its benchmarks are")
    for path in paths:
        raw = read_definition(path)
        if "sets" not in raw and raw.get("name") != path.stem:
            raise PluginError(
                f"{package_of(point)}: {path} defines {raw.get('name')!r}; call file and benchmark the same"
            )
        for name in _names(path, raw):
            yield name, Definition(path, name if "sets" in raw else "")


def _folder(point: EntryPoint) -> Path:
    """The folder that an entry point means: a path, what gives one when called, or a package with files beside it."""
    value = load_point(point)
    try:
        value = value() if callable(value) else value
    except Exception as error:  # the code of another package may raise anything
        reason = one_line(f"{type(error).__name__}: {error}", 200)
        raise PluginError(f"{package_of(point)}: {point.value}() fails ({reason}); correct or uninstall it") from error
    if isinstance(value, ModuleType):
        value = next(iter(getattr(value, "__path__", [])), None)  # a lone module has no folder of its own
    if not isinstance(value, str | Path):
        raise PluginError(
            f"{package_of(point)}: {GROUP} {point.value} is no folder; name a package, or a path in a module"
        )
    if not Path(value).is_dir():
        raise PluginError(f"{package_of(point)}: the folder of its benchmarks is not there ({value}); install it again")
    return Path(value)


def _names(path: Path, raw: dict[str, Any]) -> list[str]:
    return [str(name) for name in raw["sets"]] if isinstance(raw.get("sets"), dict) else [path.stem]


def read_definition(path: Path) -> dict[str, Any]:
    """What a definition says, unchecked; `DataError` for a file that is no mapping."""
    value = read_yaml(path)
    if not isinstance(value, dict):
        raise DataError(f"{path}: not a benchmark definition; see `evalkit benchmarks show`")
    return value
