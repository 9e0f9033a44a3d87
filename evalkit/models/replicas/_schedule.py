"""Which replica answers what next: leases of whole subtrees, taken over from the slow and the dead."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from evalkit.planning.shards import Lengths, Piece, WorkCost, cut, deal

__all__ = ["Lease", "Schedule"]

Place = tuple[int, int]
"""Group, and place in its order."""

STRIKES = 3
"""Replicas that may die of one prompt."""
TRIES = 3
"""Answers that may fail for a reason of the replica."""
PORTION = 1 / 4
"""Of what is left for a replica that one lease takes."""
MEMORY = 0.5
"""What earlier leases weigh in the speed of a replica, each relative to the next one."""


@dataclass(frozen=True)
class Lease:
    """What one replica answers next, in one call."""

    groups: list[tuple[int, list[int]]]
    """Groups, each with places in order."""


@dataclass(frozen=True)
class _Work:
    """Prompts of one group that stay together."""

    group: int
    places: Sequence[int]
    cost: float
    avoided: frozenset[int] = frozenset()
    """Replicas that shall not have it while there are others."""
    is_alone: bool = False
    """Whether nothing else is leased with it."""


@dataclass
class _Open:
    """A lease under way."""

    places: dict[Place, _Work]
    """What is not answered, in order."""
    cost: float
    start: float


@dataclass
class _Replica:
    queue: list[_Work] = field(default_factory=list)
    lease: _Open | None = None
    is_alive: bool = True
    cost: float = 0.0
    """Of its leases, the latest most."""
    seconds: float = 0.0
    """That they took."""

    @property
    def waiting(self) -> float:
        """Cost of its queue."""
        return sum(work.cost for work in self.queue)


class Schedule:
    """The work of one round, dealt out to replicas by what they turn out to be able to do.

    No threads, no locks: one caller at a time. Whoever got no lease asks again after any other call.
    """

    def __init__(
        self,
        groups: Sequence[Lengths],
        cost: WorkCost,
        replicas: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._groups = groups
        self._cost = cost
        self._clock = clock
        self._replicas = [_Replica() for _ in range(replicas)]
        self._apart: list[_Work] = []
        """What is asked again, or what replicas died of."""
        self._strikes: Counter[Place] = Counter()
        self._failures: Counter[Place] = Counter()
        self._unfinished = sum(len(group.lengths) for group in groups)
        for replica, pieces in zip(self._replicas, deal(cut(groups, cost, replicas), replicas), strict=True):
            replica.queue = [
                _Work(piece.group, range(piece.start, piece.stop), piece.cost)
                for chain in sorted(_chains(pieces), key=lambda chain: -sum(piece.cost for piece in chain))
                for piece in chain
            ]

    @property
    def is_done(self) -> bool:
        """Whether everything is finished or given up."""
        return self._unfinished == 0

    def take(self, replica: int) -> Lease | None:
        """What the replica answers next, in one call; None = nothing for it now."""
        own = self._replicas[replica]
        if own.lease is not None or not own.is_alive:
            raise RuntimeError(f"replica {replica} asks for work and is lost, or has not answered what it was given")
        chosen = self._chosen(replica)
        if not chosen or self._is_elsewhere_sooner(replica, sum(work.cost for work in chosen)):
            return None
        for work in chosen:
            self._remove(work)
        works = {(work.group, place): work for work in chosen for place in work.places}
        places = dict(sorted(works.items(), key=lambda item: item[0]))
        own.lease = _Open(places, sum(work.cost for work in chosen), self._clock())
        by_group = groupby(places, key=lambda each: each[0])
        return Lease([(group, [place for _, place in members]) for group, members in by_group])

    def finish(self, replica: int, group: int, place: int) -> None:
        """The prompt is answered, or failed for good."""
        self._take_back(replica, (group, place))
        self._unfinished -= 1

    def retry(self, replica: int, group: int, place: int) -> bool:
        """The prompt failed for a reason of the replica: True = it is asked again, elsewhere where there is anyone.

        False = its tries are used up, and it counts as finished.
        """
        work = self._take_back(replica, (group, place))
        self._failures[group, place] += 1
        if self._failures[group, place] >= TRIES:
            self._unfinished -= 1
            return False
        self._apart.append(self._work(group, [place], work.avoided | {replica}))
        return True

    def lose(self, replica: int) -> list[Place]:
        """The replica is gone, and what it has not answered is dealt anew until it joins again.

        Returns what is given up because a replica died of it each time: the first prompt that it had not answered is
        the suspect. That one is asked alone from now on; the rest of the lease in two halves, so that what kills
        replicas farther back is soon found.
        """
        lost = self._replicas[replica]
        lost.is_alive = False
        lease, lost.lease = lost.lease, None
        if lease is None:
            return []
        (suspect, work), *rest = lease.places.items()
        places = [place for place, _ in rest]
        for half in (places[: len(places) // 2], places[len(places) // 2 :]):
            for group, members in groupby(half, key=lambda each: each[0]):
                self._apart.append(self._work(group, [place for _, place in members], is_alone=True))
        self._strikes[suspect] += 1
        if self._strikes[suspect] >= STRIKES:
            self._unfinished -= 1
            return [suspect]
        group, place = suspect
        self._apart.append(self._work(group, [place], work.avoided | {replica}, is_alone=True))
        return []

    def leave(self, replica: int) -> None:
        """The replica takes no more, and what is dealt to it goes to the others; nothing is held against a prompt."""
        gone = self._replicas[replica]
        gone.is_alive = False
        lease, gone.lease = gone.lease, None
        for group, members in groupby(lease.places if lease else (), key=lambda each: each[0]):
            self._apart.append(self._work(group, [place for _, place in members]))

    def join(self, replica: int) -> None:
        """The replica is there again."""
        self._replicas[replica].is_alive = True

    def _take_back(self, replica: int, place: Place) -> _Work:
        """End the lease of one prompt, and measure the replica with the last one."""
        own = self._replicas[replica]
        if own.lease is None or place not in own.lease.places:
            raise RuntimeError(f"replica {replica} answers group {place[0]}, place {place[1]}, which it was not given")
        work = own.lease.places.pop(place)
        if not own.lease.places:
            own.cost = own.cost * MEMORY + own.lease.cost
            own.seconds = own.seconds * MEMORY + self._clock() - own.lease.start
            own.lease = None
        return work

    def _work(
        self, group: int, places: list[int], avoided: frozenset[int] = frozenset(), *, is_alone: bool = False
    ) -> _Work:
        lengths = self._groups[group]
        first = places[0]
        cost = self._cost.prefill(0, lengths.lengths[first])
        for before, place in pairwise(places):
            shared = min(lengths.shared[before + 1 : place + 1])
            cost += self._cost.prefill(shared, lengths.lengths[place])
        cost += sum(self._cost.decode(lengths.lengths[place], lengths.limits[place]) for place in places)
        return _Work(group, places, cost, avoided, is_alone)

    def _chosen(self, replica: int) -> list[_Work]:
        """What to lease: what was set apart, else of the replica's own queue, else of another's."""
        apart = [work for work in self._apart if self._may_have(replica, work)]
        if apart:
            return apart[:1] if apart[0].is_alone else [work for work in apart if not work.is_alone]
        own = self._replicas[replica]
        if not own.queue:
            own.queue = self._taken_over(replica)
        if len(self._replicas) == 1:
            return list(own.queue)
        return list(_up_to(self._portion(replica), own.queue))

    def _may_have(self, replica: int, work: _Work) -> bool:
        others = (index for index, each in enumerate(self._replicas) if each.is_alive)
        return replica not in work.avoided or all(index in work.avoided for index in others)

    def _portion(self, replica: int) -> float:
        """Cost of the next lease, at most: a part of its queue, and of its share of what waits anywhere."""
        waiting = sum(each.waiting for each in self._replicas)
        fair = waiting * self._speed(replica) / self._speed_of_all()
        return PORTION * min(self._replicas[replica].waiting, fair)

    def _taken_over(self, replica: int) -> list[_Work]:
        """Taken from the end of the queue that would take longest: so much that both end together."""
        queued = [index for index, each in enumerate(self._replicas) if each.queue]
        if not queued:
            return []
        from_ = max(queued, key=self._time_left)
        victim, speed = self._replicas[from_], self._speed(replica)
        if victim.is_alive:
            most = self._time_left(from_) / (1 / speed + 1 / self._speed(from_))
        else:
            most = victim.waiting * speed / self._speed_of_all()
        taken = list(_up_to(most, reversed(victim.queue)))[::-1]
        del victim.queue[-len(taken) :]
        return taken

    def _time_left(self, replica: int) -> float:
        """Seconds that a replica needs for its lease and its queue; endless for one that is gone."""
        each = self._replicas[replica]
        if not each.is_alive:
            return float("inf")
        speed = self._speed(replica)
        under_way = max(0.0, each.lease.start + each.lease.cost / speed - self._clock()) if each.lease else 0.0
        return under_way + each.waiting / speed

    def _is_elsewhere_sooner(self, replica: int, cost: float) -> bool:
        """Whether another replica would have it answered before this one, after all that it has to do."""
        here = cost / self._speed(replica)
        return any(
            self._time_left(index) + cost / self._speed(index) < here
            for index, each in enumerate(self._replicas)
            if each.is_alive and each.lease is not None
        )

    def _speed(self, replica: int) -> float:
        """Cost in a second, as measured; of a replica not yet measured the mean of the others."""
        each = self._replicas[replica]
        if each.seconds > 0:
            return each.cost / each.seconds
        measured = [other.cost / other.seconds for other in self._replicas if other.seconds > 0]
        return sum(measured) / len(measured) if measured else 1.0

    def _speed_of_all(self) -> float:
        return sum(self._speed(index) for index, each in enumerate(self._replicas) if each.is_alive)

    def _remove(self, work: _Work) -> None:
        for queue in (self._apart, *(each.queue for each in self._replicas)):
            for index, other in enumerate(queue):
                if other is work:
                    del queue[index]
                    return


def _up_to(cost: float, queue: Sequence[_Work] | Iterator[_Work]) -> Iterator[_Work]:
    """The first of the queue, and the next ones until so much is reached."""
    total = 0.0
    for work in queue:
        if total and total + work.cost / 2 > cost:
            return
        total += work.cost
        yield work


def _chains(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Pieces next to each other, together."""
    chain: list[Piece] = []
    for piece in pieces:
        if chain and (chain[-1].group, chain[-1].stop) != (piece.group, piece.start):
            yield chain
            chain = []
        chain.append(piece)
    if chain:
        yield chain
