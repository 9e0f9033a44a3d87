"""What the module of one benchmark provides, and how it is found.

A new benchmark is one YAML file in `benchmarks/` and, where its records or metrics are new, one module like `leval.py`
listed in `_kinds.py`. Packages outside evalkit bring theirs through entry points: `docs/extending.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from evalkit.errors import UserError

from ._kinds import kind_factory
from ._options import resolve_options
from ._records import Answer, Request, Sample, Scorer
from ._shape import Shape, check_shape
from ._spec import BenchmarkSpec, load_spec

__all__ = [
    "Benchmark",
    "CountedBenchmark",
    "NotedBenchmark",
    "SizedBenchmark",
    "expected_samples",
    "load_benchmark",
    "load_benchmarks",
]


class Benchmark(Protocol):
    """A benchmark that can be run and scored."""

    @property
    def spec(self) -> BenchmarkSpec:
        """Its definition."""

    def files(self, task: str) -> Sequence[str]:
        """The files of the benchmark's source that the task reads."""

    def samples(self, task: str, protocol: str, files: Mapping[str, Path]) -> Iterator[Sample]:
        """The samples of the task in order, streaming; `files` maps each name of `files()` to where it is."""

    def request(self, sample: Sample, protocol: str, previous: Sequence[str]) -> Request | None:
        """What to ask next, given the model's texts in the steps so far; None when the sample is done."""

    def scorer(self, task: str, protocol: str, answers: Sequence[Answer]) -> Scorer:
        """How the task is scored; a protocol may decide by what the answers carry."""


@runtime_checkable
class SizedBenchmark(Protocol):
    """A benchmark whose prompts have lengths of their own, in tokens, however long the model's window is."""

    def window(self, protocol: str, max_new_tokens: int | None) -> int | None:
        """Tokens that its longest prompt and answer take; None where only the model's tokenizer can tell."""

    def extremes(self, protocol: str) -> Iterator[Request]:
        """Requests of its longest and shortest prompts, a few: tried at once, so that a wrong length is known early."""


@runtime_checkable
class CountedBenchmark(Protocol):
    """A benchmark whose number of samples depends on its options, and not on its definition alone."""

    def expected(self, task: str, protocol: str) -> int | None:
        """Samples of the full task; None where that cannot be known. Asked for tasks that the protocol has."""


@runtime_checkable
class NotedBenchmark(Protocol):
    """A benchmark with something to say before a run."""

    def notes(self, tasks: Sequence[str], max_seq_len: int) -> Iterator[str]:
        """What a user of these tasks should know, given the window in tokens."""

    def seeding(self, tasks: Sequence[str]) -> dict[str, str]:
        """Task → how evalkit seeds what the benchmark's own code leaves to chance; part of a run's identity."""


def load_benchmark(name_or_path: str, options: Mapping[str, str] | None = None) -> Benchmark:
    """The benchmark of that name or YAML file, shaped by `options`; `UserError` for one it does not take.

    The class of a benchmark that lists options is called with all their values, any other with the definition alone.
    """
    spec = load_spec(name_or_path)
    values = resolve_options(spec, options or {})
    factory: Callable[..., Benchmark] = kind_factory(spec.kind)
    check_shape(spec, getattr(factory, "shape", Shape()), name_or_path)
    return factory(spec, values) if spec.options else factory(spec)


def expected_samples(benchmark: Benchmark, task: str, protocol: str) -> int | None:
    """Samples of the full task: what the benchmark counts, else what its definition says; None where unknown."""
    if isinstance(benchmark, CountedBenchmark):
        return benchmark.expected(task, protocol)
    return benchmark.spec.tasks[task].expected[protocol]


def load_benchmarks(names: Sequence[str], options: Mapping[str, str]) -> list[Benchmark]:
    """Several benchmarks, each with those of the options that it takes; `UserError` for one that none takes."""
    taken = {name: load_spec(name).options for name in names}
    for option in options:
        if not any(option in known for known in taken.values()):
            raise UserError(f"option {option}: not one of {', '.join(names)}; `evalkit benchmarks show` lists them")
    return [load_benchmark(name, {key: options[key] for key in options if key in taken[name]}) for name in names]
