"""What a replica is: one engine among several that answer the prompts of a run."""

from __future__ import annotations

from typing import Protocol

from evalkit.errors import EvalkitError

from .._base import ModelAdapter

__all__ = ["Replica", "ReplicaLostError"]


class ReplicaLostError(EvalkitError):
    """An engine is gone: its process, its node or its server. What it has not answered is asked elsewhere."""


class Replica(Protocol):
    """Where one engine can be had."""

    @property
    def label(self) -> str:
        """What to call it in a line for the user: `replica 2`, or the address of a server."""

    def open(self) -> ModelAdapter:
        """The engine, loaded. Called again where it was lost: the engine made anew.

        `ReplicaLostError` where this replica cannot be had (others may), `UserError` where none could.
        The adapter raises `ReplicaLostError` from `generate` where the engine is gone.
        """

    def close(self) -> None:
        """End the engine for good, at once and whatever it does: an `open` under way fails, and none follows."""
