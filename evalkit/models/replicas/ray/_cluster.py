"""The Ray that replicas stand on: one of this command alone, or a cluster that others started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

from evalkit.errors import MissingDependencyError, UserError, one_line

from ._connection import Connection
from ._local import LocalRay
from ._placement import NodeRoom, Placement, local_threads

__all__ = ["Cluster"]

ANSWER_SECONDS = 5.0
"""In which a cluster's port answers."""
JOINING_SECONDS = 30.0
"""In which a cluster says what it is; Ray itself would ask for minutes, and then end the process."""
_JOINS = """
import os, sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level="CRITICAL")
except ConnectionError as error:
    is_none = sys.argv[1] == "auto" and not os.environ.get("RAY_ADDRESS")
    sys.exit("no Ray runs on this machine: give HOST:PORT that `ray start --head` printed" if is_none else str(error))
except Exception as error:
    sys.exit(str(error))
print(ray.get_runtime_context().gcs_address)
"""


class Cluster:
    """A Ray that this process is connected to, until every replica has left it."""

    def __init__(self, disconnect: Callable[[], None], *, is_local: bool) -> None:
        """`disconnect`: what to do when the last one has left."""
        self._disconnect = disconnect
        self._lock = threading.Lock()
        self._users = 1  # whoever opened it
        self.is_local = is_local
        """Whether it is of this command alone."""

    @classmethod
    def open(cls, placement: Placement, note: Callable[[str], None]) -> Cluster:
        """Start or join it; `UserError` where that cannot be."""
        try:
            import ray
        except ImportError as error:
            raise MissingDependencyError("ray", "ray", "running replicas of a model") from error
        if ray.is_initialized():
            note("this process is connected to a Ray already: replicas run there, and it is left as it is")
            return cls(lambda: None, is_local=False)
        if placement.address is None:
            replicas = placement.replicas or 1
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
            threads = local_threads(replicas, cores, os.environ.get("OMP_NUM_THREADS"))
            return cls(LocalRay(cpus=replicas * threads).stop, is_local=True)
        return cls(_join(placement.address).close, is_local=False)

    def nodes(self) -> list[NodeRoom]:
        """Its machines that are alive, and what of each is free."""
        import ray
        from ray._private.state import available_resources_per_node

        here = ray.get_runtime_context().get_node_id()
        free = available_resources_per_node()
        return [
            NodeRoom(
                name=node["NodeName"],
                node_id=node["NodeID"],
                cpus=int(free.get(node["NodeID"], {}).get("CPU", 0)),
                gpus=int(free.get(node["NodeID"], {}).get("GPU", 0)),
                is_here=node["NodeID"] == here,
            )
            for node in ray.nodes()
            if node["Alive"]
        ]

    def enter(self) -> None:
        """One more uses it."""
        with self._lock:
            self._users += 1

    def leave(self) -> None:
        """One less uses it; behind the last one it is stopped, or left to those who started it."""
        with self._lock:
            self._users -= 1
            is_last = self._users == 0
        if is_last:
            self._disconnect()


def _join(address: str) -> Connection:
    """Connect to the cluster at that address; `UserError` where there is none, or none of this kind."""
    _check_address(address)
    try:
        tried = subprocess.run(
            [sys.executable, "-c", _JOINS, address],
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            capture_output=True,
            text=True,
            timeout=JOINING_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"--ray {address}: no Ray answers there within {JOINING_SECONDS:.0f} seconds: give the address that `ray "
            "start --head` printed, on a machine that has joined it (`ray start --address=…`)"
        ) from None
    if tried.returncode != 0:
        said = tried.stderr.strip() or "Ray does not start there"
        if "Unauthenticated" in said:  # in lines of Ray's log, over and over
            said = "its token is not this command's: set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN to those of the cluster"
        raise UserError(f"--ray {address}: {one_line(said)}")
    return Connection(address=tried.stdout.split()[-1])  # of several, `auto` takes any: the same one again


def _check_address(address: str) -> None:
    """Raise `UserError` where nothing listens."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS):
            return
    except OSError as error:
        raise UserError(
            f"--ray {address}: nothing answers there ({one_line(error)}): give the address that `ray start --head` "
            "printed"
        ) from error
