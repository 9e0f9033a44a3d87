"""Which replica answers what next: leases of whole subtrees, taken over from the slow and the dead."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import ceil
from statistics import median

import numpy as np

from evalkit.planning.shards import Lengths, WorkCost, cut, deal, one_after_the_other

__all__ = ["Lease", "Schedule"]

Place = tuple[int, int]
"""Group, and place in its order."""

STRIKES = 5
"""Deaths of one prompt behind which it is given up: where a replica is killed every twenty answers, three would meet in
one prompt once in four runs of a hundred kills, five once in thousands."""
TRIES = 3
"""Answers to one prompt that may fail for a reason of the replica; and deaths of one and the same replica, behind which
it would be given up itself."""
PORTION = 1 / 4
"""Of what is left for a replica that one lease takes."""
FIRST = 1 / 16
"""The same of the first lease, which shows how fast it is."""
DELAY = 1.05
"""Of a fair share, or of a replica's heaviest piece where that is more: when it may end that first shows its speed."""
LATE = 0.05
"""Of the whole time that a piece may take beyond the fair end before it is cut."""
OTHER_SPEED = 0.2
"""Of its speed by which a replica must depart from what it was dealt by, so that all is dealt anew."""
UNEVEN = 0.1
"""Of the longest time left that a replica must be ahead to take over work while it has its own."""
TICK = 1e-6
"""Seconds that a lease takes at least, whatever the clock can tell."""
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

    costs: dict[Place, float]
    """What is not answered, in order, and what each costs behind the one before."""
    cost: float
    """Of all that was leased."""
    left: float
    """Of what is not answered."""
    start: float
    """When it was taken."""
    avoided: frozenset[int]
    """Replicas that shall not have what is asked again."""


@dataclass
class _Replica:
    queue: list[_Work] = field(default_factory=list)
    """The heaviest first."""
    waiting: float = 0.0
    """Cost of the queue."""
    lease: _Open | None = None
    is_alive: bool = True
    cost: float = 0.0
    """Of its leases, the latest most."""
    seconds: float = 0.0
    """That they took."""
    dealt_speed: float = 1.0
    """Relative to the usual one, that its queue was dealt by."""

    @property
    def cost_left(self) -> float:
        """Of its queue and of what it has not answered of its lease."""
        return self.waiting + (self.lease.left if self.lease else 0.0)

    def put(self, works: Iterable[_Work]) -> None:
        """Into the queue."""
        self.queue = sorted([*self.queue, *works], key=lambda work: (-work.cost, work.group, work.places[0]))
        self.waiting = sum(work.cost for work in self.queue)

    def draw(self, works: Collection[_Work]) -> None:
        """Out of the queue."""
        drawn = set(map(id, works))
        self.queue = [work for work in self.queue if id(work) not in drawn]
        self.waiting = sum(work.cost for work in self.queue)


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
        self._killed: defaultdict[Place, list[int]] = defaultdict(list)
        """Replicas that died of a prompt, each as often as it did."""
        self._failures: Counter[Place] = Counter()
        self._unfinished = sum(len(group.lengths) for group in groups)
        self._usual_speed = 1.0
        self._start = clock()
        for replica, pieces in zip(self._replicas, deal(cut(groups, cost, replicas), replicas), strict=True):
            replica.put(_Work(piece.group, range(piece.start, piece.stop), piece.cost) for piece in pieces)

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
        self._apart = [work for work in self._apart if not any(work is each for each in chosen)]
        own.draw(chosen)
        by_group: dict[int, list[int]] = {}
        for group, place in sorted((work.group, place) for work in chosen for place in work.places):
            by_group.setdefault(group, []).append(place)
        costs = {
            (group, each.place): each.cost
            for group, places in by_group.items()
            for each in one_after_the_other(self._groups[group], places, self._cost)
        }
        total = sum(costs.values())
        avoided = frozenset().union(*(work.avoided for work in chosen))
        own.lease = _Open(costs, total, total, self._clock(), avoided)
        return Lease(list(by_group.items()))

    def finish(self, replica: int, group: int, place: int) -> None:
        """The prompt is answered, or failed for good."""
        self._take_back(replica, (group, place))
        self._unfinished -= 1

    def retry(self, replica: int, group: int, place: int) -> bool:
        """The prompt failed for a reason of the replica: True = it is asked again, elsewhere where there is anyone.

        False = its tries are used up, and it counts as finished.
        """
        lease = self._take_back(replica, (group, place))
        self._failures[group, place] += 1
        if self._failures[group, place] >= TRIES:
            self._unfinished -= 1
            return False
        self._set_apart([(group, place)], lease.avoided | {replica})
        return True

    def excuse(self, group: int, place: int) -> None:
        """The prompt failed where everything does: that counts for nothing."""
        self._failures[group, place] -= 1

    def lose(self, replica: int) -> list[Place]:
        """The replica is gone, and what it has not answered is dealt anew until it joins again.

        Returns what is given up because a replica died of it each time: the first prompt that it had not answered is
        the suspect. That one is asked alone from now on; the rest of the lease in two halves, so that what kills
        replicas farther back is soon found.
        """
        lease = self._end(replica)
        if lease is None:
            return []
        suspect, *rest = lease.costs
        for half in (rest[: len(rest) // 2], rest[len(rest) // 2 :]):
            self._set_apart(half, is_alone=True)
        killed = self._killed[suspect]
        killed.append(replica)
        if len(killed) >= STRIKES or killed.count(replica) >= TRIES:
            self._unfinished -= 1
            return [suspect]
        self._set_apart([suspect], lease.avoided | {replica}, is_alone=True)
        return []

    def leave(self, replica: int) -> None:
        """The replica takes no more, and what is dealt to it goes to the others; nothing is held against a prompt."""
        lease = self._end(replica)
        self._set_apart(list(lease.costs) if lease else [])

    def join(self, replica: int) -> None:
        """The replica is there again."""
        self._replicas[replica].is_alive = True

    def _end(self, replica: int) -> _Open | None:
        """Let a replica be dead; the lease that it had."""
        gone = self._replicas[replica]
        gone.is_alive = False
        lease, gone.lease = gone.lease, None
        return lease

    def _take_back(self, replica: int, place: Place) -> _Open:
        """End the lease of one prompt, and measure the replica with the last one."""
        own = self._replicas[replica]
        lease = own.lease
        if lease is None or place not in lease.costs:
            raise RuntimeError(f"replica {replica} answers group {place[0]}, place {place[1]}, which it was not given")
        lease.left -= lease.costs.pop(place)
        if not lease.costs:
            own.cost = own.cost * MEMORY + lease.cost
            own.seconds = own.seconds * MEMORY + max(self._clock() - lease.start, TICK)
            own.lease = None
            self._usual_speed = median(each.cost / each.seconds for each in self._replicas if each.seconds > 0)
            if abs(self._speed(replica) / self._usual_speed / own.dealt_speed - 1) > OTHER_SPEED:
                self._deal_anew()
        return lease

    def _deal_anew(self) -> None:
        """All queues by the speeds that are known now: the heaviest first, each to who would have it answered first."""
        alive = [index for index, each in enumerate(self._replicas) if each.is_alive]
        works = [work for each in self._replicas for work in each.queue]
        queues: list[list[_Work]] = [[] for _ in alive]
        speeds = np.array([self._speed(index) for index in alive])
        loads = np.array([each.lease.left if each.lease else 0.0 for each in (self._replicas[i] for i in alive)])
        for work in sorted(works, key=lambda work: -work.cost):
            soonest = int(np.argmin((loads + work.cost) / speeds))
            loads[soonest] += work.cost
            queues[soonest].append(work)
        for each in self._replicas:
            each.draw(each.queue)
        for index, queue, speed in zip(alive, queues, speeds, strict=True):
            self._replicas[index].put(queue)
            self._replicas[index].dealt_speed = float(speed / self._usual_speed)

    def _set_apart(
        self, places: Sequence[Place], avoided: frozenset[int] = frozenset(), *, is_alone: bool = False
    ) -> None:
        for group, members in groupby(places, key=lambda each: each[0]):
            together = [place for _, place in members]
            cost = sum(each.cost for each in one_after_the_other(self._groups[group], together, self._cost))
            self._apart.append(_Work(group, together, cost, avoided, is_alone))

    def _chosen(self, replica: int) -> list[_Work]:
        """What to lease: what was set apart, else of the replica's own queue, evened out with the longest one."""
        apart = [work for work in self._apart if self._may_have(replica, work)]
        if apart:
            return apart[:1] if apart[0].is_alone else [work for work in apart if not work.is_alone]
        self._take_over(replica)
        own = self._replicas[replica]
        if len(self._replicas) == 1:
            return list(own.queue)
        if own.seconds == 0 or not self._are_known():
            return self._trial(replica)
        self._split(replica)
        return list(_up_to(PORTION * self._share(replica), own.queue))

    def _are_known(self) -> bool:
        """Whether enough replicas are measured to tell what is slow."""
        alive = [each for each in self._replicas if each.is_alive]
        return 2 * sum(each.seconds > 0 for each in alive) > len(alive)

    def _trial(self, replica: int) -> list[_Work]:
        """What shows how fast a replica is, and takes little time if it is slow: the lightest there is.

        Where that would put off the end too far, the heaviest of its own.
        """
        most = FIRST * self._share(replica)
        own = self._replicas[replica]
        if own.queue and own.queue[-1].cost > most:
            lightest = min((each for each in self._replicas if each.queue), key=lambda each: each.queue[-1].cost)
            fair = sum(each.cost_left for each in self._replicas) / len(self._replicas)
            if own.queue[0].cost + lightest.queue[-1].cost > DELAY * max(fair, own.queue[0].cost):
                return own.queue[:1]
            taken = lightest.queue[-1:]
            lightest.draw(taken)
            own.put(taken)
        lightest_first = own.queue[::-1]
        count = int(np.searchsorted(np.cumsum([work.cost for work in lightest_first]), most, side="right"))
        return lightest_first[: max(1, count)]

    def _split(self, replica: int) -> None:
        """Cut the heaviest of the queue where it would take the replica longer than all else takes everybody."""
        own, now = self._replicas[replica], self._clock()
        if not own.queue:
            return
        left = sum(each.cost_left for each in self._replicas)
        fair = left / self._speed_of_all()
        fair += LATE * (now - self._start + fair)
        work, most = own.queue[0], fair * self._speed(replica)
        if work.cost <= most or len(work.places) == 1:
            return
        lengths, (first, last) = self._groups[work.group], (work.places[0], work.places[-1] + 1)
        part = Lengths(lengths.lengths[first:last], [0, *lengths.shared[first + 1 : last]], lengths.limits[first:last])
        pieces = cut([part], self._cost, ceil(work.cost / most))
        own.draw([work])
        own.put(_Work(work.group, range(first + piece.start, first + piece.stop), piece.cost) for piece in pieces)

    def _may_have(self, replica: int, work: _Work) -> bool:
        others = (index for index, each in enumerate(self._replicas) if each.is_alive)
        return replica not in work.avoided or all(index in work.avoided for index in others)

    def _share(self, replica: int) -> float:
        """Cost of what waits for a replica, or of its share of all that waits where that is less."""
        own = self._replicas[replica]
        waiting = sum(each.waiting for each in self._replicas)
        fair = waiting * self._speed(replica) / self._speed_of_all()
        return min(own.waiting, fair)

    def _take_over(self, replica: int) -> None:
        """Take from the queue that would take longest so much that both end together, where that is much."""
        own, speed = self._replicas[replica], self._speed(replica)
        queued = [index for index, each in enumerate(self._replicas) if each.queue and index != replica]
        if not queued:
            return
        longest = max(queued, key=self._time_left)
        victim, time_left = self._replicas[longest], self._time_left(longest)
        if victim.is_alive:
            ahead = time_left - self._time_left(replica)
            most = ahead / (1 / speed + 1 / self._speed(longest)) if ahead > UNEVEN * time_left else 0.0
        else:
            most = victim.waiting * speed / self._speed_of_all()
        taken = []
        for work in victim.queue:
            if work.cost <= most:
                most -= work.cost
                taken.append(work)
        if not taken and not own.queue:
            taken = victim.queue[-1:]
        victim.draw(taken)
        own.put(taken)

    def _time_left(self, replica: int) -> float:
        """Seconds that a replica needs for its lease and its queue; endless for one that is gone."""
        each = self._replicas[replica]
        if not each.is_alive:
            return float("inf")
        return each.cost_left / self._speed(replica)

    def _is_elsewhere_sooner(self, replica: int, cost: float) -> bool:
        """Whether another replica would have it answered before this one, after all that it has to do."""
        here = cost / self._speed(replica)
        return any(
            self._time_left(index) + cost / self._speed(index) < here
            for index, each in enumerate(self._replicas)
            if each.is_alive and each.lease is not None and index != replica
        )

    def _speed(self, replica: int) -> float:
        """Cost in a second, as measured; of a replica not yet measured the mean of the others.

        A lease that takes longer than that would have shows that it is less.
        """
        each = self._replicas[replica]
        speed = each.cost / each.seconds if each.seconds > 0 else self._usual_speed
        elapsed = self._clock() - each.lease.start if each.lease else 0.0
        return min(speed, each.lease.cost / elapsed) if each.lease and elapsed > 0 else speed

    def _speed_of_all(self) -> float:
        return sum(self._speed(index) for index, each in enumerate(self._replicas) if each.is_alive)


def _up_to(cost: float, queue: Iterable[_Work]) -> Iterator[_Work]:
    """The first of the queue, and the next ones until so much is reached."""
    total = 0.0
    for work in queue:
        if total and total + work.cost / 2 > cost:
            return
        total += work.cost
        yield work
