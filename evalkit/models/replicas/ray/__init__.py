"""Replicas on Ray: one actor for each engine, on this machine or on those of a cluster."""

from ._placement import Placement
from ._replica import ray_replicas

__all__ = ["Placement", "ray_replicas"]
