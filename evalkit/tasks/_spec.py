"""Benchmark definitions: the YAML files of `benchmarks/`, typed.

A benchmark names its tasks, where its data comes from, and the protocols under which it is run and scored.
What cannot be said as data (reading records, choosing a metric) is a Python class, found by the benchmark's `kind`
(see `_kinds.py`). A file with `sets` defines several benchmarks, each a row that the class writes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from evalkit.errors import DataError, UnknownNameError, one_line, shown
from evalkit.paths import shipped
from evalkit.records import Amount, Count, FrozenRecord, Number, explain

from ._catalogue import find_definition, read_definition
from ._kinds import kind_factory
from ._options import expand

__all__ = [
    "BenchmarkSpec",
    "GroupSpec",
    "OptionSpec",
    "ProtocolSpec",
    "TaskSpec",
    "benchmarks_with_task",
    "load_spec",
]

MOST_STEPS = 100  # of one sample


class TaskSpec(FrozenRecord):
    """One task of a benchmark."""

    title: str = ""
    """Name as people print it."""
    group: str
    """Name of the group whose mean this task enters."""
    file: str = ""
    """Data file inside the source."""
    upstream: str = ""
    """The task's name in OpenCompass; empty where it lacks the task."""
    expected: dict[str, Amount | None] = {}
    """Protocol → number of samples of the full task; null where the data is not published in full, or the benchmark
    counts them itself."""
    settings: dict[str, Any] = {}
    """What the benchmark's module needs to know about the task."""


class GroupSpec(FrozenRecord):
    """Tasks whose mean is reported."""

    title: str
    """Name as people print it."""
    in_overall: bool = True
    """Whether the overall score averages over this group."""
    weight: Annotated[Number, Field(gt=0)] = 1.0
    """Its weight in the overall score."""
    members: dict[str, Annotated[Number, Field(gt=0)]] = {}
    """Task, or group above this one → weight in the mean; empty = the tasks that name this group, plain mean."""


class ProtocolSpec(FrozenRecord):
    """A named way to run and score a benchmark."""

    meaning: str
    """One sentence: whose numbers this protocol reproduces."""
    source: str
    """Where its constants come from."""
    scoring: str
    """Name of the scoring dialect."""
    prompts: str = ""
    """Prompt source; empty where evalkit cannot generate under this protocol."""
    refusal: str = ""
    """Why generating is refused, where it is."""
    truncation: str = "middle"
    """Truncation mode, one of those in `docs/truncation.md`."""
    max_seq_len: Count | None = None
    """Window the published set-up used; null = the model's own."""
    steps: Annotated[Count, Field(le=MOST_STEPS)] = 1
    """Most questions asked per sample; 2 for a chain of thought that is then asked for its answer."""
    reasoning: Literal["apart", "scored"] = "apart"
    """Whether thoughts of a model are stored apart from its answer and not scored, or are part of it, as where the
    published set-up scored all that was generated."""
    options: dict[str, Any] = {}
    """Protocol settings that only this benchmark knows."""


class OptionSpec(FrozenRecord):
    """One thing about a benchmark that its user may set: `--NAME` on the command line."""

    about: str
    """What it sets, for people."""
    default: str = ""
    """Its value where the user gives none, as it would be written."""
    choices: list[str] = []
    """All values it may have; empty = not a closed set."""
    is_path: bool = False
    """It names a file or folder; the content, not the place, is part of a run's identity."""
    grows: Literal["", "list", "count", "report"] = ""
    """`list` and `count`: it only chooses samples, so that a run may go on with other values; `report`: it only
    changes what is reported. None of these is part of identity."""
    selects: str = ""
    """Setting of a task that must be among the values for the task to be run; empty = it selects no tasks."""


class BenchmarkSpec(FrozenRecord):
    """One benchmark, as its YAML file says it."""

    name: str
    """Name on the command line."""
    title: str
    """Name as people print it."""
    kind: str
    """Which class reads and scores it."""
    about: str
    """One paragraph for people."""
    source: str
    """Name of its pinned data source; empty where the benchmark makes its samples itself."""
    homepage: str = ""
    """Web page of the benchmark."""
    default_protocol: str
    """Protocol of a run that names none."""
    tasks: dict[str, TaskSpec]
    """Task name → task, in the order of printed tables."""
    groups: dict[str, GroupSpec] = {}
    """Group name → group, in printed order."""
    options: dict[str, OptionSpec] = {}
    """Option name → option; the benchmark's class gets their values."""
    overall: str = ""
    """The rule of the overall score, in words."""
    protocols: dict[str, ProtocolSpec] = Field(min_length=1)
    """Protocol name → protocol."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if self.default_protocol not in self.protocols:
            raise ValueError(f"default_protocol: no protocol {shown(self.default_protocol, 40)} among protocols")
        for name, group in self.groups.items():
            if name in self.tasks:
                raise ValueError(f"groups.{name}: a task is called so too; give the group another name")
            unknown = next((each for each in group.members if each not in {*self.tasks, *self.groups}), None)
            if unknown is not None:
                raise ValueError(f"groups.{name}.members: {shown(unknown, 40)} is neither a task nor a group")
        self._check_rings()
        return self

    def _check_rings(self) -> None:
        """Raise `ValueError` where a group holds itself, through others or not."""
        waiting = {name: set(group.members) & set(self.groups) for name, group in self.groups.items()}
        while waiting:
            free = [name for name, inner in waiting.items() if not inner & set(waiting)]
            if not free:
                raise ValueError(f"groups.{min(waiting)}.members: a group that holds itself")
            for name in free:
                del waiting[name]

    def protocol(self, name: str | None) -> ProtocolSpec:
        """The protocol of that name, or the default one; `UnknownNameError` where there is none."""
        name = name or self.default_protocol
        if name not in self.protocols:
            raise UnknownNameError(f"protocol of {self.name}", name, self.protocols)
        return self.protocols[name]

    def task_names(self, name: str) -> list[str]:
        """The tasks that a name stands for: a task's own or OpenCompass name, or a group; `UnknownNameError` else."""
        members = [] if name in self.tasks else self.members(name) if name in self.groups else []
        return members or [self.task_name(name)]

    def selected(self, options: Mapping[str, str]) -> list[str]:
        """The tasks whose settings are among the values of every option that selects tasks, in order."""
        limits = {
            option.selects: expand(options[name])
            for name, option in self.options.items()
            if option.selects and name in options
        }
        return [
            name
            for name, task in self.tasks.items()
            if all(str(task.settings.get(setting)) in values for setting, values in limits.items())
        ]

    def members(self, group: str) -> list[str]:
        """The tasks of a group, groups inside it included, in the benchmark's order."""
        named = self.groups[group].members
        if not named:
            return [name for name, task in self.tasks.items() if task.group == group]
        inner = {task for name in named for task in (self.members(name) if name in self.groups else [name])}
        return [name for name in self.tasks if name in inner]

    def task_name(self, name: str) -> str:
        """The task's own name, given that or its OpenCompass name; `UnknownNameError` otherwise."""
        if name in self.tasks:
            return name
        aliases = {task.upstream: key for key, task in self.tasks.items() if task.upstream}
        if name in aliases:
            return aliases[name]
        raise UnknownNameError(f"task of {self.name}", name, self.tasks)

    def has_task(self, task: str, protocol: str) -> bool:
        """Whether the protocol scores that task at all."""
        return protocol in self.tasks[task].expected


def load_spec(name_or_path: str) -> BenchmarkSpec:
    """The benchmark of that name, evalkit's own or an installed package's, or of that file.

    Files are YAML files (`FILE#SET` for a set) and files of samples (`FILE.jsonl`).

    Raises `UnknownNameError`, `DataError` or `PluginError`.
    """
    path, name, samples = find_definition(name_or_path)
    try:
        raw = read_definition(path)
        if samples:
            return BenchmarkSpec.model_validate(kind_factory(raw["kind"]).expand_file(raw, Path(samples)))
        spec = BenchmarkSpec.model_validate(_set(path, raw, name) if "sets" in raw else raw)
    except ValidationError as error:
        raise DataError(f"{path}: {explain(error)}") from error
    if name and spec.name != name:
        raise DataError(f"{path}: set {name}: its definition is called {spec.name!r}; call it as the set")
    return spec


def benchmarks_with_task(name: str) -> list[str]:
    """The shipped benchmarks, sets left aside, that have a task of that very name: where a user may have meant it."""
    files = {path.stem: read_definition(path) for path in sorted(shipped("benchmarks").glob("*.yaml"))}
    return sorted(stem for stem, raw in files.items() if "sets" not in raw and name in (raw.get("tasks") or {}))


def _set(path: Path, raw: dict[str, Any], name: str) -> dict[str, Any]:
    """The definition of one set, as the kind's class makes it with `expand_set(raw, name)`."""
    if not isinstance(raw["sets"], dict):
        raise DataError(f"{path}: sets: expected a mapping from name to row, found {shown(raw['sets'], 40)}")
    if name not in raw["sets"]:
        raise UnknownNameError(f"set of {path}", name, raw["sets"], hint="write FILE#SET")
    expand_set = getattr(kind_factory(str(raw.get("kind"))), "expand_set", None)
    if expand_set is None:
        raise DataError(f"{path}: kind {raw.get('kind')!r} has no sets; write one file per benchmark")
    try:
        made: dict[str, Any] = expand_set(raw, name)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, ValidationError):
            raise
        reason = one_line(f"{type(error).__name__}: {error}", 200)
        raise DataError(f"{path}: set {name}: cannot be made of this row ({reason})") from error
    return made
