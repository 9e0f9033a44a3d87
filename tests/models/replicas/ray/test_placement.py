"""How many replicas a cluster takes, by the numbers of its machines."""

from __future__ import annotations

import pytest

from evalkit.errors import UserError
from evalkit.models.replicas.ray._placement import NodeRoom, Placement, Share, local_threads, share_of


def cluster(*machines: tuple[int, int]) -> list[NodeRoom]:
    """Machines with so many processors and accelerators."""
    return [NodeRoom(f"n{at}", f"id{at}", cpus, gpus, at == 0) for at, (cpus, gpus) in enumerate(machines)]


@pytest.mark.parametrize(
    ("machines", "asked", "devices", "share"),
    [
        ([(16, 4)], Placement(), None, Share(4, 1, 1)),  # as many as the accelerators hold
        ([(16, 4)], Placement(), 2, Share(2, 2, 1)),  # the engine's tensor parallelism
        ([(16, 3), (16, 3)], Placement(), 2, Share(2, 2, 1)),  # a replica stands on one machine
        ([(1, 8)], Placement(), None, Share(1, 1, 1)),  # each needs a processor too
        ([(16, 4)], Placement(3), None, Share(3, 1, 1)),
        ([(16, 4)], Placement(gpus_per_replica=0), None, Share(1, 0, 16)),
        ([(16, 4), (8, 4)], Placement(), 0, Share(2, 0, 8)),  # --device cpu
        ([(8, 0), (8, 0)], Placement(), None, Share(2, 0, 8)),  # one for each machine
        ([(8, 0), (4, 0)], Placement(2), None, Share(2, 0, 4)),
        ([(8, 0), (4, 0)], Placement(5), None, Share(5, 0, 2)),
        ([(2, 0)], Placement(2), None, Share(2, 0, 1)),
    ],
)
def test_each_replica_has_its_part(
    machines: list[tuple[int, int]], asked: Placement, devices: int | None, share: Share
) -> None:
    """Accelerators of one machine, or as many threads as all can have."""
    assert share == share_of(asked, cluster(*machines), devices)


@pytest.mark.parametrize(
    ("machines", "asked", "devices", "words"),
    [
        ([(16, 4)], Placement(5), None, r"^5 replicas with 1 GPU each.* room for 4 \(1 machine with 4 GPUs, 16 CPUs"),
        (
            [(16, 3), (9, 3)],
            Placement(3),
            2,
            r"^3 replicas with 2 GPUs each.* room for 2 \(2 machines with 3 and 3 GPUs",
        ),
        ([(16, 4)], Placement(gpus_per_replica=8), None, r"^1 replica with 8 GPUs each.* room for 0 "),
        ([(16, 0)], Placement(), 2, r"^1 replica with 2 GPUs each.* room for 0 .*0 GPUs"),
        ([(2, 0), (2, 0)], Placement(5), None, r"^5 replicas with a CPU each: the cluster has fewer"),
    ],
)
def test_a_cluster_with_less_says_what_it_has(
    machines: list[tuple[int, int]], asked: Placement, devices: int | None, words: str
) -> None:
    """And what is needed, in one line."""
    with pytest.raises(UserError, match=words) as caught:
        share_of(asked, cluster(*machines), devices)

    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.parametrize(
    ("replicas", "cores", "told", "threads"),
    [
        (2, 8, None, 4),
        (3, 8, None, 2),
        (4, 2, None, 1),
        (2, 8, "3", 3),
        (2, 8, "", 4),
        (2, 8, "0", 4),
        (2, 8, "2,1", 4),
    ],
)
def test_replicas_of_one_machine_share_its_cores(replicas: int, cores: int, told: str | None, threads: int) -> None:
    """Unless OMP_NUM_THREADS says how many each has."""
    assert threads == local_threads(replicas, cores, told)
