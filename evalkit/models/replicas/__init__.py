"""Several engines of one model that answer a run's prompts side by side."""

from ._adapter import ReplicatedModel, replicated
from ._base import Replica, ReplicaLostError

__all__ = ["Replica", "ReplicaLostError", "ReplicatedModel", "replicated"]
