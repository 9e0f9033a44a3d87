"""Which benchmarks, tasks and samples a run really asks: `--task`, `--samples`, and the data that is at hand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.data import Located, MissingFileError, locate, source
from evalkit.errors import DataError, UnknownNameError, UserError
from evalkit.printable import counted
from evalkit.reading import read_text
from evalkit.seeds import content_seed
from evalkit.settings import RunSettings
from evalkit.tasks import Benchmark, BenchmarkSpec, benchmarks_with_task

__all__ = ["Selection", "asked_tasks", "left_out", "locate_tasks", "parse_samples"]

RANDOM = re.compile(r"random:(\d{1,9})(?::(\d{1,18}))?")
LARGEST_LIST = 2**26  # bytes of a file of ids: a million of them
FORMS = "BENCHMARK/TASK/INDEX (leval/quality/3), several with commas, @FILE of them, or random:N[:SEED]"


@dataclass(frozen=True)
class Selection:
    """Samples chosen by id, or some of each task drawn at random."""

    ids: tuple[str, ...] = ()
    """Sample ids in the order given; empty for a draw."""
    count: int = 0
    """Samples drawn of each task; 0 for ids."""
    seed: int = 0
    """Seed of the draw."""

    def names(self, benchmark: str) -> bool:
        """Whether any sample of the benchmark may be chosen."""
        return not self.ids or any(_parts(each)[0] == benchmark for each in self.ids)

    def tasks(self, spec: BenchmarkSpec) -> list[str]:
        """The tasks that the ids belong to, in the benchmark's order; none for a draw, which is of every task."""
        named = {_parts(each)[1] for each in self.ids if _parts(each)[0] == spec.name}
        for task in sorted(named - spec.tasks.keys()):
            raise UnknownNameError(f"task of {spec.name} in --samples", task, spec.tasks)
        return [task for task in spec.tasks if task in named]

    def chosen(self, benchmark: str, task: str, ids: Callable[[], Iterable[str]]) -> frozenset[str]:
        """The chosen samples of a task, of all that `ids` gives; `UserError` for one that is not among them.

        A draw with the same seed and a larger count has every sample of the smaller one, so that a run goes on.
        """
        if self.count:
            ranked = sorted(ids(), key=lambda name: (content_seed("samples", self.seed, name), name))
            return frozenset(ranked[: self.count])
        wanted = [each for each in self.ids if _parts(each)[:2] == (benchmark, task)]
        there = list(ids())
        known = frozenset(there)
        for name in wanted:
            if name not in known:
                ends = f"from {there[0]} to {there[-1]}" if there else "none is there"
                raise UserError(f"--samples {name}: no such sample; {task} has {len(there)}, {ends}")
        return frozenset(wanted)

    def described(self, sizes: Sequence[int]) -> str:
        """What is chosen, in words; `sizes` are the numbers of chosen samples, task by task."""
        if not self.count:
            return f"only {counted(len(self.ids), 'sample')} chosen by id"
        draw = f"{counted(self.count, 'random sample')} of each task (seed {self.seed})"
        if not (short := sum(size < self.count for size in sizes)):
            return f"only {draw}"
        return f"at most {draw}: all there are in {short} of {counted(len(sizes), 'task')}"


def parse_samples(text: str | None) -> Selection | None:
    """What `--samples` says; None where nothing is said, `UserError` for what it cannot be."""
    if text is None:
        return None
    if match := RANDOM.fullmatch(text):
        count, seed = int(match[1]), int(match[2] or 0)
        if not count:
            raise UserError(f"--samples {text}: draws nothing; draw 1 or more")
        return Selection(count=count, seed=seed)
    words = _lines(Path(text[1:])) if text.startswith("@") else text.split(",")
    ids = tuple(dict.fromkeys(word.strip() for word in words if word.strip()))
    if not ids:
        raise UserError(f"--samples {text}: names no sample; give {FORMS}")
    for name in ids:
        if len(name.split("/", 2)) < 3 or not all(name.split("/", 2)):
            raise UserError(f"--samples {name:.80}: give {FORMS}")
    return Selection(ids)


def _lines(path: Path) -> list[str]:
    """The lines of a file of ids, but comments."""
    try:
        lines = read_text(path, LARGEST_LIST).splitlines()
    except UserError as error:
        raise UserError(f"--samples @{error}") from error
    return [line.partition("#")[0] for line in lines]


def _parts(name: str) -> tuple[str, str]:
    benchmark, task, _ = name.split("/", 2)
    return benchmark, task


def _has_task(spec: BenchmarkSpec, name: str) -> bool:
    """Whether a name stands for tasks of the benchmark: a task's own or OpenCompass name, or a group."""
    try:
        return bool(spec.task_names(name))
    except UnknownNameError:
        return False


def asked_tasks(spec: BenchmarkSpec, settings: RunSettings, selection: Selection | None) -> list[str]:
    """The tasks that `--task` and `--samples` name; of several benchmarks a task belongs to those that have it."""
    known = [name for name in settings.tasks if len(settings.benchmarks) == 1 or _has_task(spec, name)]
    named = [task for name in known for task in spec.task_names(name)]
    of_samples = selection.tasks(spec) if selection is not None else []
    if named and of_samples and not set(of_samples) <= set(named):
        outside = next(task for task in of_samples if task not in named)
        raise UserError(f"--samples names {outside}, which --task leaves out: leave --task out")
    return of_samples or named or list(spec.tasks)


def left_out(specs: Sequence[BenchmarkSpec], tasks: Sequence[str], selection: Selection | None) -> dict[str, str]:
    """Benchmark → why a run of several leaves it out; `UserError` for a task or sample that is of none of them."""
    _check_tasks(specs, tasks)
    _check_samples(specs, selection)
    reasons = {}
    for spec in specs:
        if tasks and not any(_has_task(spec, name) for name in tasks):
            reasons[spec.name] = f"left out, it has no task {', '.join(tasks)}"
        elif selection is not None and not selection.names(spec.name):
            reasons[spec.name] = "left out, --samples names none of it"
    if len(reasons) == len(specs):
        raise UserError(f"--task {', '.join(tasks)} and --samples leave nothing of {', '.join(reasons)}")
    return reasons


def _check_tasks(specs: Sequence[BenchmarkSpec], tasks: Sequence[str]) -> None:
    """Raise for a task that no benchmark has, with the nearest one of all of them."""
    for name in tasks:
        if not any(_has_task(spec, name) for spec in specs):
            known = {each for spec in specs for each in (*spec.tasks, *spec.groups)}
            kind, others = f"task of {', '.join(spec.name for spec in specs)}", benchmarks_with_task(name)
            raise UnknownNameError(kind, name, known, hint=f"it is one of {', '.join(others)}" if others else "")


def _check_samples(specs: Sequence[BenchmarkSpec], selection: Selection | None) -> None:
    named = [_parts(each)[0] for each in selection.ids] if selection is not None else []
    known = [spec.name for spec in specs]
    for name in named:
        if name not in known:
            raise UnknownNameError("benchmark in --samples", name, known, hint="samples are of the benchmarks that run")


def locate_tasks(
    benchmark: Benchmark, tasks: list[str], settings: RunSettings
) -> tuple[dict[str, dict[str, Located]], tuple[str, ...]]:
    """Task → files at hand, and the tasks that `--partial` leaves out."""
    if not benchmark.spec.source:
        if settings.data is not None:
            raise UserError(
                f"--data {settings.data}: {benchmark.spec.name} is made here and reads no data; leave it out"
            )
        return {task: {} for task in tasks}, ()
    origin = source(benchmark.spec.source)
    found: dict[str, dict[str, Located]] = {}
    missing = []
    for task in tasks:
        try:
            found[task] = _files(benchmark, task, settings, download=not settings.partial)
        except MissingFileError:
            if not settings.partial:
                raise
            missing.append(task)
        except DataError as error:
            raise DataError(f"{error}{_what_is_at_hand(benchmark, tasks, task, settings)}") from error
    if not found:
        raise DataError(
            f"{benchmark.spec.name}: no data of {', '.join(tasks[:4])}{'…' if len(tasks) > 4 else ''} at hand; "
            f"run: evalkit data fetch {origin.name}, or name the folder with --data"
        )
    return found, tuple(missing)


def _files(benchmark: Benchmark, task: str, settings: RunSettings, *, download: bool) -> dict[str, Located]:
    """The files that a task reads."""
    return {
        name: locate(
            source(benchmark.spec.source),
            name,
            folder=settings.data,
            partial=settings.partial,
            download=download,
            elsewhere=settings.data is None,  # a test of changed data must not silently use the standard one
        )
        for name in benchmark.files(task)
    }


def _what_is_at_hand(benchmark: Benchmark, tasks: Sequence[str], task: str, settings: RunSettings) -> str:
    """How to go on where a task's data could not be downloaded; empty where it is there, but not as it should be."""
    if settings.partial or _is_at_hand(benchmark, task, settings):
        return ""
    there = [each for each in tasks if _is_at_hand(benchmark, each, settings)]
    if not there:
        return f"; no data of {benchmark.spec.name} is on this machine"
    return f"; --partial runs the {len(there)} of {len(tasks)} tasks whose data is at hand"


def _is_at_hand(benchmark: Benchmark, task: str, settings: RunSettings) -> bool:
    try:
        _files(benchmark, task, settings, download=False)
    except MissingFileError:
        return False
    except DataError:  # it is there, and something else is wrong with it
        return True
    return True
