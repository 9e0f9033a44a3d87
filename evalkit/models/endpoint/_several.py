"""Several servers as one model, whose answers are held against all that the same server answered before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from evalkit.cards import Card
from evalkit.errors import EvalkitError
from evalkit.planning.shards import WorkCost
from evalkit.prompts import PromptTokenizer
from evalkit.rope import RopeSetting

from .._base import BackendOptions, Completion, GenerationRequest, RopeGroup
from ..replicas import ReplicatedModel, replicated
from ._adapter import EndpointModel
from ._replicas import server_replicas

__all__ = ["ServersModel"]


class ServersModel:
    """The servers of one model.

    A server that reads only a part of its prompts shows it by many of them, and is asked few at a time: so answers are
    checked here, over all calls, and not in each.
    """

    name = EndpointModel.name

    def __init__(
        self, cards: Sequence[Card], tokenizer: PromptTokenizer, cost: WorkCost, options: BackendOptions
    ) -> None:
        """The `cards` differ by the addresses of their servers."""
        self._answered_by: dict[int, EndpointModel] = {}
        self._model: ReplicatedModel = replicated(
            lambda told: server_replicas(cards, tokenizer, told, self._answered_by), cost, options
        )

    @property
    def engine_info(self) -> dict[str, Any]:
        """What the first server to answer runs with, how many there are, and what differs between them."""
        return self._model.engine_info

    @property
    def spent(self) -> float | None:
        """What all servers charged so far; None where they do not tell."""
        return self._model.spent

    def holds(self, rope: RopeSetting) -> bool:
        """Every setting: a server refuses those that it does not run."""
        return self._model.holds(rope)

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """Answer the requests, given in trie order."""
        return self.generate_together([RopeGroup(rope, requests)])

    def generate_together(self, groups: Sequence[RopeGroup]) -> Iterator[Completion]:
        """Answer the requests of all groups; what is held back comes before what ends the run."""
        asked = {request.index: request for group in groups for request in group.requests}
        servers: dict[EndpointModel, None] = {}
        ended: EvalkitError | None = None
        try:
            with closing(self._model.generate_together(groups)) as completions:
                for completion in completions:
                    server = self._answered_by.pop(completion.index, None)
                    if server is None:  # none has answered anything to it
                        yield completion
                        continue
                    servers[server] = None
                    yield from server.checked(asked[completion.index], completion)
        except EvalkitError as error:
            ended = error
        for server in servers:
            yield from server.rest()
        if ended is not None:
            raise ended

    def close(self) -> None:
        """Leave the servers."""
        self._model.close()
