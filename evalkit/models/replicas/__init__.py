"""Several engines of one model that answer a run's prompts side by side."""

from ._adapter import ReplicatedModel, replicated
from ._base import Replica, ReplicaLostError
from ._schedule import Lease, Schedule

__all__ = ["Lease", "Replica", "ReplicaLostError", "ReplicatedModel", "Schedule", "replicated"]
