"""Requests on their way to the engine, each with the place of its rotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.rope import RopeSetting

from .._base import GenerationRequest, RopeGroup
from ._order import deepest_first
from ._slots import Slots

__all__ = ["Fed", "Feed"]


@dataclass(frozen=True, slots=True)
class Fed:
    """A request that the engine may be given now."""

    request: GenerationRequest
    """What is asked."""
    rope: RopeSetting
    """The setting that it is answered under."""
    slot: int
    """Where in the engine that setting stands."""
    extra_args: dict[str, int] | None
    """How the engine is told so."""


class Feed:
    """The requests of some RoPE groups, in the order in which an engine is fed, as far as it holds their settings."""

    def __init__(self, groups: Sequence[RopeGroup], slots: Slots) -> None:
        self._waiting = ((group.rope, request) for group in groups for request in deepest_first(group.requests))
        self._slots = slots
        self._next = next(self._waiting, None)

    def next(self) -> Fed | None:
        """The next request, under way from now on; None behind the last one, and as long as no slot is free for it."""
        if self._next is None:
            return None
        rope, request = self._next
        slot = self._slots.enter(rope)
        if slot is None:
            return None
        self._next = next(self._waiting, None)
        return Fed(request, rope, slot, self._slots.extra_args(slot))

    def finish(self, slot: int) -> None:
        """A request whose rotation stands there is under way no more."""
        self._slots.leave(slot)
