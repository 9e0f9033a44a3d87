"""Replicas as the engines of a run: each opens an actor in a placement group of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalkit.cards import Card
from evalkit.errors import UserError

from ..._base import BackendOptions
from ..._load import backend_name
from .._base import Replica, ReplicaLostError
from ._actor import Engine, Said, Work
from ._adapter import ActorModel
from ._checks import check_files, check_versions
from ._cluster import Cluster
from ._faults import losing
from ._placement import Placement, Share, share_of

__all__ = ["ray_replicas"]

ROOM_SECONDS = 60.0
"""In which a machine has room again for a replica that was lost; behind it the machine is gone, or taken."""


def ray_replicas(backend: str, card: Card, options: BackendOptions, placement: Placement) -> list[Replica]:
    """Replicas of the model, none of them loaded yet, on a Ray that is stopped or left when all of them are closed.

    `UserError` where Ray, the cluster, its room, its versions or its files will not do.
    """
    if backend_name(backend) == "endpoint":
        raise UserError("--replicas and --ray: a served model has no copies here; give several addresses of servers")
    cluster = Cluster.open(placement, options.note)
    try:
        nodes = cluster.nodes()
        share = share_of(placement, nodes, _devices(backend, card, options))
        work = _work(backend, card, options, share)
        if not cluster.is_local:
            check_versions(nodes)
            check_files(nodes, work)
        return [_RayReplica(cluster, share, number, work, options) for number in range(1, share.replicas + 1)]
    finally:
        cluster.leave()


def _devices(backend: str, card: Card, options: BackendOptions) -> int | None:
    """Accelerators that an engine of the card is set to use; None = one where there are any."""
    if backend == "vllm":
        count = card.engine.tensor_parallel * card.engine.pipeline_parallel
        return count if count > 1 else None
    return 0 if options.device == "cpu" else None


def _work(backend: str, card: Card, options: BackendOptions, share: Share) -> Work:
    """What each engine is to be, its paths absolute: an actor starts in another folder."""
    changes: dict[str, Any] = {}
    if card.snapshot is None and card.weights_path is not None:
        changes["weights"] = str(card.weights_path)
    if card.tokenizer is not None and Path(card.tokenizer).expanduser().exists():
        changes["tokenizer"] = str(Path(card.tokenizer).expanduser().absolute())
    adapter = options.adapter
    return Work(
        backend,
        card.model_copy(update=changes),
        replace(
            options,
            note=_pass,
            adapter=None if adapter is None else replace(adapter, folder=adapter.folder.absolute()),
        ),
        threads=None if share.gpus else share.cpus,
        output=None,
    )


def _pass(_: str) -> None:
    """A note's taker that travels; in the actor another takes its place."""


class _RayReplica:
    """One engine in an actor."""

    def __init__(self, cluster: Cluster, share: Share, number: int, work: Work, options: BackendOptions) -> None:
        self.label = f"replica {number}"
        self._share = share
        output = options.logs and options.logs.absolute() / f"replica-{number}.out"
        self._work = replace(work, output=output)
        self._note = options.note
        self._lock = threading.Lock()
        self._actor: Any = None
        self._group: Any = None
        self._leave: Callable[[], None] | None = cluster.leave
        cluster.enter()

    def open(self) -> ActorModel:
        """The engine in a new actor, loaded. `ReplicaLostError` where it dies or has no room, else what it raised."""
        import ray

        self._end()
        with losing(self.label):
            actor = self._start()
            said: Said = ray.get(actor.load.remote())
        return ActorModel(self.label, actor, said, self._note, self._end)

    def close(self) -> None:
        """End the actor, at once; the Ray with the last one."""
        self._end()
        with self._lock:
            leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def _start(self) -> Any:
        """An actor on its own part of one machine."""
        import ray
        from ray.util.placement_group import placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        needed = {"CPU": self._share.cpus} | ({"GPU": self._share.gpus} if self._share.gpus else {})
        group = placement_group([needed], strategy="STRICT_PACK")
        with self._lock:
            self._group = group
        if not group.wait(ROOM_SECONDS):
            self._end()
            raise ReplicaLostError(
                f"{self.label} cannot be had: no machine has had {self._share.described} free for it in "
                f"{ROOM_SECONDS:.0f} seconds"
            )
        actor = (
            ray.remote(Engine)
            .options(
                num_cpus=self._share.cpus,
                num_gpus=self._share.gpus,
                max_restarts=0,
                max_task_retries=0,
                scheduling_strategy=PlacementGroupSchedulingStrategy(group),
            )
            .remote(self._work)
        )
        with self._lock:
            self._actor = actor
        return actor

    def _end(self) -> None:
        """End the actor's process and give its part of the machine back."""
        import ray
        from ray.util.placement_group import remove_placement_group

        with self._lock:
            actor, group = self._actor, self._group
            self._actor = self._group = None
        with contextlib.suppress(ray.exceptions.RayError, ValueError):
            if actor is not None:
                ray.kill(actor)
            if group is not None:
                remove_placement_group(group)
