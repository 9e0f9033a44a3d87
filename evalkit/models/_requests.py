"""The prompts of a plan's group as requests, made one by one: a run of a million samples holds no million requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import overload

from evalkit.planning import Plan

from ._base import GenerationRequest
from ._sampling import Sampling
from ._thoughts import ThoughtRule

__all__ = ["MadeRequests", "PlannedRequests"]


class MadeRequests(Sequence[GenerationRequest], ABC):
    """Requests by index, in some order, made when they are read."""

    def __init__(self, order: Sequence[int]) -> None:
        self._order = order

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, place: int) -> GenerationRequest: ...

    @overload
    def __getitem__(self, place: slice) -> list[GenerationRequest]: ...

    def __getitem__(self, place: int | slice) -> GenerationRequest | list[GenerationRequest]:
        if isinstance(place, slice):
            return [self._request(index) for index in self._order[place]]
        return self._request(self._order[place])

    @abstractmethod
    def _request(self, index: int) -> GenerationRequest:
        """The request of that index."""


class PlannedRequests(MadeRequests):
    """What a backend is asked for the prompts of a group: a sequence whose requests are made when they are read."""

    def __init__(
        self,
        plan: Plan,
        order: Sequence[int],
        model_stop: tuple[str, ...],
        thoughts: Mapping[str, ThoughtRule | None] = MappingProxyType({}),
        sampling: Sampling | None = None,
    ) -> None:
        """`thoughts` says by benchmark how they are told from answers, `sampling` what the run asks of its draws."""
        super().__init__(order)
        self._plan = plan
        self._model_stop = model_stop
        self._thoughts = thoughts
        self._sampling = sampling

    def _request(self, index: int) -> GenerationRequest:
        prompt = self._plan.prompts[index]
        # The model's first: an endpoint takes four, and without the end of a turn the model would talk to itself.
        stop = tuple(text for text in (*self._model_stop, *prompt.stop) if text)
        thoughts = self._thoughts.get(prompt.benchmark)
        drawn = None if self._sampling is None else self._sampling.of_draw(prompt.digest, prompt.draw)
        ids, limit = self._plan.ids(index), prompt.max_new_tokens
        return GenerationRequest(index, ids, limit, stop, prompt.stop_rule, thoughts, drawn)
