"""Runs of the toy benchmark with the toy model: no tensors, no data, milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalkit.models import Completion, GenerationRequest
from evalkit.planning import Counts
from evalkit.prompts import digest_ids
from evalkit.rope import RopeSetting
from evalkit.runs import Manifest, RunOutcome, RunSettings, SampleRecord, execute, open_session


class Watcher:
    """Remembers what a run says."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.pending: list[int] = []
        self.failures: list[bool] = []

    def note(self, message: str) -> None:
        self.notes.append(message)

    def planned(self, counts: Counts, pending_tokens: int) -> None:  # noqa: ARG002
        self.pending.append(pending_tokens)

    def finished(self, computed_tokens: int, is_failed: bool) -> None:  # noqa: ARG002
        self.failures.append(is_failed)


class Adapter:
    """A model that answers from the prompt's digest, and remembers what it was asked."""

    name, engine_info = "fake", {"device": "none"}

    def __init__(self, failing: Sequence[int] = (), stop_after: int | None = None) -> None:
        self.asked: list[list[int]] = []
        self.is_closed = False
        self._failing = failing
        self._stop_after = stop_after

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:  # noqa: ARG002
        for request in requests:
            if len(self.asked) == self._stop_after:
                raise KeyboardInterrupt
            self.asked.append(request.ids.tolist())
            if request.index in self._failing:
                yield Completion(request.index, finish_reason="error", error="the kernel gave up")
            else:
                yield Completion(request.index, text=digest_ids(request.ids)[:8], output_tokens=4, cached_tokens=0)

    def close(self) -> None:
        self.is_closed = True


Start = Callable[..., RunOutcome]


@pytest.fixture
def watcher() -> Watcher:
    """Remembers the notes and counts of a test's runs."""
    return Watcher()


@pytest.fixture
def new_adapter() -> type[Adapter]:
    """The fake model: `new_adapter(failing=…, stop_after=…)`."""
    return Adapter


@pytest.fixture
def start(toy: str, tiny_model: Path, bare: Path, watcher: Watcher) -> Start:
    """Starter of runs in the folder `run`: `start(adapter, limit=…)`; the same call again continues."""

    def go(adapter: Adapter | None = None, **settings: Any) -> RunOutcome:
        values = {"model": str(tiny_model), "benchmarks": (toy,), "backend": "toy", "out": bare / "run"} | settings
        return execute(open_session(RunSettings(**values)), watcher, lambda: adapter or Adapter())

    return go


@pytest.fixture
def manifest() -> Callable[..., Manifest]:
    """Maker of manifests: `manifest(protocol=…)` changes the identity."""

    def make(environment: dict[str, Any] | None = None, **identity: Any) -> Manifest:
        known = {
            "benchmark": "toy",
            "protocol": "plain",
            "model": "tiny",
            "data": {"a.jsonl": "1" * 64},
            "weights": "w",
        }
        settings = {"benchmark": "toy", "label": "plain"}
        return Manifest(identity=known | identity, settings=settings, environment=environment or {"torch": "2.0"})

    return make


@pytest.fixture
def record() -> Callable[..., SampleRecord]:
    """Maker of records: `record(3, text=…)`."""

    def make(index: int, **fields: Any) -> SampleRecord:
        values = {
            "id": f"toy/tales/{index}", "step": 0, "attempt": 1, "prompt_sha256": "0" * 64, "ledger": None,
            "text": f"answer {index}", "output_tokens": 2, "finish_reason": "stop", "seconds": 0.1,
            "cached_tokens": None, "error": None, "rope": "native", "preview": "Read …",
        }  # fmt: skip
        return SampleRecord(**values | fields)

    return make
