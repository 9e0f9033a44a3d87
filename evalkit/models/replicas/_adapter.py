"""Several replicas as one model: the requests of a call are dealt to them, and their answers come as they finish."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any

from evalkit.errors import RunStoppedError
from evalkit.planning import common_prefix
from evalkit.planning.shards import Lengths, WorkCost
from evalkit.printable import counted
from evalkit.prompts import TokenIds
from evalkit.rope import RopeSetting

from .._base import BackendOptions, Completion, GenerationRequest, RopeGroup
from ._base import Replica
from ._facts import Facts
from ._inbox import Inbox
from ._log import ReplicaLog
from ._member import Member
from ._round import Round, in_parallel
from ._schedule import Schedule

__all__ = ["ReplicatedModel", "replicated"]

CLOSE_SECONDS = 30.0
"""How long the end of a run waits for engines to give their memory back; vLLM's workers take some seconds."""

MakeReplicas = Callable[[BackendOptions], Sequence[Replica]]


class ReplicatedModel:
    """One model with several engines. Each is opened when it is first needed, all of them at once."""

    def __init__(
        self, replicas: Sequence[Replica], cost: WorkCost, options: BackendOptions, inbox: Inbox | None = None
    ) -> None:
        """`inbox` takes the notes of the replicas' engines, where they were made to give them there."""
        self._cost = cost
        self._inbox = inbox or Inbox(options.note)
        self._facts = Facts()
        self._members = [
            Member(each, ReplicaLog(options.logs and options.logs / f"replica-{number}.log", self._inbox.note))
            for number, each in enumerate(replicas, 1)
        ]
        self._most = 0  # replicas that worked at once

    @property
    def name(self) -> str:
        """The backend's name, of which each replica has an engine."""
        return "replicas"

    @property
    def engine_info(self) -> dict[str, Any]:
        """What the first engine to answer runs with, how many `replicas` there are, and what differs between them."""
        return {**self._facts.info, "replicas": self._most}

    @property
    def spent(self) -> float | None:
        """What all engines charged so far; None where they do not tell."""
        known = [spent for spent in (member.spent for member in self._members) if spent is not None]
        return sum(known) if known else None

    def holds(self, rope: RopeSetting) -> bool:  # noqa: ARG002
        """Every setting: an engine that does not hold several answers their groups one after the other."""
        return True

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """Answer the requests, given in trie order; those that share prefixes stay together."""
        return self.generate_together([RopeGroup(rope, requests)])

    def generate_together(self, groups: Sequence[RopeGroup]) -> Generator[Completion]:
        """Answer the requests of all groups, each given in trie order.

        A replica that is lost is started again, with a note, and what it has not answered is asked of the others.
        `RunStoppedError` where none is left.
        """
        lengths, indexes = [], []
        for group in groups:
            measured, named = _measured(group.requests)
            lengths.append(measured)
            indexes.append(named)
        if not any(indexes):
            return
        requests = sum(map(len, indexes))
        members = self._left(requests)
        schedule = Schedule(lengths, self._cost, len(members))
        reserves = max(0, len(members) - requests)
        yield from Round(groups, indexes, members, schedule, self._inbox, self._facts, reserves).answers()

    def _left(self, requests: int) -> list[Member]:
        """Who can answer so many requests, those with an engine first. At most one for each is started at first."""
        left = [member for member in self._members if not member.is_given_up]
        if not left:
            raise RunStoppedError("stopped: no replica is left; what is finished is kept, the same command continues")
        if requests < len(left) and not self._most:
            self._inbox.note(f"{counted(requests, 'prompt')} left to answer: only so many replicas are started")
        self._most = max(self._most, min(requests, len(left)))
        return sorted(left, key=lambda member: not member.is_open)

    def close(self) -> None:
        """End all engines."""
        in_parallel([member.close for member in self._members], CLOSE_SECONDS)
        self._inbox.show()


def replicated(make: MakeReplicas, cost: WorkCost, options: BackendOptions) -> ReplicatedModel:
    """The model of the replicas that `make` makes, whose notes come from the thread that reads the answers."""
    inbox = Inbox(options.note)
    replicas = make(replace(options, note=inbox.note))
    inbox.show()
    return ReplicatedModel(replicas, cost, options, inbox)


def _measured(requests: Sequence[GenerationRequest]) -> tuple[Lengths, list[int]]:
    """What a schedule asks of requests, and their indexes."""
    lengths, shared, limits, indexes = [], [], [], []
    before: TokenIds | None = None
    for request in requests:
        lengths.append(len(request.ids))
        shared.append(0 if before is None else common_prefix(before, request.ids))
        limits.append(request.max_new_tokens)
        indexes.append(request.index)
        before = request.ids
    return Lengths(lengths, shared, limits), indexes
