"""Replicas on real Rays: one of this process, clusters of several nodes on this machine, and whole runs.

Run by `make test-ray`; skipped where Ray is missing.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.cards import Card, load_card
from evalkit.models import BackendOptions, GenerationRequest
from evalkit.models.replicas import Replica
from evalkit.models.replicas.ray import Placement, ray_replicas

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NEEDLE_TINY = ROOT / "model_cards/needle-tiny"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, and skip it where there is no Ray."""
    is_missing = importlib.util.find_spec("ray") is None
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.ray)
            if is_missing:
                item.add_marker(pytest.mark.skip(reason="needs ray (make test-ray)"))


@pytest.fixture(scope="session", autouse=True)
def _workers_find_what_tests_use() -> Iterator[None]:
    """Evalkit as it is here, and the backend of `probe/`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(HERE / "probe")]))
        patch.syspath_prepend(str(HERE / "probe"))
        patch.delenv("OMP_NUM_THREADS", raising=False)
        yield


@pytest.fixture(scope="session")
def card() -> Card:
    """The embedded model's."""
    return load_card(str(NEEDLE_TINY))


@pytest.fixture
def notes() -> list[str]:
    """What replicas noted."""
    return []


Open = Callable[..., list[Replica]]


@pytest.fixture
def replicas(card: Card, notes: list[str]) -> Iterator[Open]:
    """Opener of replicas of the probe, closed at the end of the test: `replicas(replicas=2, address=…)`.

    Further arguments are `backend` and fields of `BackendOptions`.
    """
    opened: list[Replica] = []

    def make(*, backend: str = "probe", logs: Path | None = None, **given: Any) -> list[Replica]:
        placement = {name: given.pop(name) for name in ("replicas", "gpus_per_replica", "address") if name in given}
        options = BackendOptions(note=notes.append, logs=logs, **given)
        opened.extend(made := ray_replicas(backend, card, options, Placement(**placement)))
        return made

    yield make
    for replica in opened:
        replica.close()


def asked(*prompts: list[int], limit: int = 4) -> list[GenerationRequest]:
    """Requests with these prompts."""
    return [GenerationRequest(index, np.array(ids, np.int32), limit) for index, ids in enumerate(prompts)]
