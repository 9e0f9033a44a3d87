"""How many replicas a cluster takes and what each of them stands on. No Ray here: nodes are given as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.errors import UserError
from evalkit.printable import counted

__all__ = ["NodeRoom", "Placement", "Share", "local_threads", "share_of"]


@dataclass(frozen=True)
class Placement:
    """How replicas are asked for; None = what the engine and the cluster say."""

    replicas: int | None = None
    """How many; None = as many as the accelerators hold, or one for each machine without any."""
    gpus_per_replica: int | None = None
    """Accelerators of each; None = those that its engine is set to use, else one where there are any."""
    address: str | None = None
    """The cluster, HOST:PORT or `auto`; None = a Ray of this command alone."""


@dataclass(frozen=True)
class NodeRoom:
    """What a machine of the cluster has."""

    name: str
    """How Ray calls it; its address, unless it was named otherwise."""
    node_id: str
    """Ray's identity of it."""
    cpus: int
    """Processors that are free there."""
    gpus: int
    """Accelerators that are free there."""
    is_here: bool
    """Whether this process runs on it."""


@dataclass(frozen=True)
class Share:
    """What each replica stands on."""

    replicas: int
    """How many there are."""
    gpus: int
    """Accelerators of each."""
    cpus: int
    """Processors of each; where it computes on them, its threads."""

    @property
    def described(self) -> str:
        """`2 GPUs and 1 CPU`."""
        cpus = counted(self.cpus, "CPU")
        return f"{counted(self.gpus, 'GPU')} and {cpus}" if self.gpus else cpus


def local_threads(replicas: int, cores: int, told: str | None) -> int:
    """Threads of each replica on one machine: as OMP_NUM_THREADS says, else its part of the cores."""
    if told is not None and told.isdecimal() and int(told) >= 1:
        return int(told)
    return max(1, cores // replicas)


def share_of(placement: Placement, nodes: Sequence[NodeRoom], devices: int | None) -> Share:
    """What each replica stands on; `UserError` where the cluster has less than that.

    `devices`: accelerators that the engine is set to use; None = one where there are any, 0 = it computes without.
    """
    gpus = placement.gpus_per_replica
    if gpus is None:
        gpus = devices if devices is not None else int(any(node.gpus for node in nodes))
    if gpus == 0:
        replicas = placement.replicas or len(nodes)
        return Share(replicas, 0, _processors(replicas, nodes))
    room = sum(min(node.gpus // gpus, node.cpus) for node in nodes)
    replicas = placement.replicas or max(room, 1)
    if replicas > room:
        raise UserError(
            f"{counted(replicas, 'replica')} with {counted(gpus, 'GPU')} each, all on one machine: the cluster has "
            f"room for {room} ({_inventory(nodes)}); ask for fewer with --replicas or --gpus-per-replica"
        )
    return Share(replicas, gpus, 1)


def _processors(replicas: int, nodes: Sequence[NodeRoom]) -> int:
    """The most processors that each of the replicas can have; `UserError` where there is not one for each."""
    most = max((node.cpus for node in nodes), default=0)
    for cpus in range(most, 0, -1):
        if sum(node.cpus // cpus for node in nodes) >= replicas:
            return cpus
    raise UserError(
        f"{counted(replicas, 'replica')} with a CPU each: the cluster has fewer ({_inventory(nodes)}); ask for fewer "
        "with --replicas"
    )


def _inventory(nodes: Sequence[NodeRoom]) -> str:
    """`2 machines with 8 and 4 GPUs, 64 and 32 CPUs free`."""
    gpus = " and ".join(str(node.gpus) for node in nodes[:8])
    cpus = " and ".join(str(node.cpus) for node in nodes[:8])
    more = " …" if len(nodes) > 8 else ""
    return f"{counted(len(nodes), 'machine')} with {gpus}{more} GPUs, {cpus}{more} CPUs free"
