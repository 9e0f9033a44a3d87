"""The adapter of one actor: what it answers comes back as it is finished."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from evalkit.rope import RopeSetting

from ..._base import Completion, GenerationRequest, RopeGroup
from .._base import ReplicaLostError
from ._actor import EngineFacts, Said
from ._faults import Failure, losing

__all__ = ["ActorModel"]

AHEAD = 32
"""Answers that an actor finishes before the first of them is taken: then it waits."""
CLOSING_SECONDS = 10.0


class ActorModel:
    """A model in an actor's process. It answers one call at a time; one that is left before its end ends the actor."""

    def __init__(
        self, label: str, actor: Any, loaded: Said, note: Callable[[str], None], end: Callable[[], None]
    ) -> None:
        """`loaded`: what the actor said of loading. `end`: ends its process, at once. Raises what loading raised."""
        self._label = label
        self._actor = actor
        self._note = note
        self._end = end
        self._held: dict[RopeSetting, bool] = {}
        self._facts = loaded.facts or EngineFacts("", {})
        try:
            self._heard(loaded)
        except BaseException:
            end()
            raise

    @property
    def name(self) -> str:
        """Backend name of the engine."""
        return self._facts.name

    @property
    def engine_info(self) -> dict[str, Any]:
        """The engine's, as of its last answer."""
        return dict(self._facts.info)

    def holds(self, rope: RopeSetting) -> bool:
        """What the engine says."""
        import ray

        if rope not in self._held:
            with losing(self._label):
                self._held[rope] = ray.get(self._actor.holds.remote(rope))
        return self._held[rope]

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """Answers of the engine, as they come. `ReplicaLostError` where it is gone."""
        return self._answers("generate", rope, list(requests))

    def generate_together(self, groups: Sequence[RopeGroup]) -> Iterator[Completion]:
        """Answers of the engine, as they come. `ReplicaLostError` where it is gone."""
        return self._answers("generate_together", [RopeGroup(rope, list(requests)) for rope, requests in groups])

    def close(self) -> None:
        """Let the engine give back what it has, and end the actor."""
        import ray

        with contextlib.suppress(ray.exceptions.RayError):
            ray.get(self._actor.close.remote(), timeout=CLOSING_SECONDS)
        self._end()

    def _answers(self, method: str, *arguments: Any) -> Iterator[Completion]:
        is_complete = False
        try:
            for said in self._stream(method, *arguments):
                answer = self._heard(said)
                if answer is None:
                    is_complete = True
                    return
                yield answer
        finally:
            if not is_complete:
                self._end()
        raise ReplicaLostError(f"{self._label} is lost: its answers ended before they were complete")

    def _stream(self, method: str, *arguments: Any) -> Iterator[Said]:
        import ray

        asked = getattr(self._actor, method).options(num_returns="streaming", _generator_backpressure_num_objects=AHEAD)
        with losing(self._label):
            references = asked.remote(*arguments)
        while True:
            with losing(self._label):
                try:
                    said: Said = ray.get(next(references))
                except StopIteration:
                    return
            yield said

    def _heard(self, said: Said) -> Completion | None:
        """Pass notes and facts on; the completion among them, None behind the last. Raises what the engine raised."""
        for note in said.notes:
            self._note(note)
        self._facts = said.facts or self._facts
        if isinstance(said.answer, Failure):
            raise said.answer.error()
        return said.answer
