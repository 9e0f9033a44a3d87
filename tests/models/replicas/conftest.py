"""Replicas whose engines do as they are told: in threads of this process, without any model."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from evalkit.models import BackendOptions, Completion, GenerationRequest, ModelAdapter, RopeGroup
from evalkit.models.replicas import Replica, ReplicaLostError, ReplicatedModel
from evalkit.planning.shards import WorkCost
from evalkit.rope import RopeSetting

Behaviour = Callable[[GenerationRequest], Completion | None]
"""What an engine does with a request: an answer, None for the plain one, or an exception."""


def plain(request: GenerationRequest) -> None:
    """Answer."""


def answer(request: GenerationRequest) -> Completion:
    """What every engine answers: it tells the whole prompt."""
    return Completion(request.index, text=" ".join(map(str, request.ids)), output_tokens=1, cached_tokens=0)


class Engine:
    """Answers by a script, and can be killed between two answers."""

    name = "scripted"

    def __init__(self, behave: Behaviour, info: dict[str, Any]) -> None:
        self.engine_info = info
        self.is_killed = threading.Event()
        self._behave = behave

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:  # noqa: ARG002
        for request in requests:
            given = self._behave(request)
            if self.is_killed.is_set():
                raise ReplicaLostError("killed")
            yield given or answer(request)

    def close(self) -> None:
        """Nothing is held."""


class Scripted:
    """A replica whose engines behave as `behave` says."""

    def __init__(
        self,
        behave: Behaviour = plain,
        *,
        info: dict[str, Any] | None = None,
        start: Callable[[], None] = lambda: None,
    ) -> None:
        self.label = "replica ?"
        self.engine: Engine | None = None
        self.starts = 0
        self.answered: list[int] = []
        self._behave = behave
        self._info = info or {"device": "none"}
        self._start = start

    def open(self) -> ModelAdapter:
        self.starts += 1
        self._start()
        self.engine = Engine(self._noted, self._info)
        return self.engine

    def _noted(self, request: GenerationRequest) -> Completion | None:
        given = self._behave(request)
        self.answered.append(request.index)
        return given

    def close(self) -> None:
        if self.engine is not None:
            self.engine.is_killed.set()


@pytest.fixture
def scripted() -> type[Scripted]:
    """Maker of scripted replicas."""
    return Scripted


class Notes(list[str]):
    """Lines for the user, which only the reader's own thread may bring."""

    def take(self, line: str) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.append(line)


@pytest.fixture
def notes() -> Notes:
    """What the user is told."""
    return Notes()


NewModel = Callable[..., ReplicatedModel]


@pytest.fixture
def new_model(notes: Notes) -> Iterator[NewModel]:
    """Maker of models of replicas; behind the test all are closed, and no thread of theirs is left."""
    made: list[ReplicatedModel] = []

    def make(*replicas: Replica, **options: Any) -> ReplicatedModel:
        for number, replica in enumerate(replicas, 1):
            if isinstance(replica, Scripted):
                replica.label = f"replica {number}"
        cost = WorkCost(token=1.0, pair=0.001, new_token=4.0)
        made.append(ReplicatedModel(replicas, cost, BackendOptions(note=notes.take, **options)))
        return made[-1]

    yield make
    for model in made:
        model.close()
    deadline = time.monotonic() + 2
    while (left := workers()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [] == left


def workers() -> list[str]:
    """Names of threads that work for replicas."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("evalkit")]


@pytest.fixture
def new_groups() -> Callable[..., list[RopeGroup]]:
    """Maker of groups of documents with questions: `new_groups(documents=…, questions=…, groups=…)`."""

    def make(*, documents: int = 6, questions: int = 5, groups: int = 1, seed: int = 0) -> list[RopeGroup]:
        draw = random.Random(seed)
        index, made = 0, []
        for group in range(groups):
            requests = []
            for document in range(documents):
                stem = [document, *draw.choices(range(1000), k=draw.randrange(20, 60))]
                for question in range(draw.randrange(1, 2 * questions)):
                    ids = np.array([*stem, question, *draw.choices(range(1000), k=4)], np.int32)
                    requests.append(GenerationRequest(index, ids, max_new_tokens=8))
                    index += 1
            made.append(RopeGroup(RopeSetting("default", 10000.0 * (group + 1)), requests))
        return made

    return make
