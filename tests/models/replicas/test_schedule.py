"""What a schedule must keep: every prompt is finished once or given up, never leased twice, and it always ends."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.models.replicas import Schedule
from evalkit.planning.shards import Lengths, WorkCost

COST = WorkCost(1.0, 0.001, 2.0)


def documents(seed: int, count: int, questions: int) -> list[Lengths]:
    """Two groups of documents, each with questions that share it."""
    draw = random.Random(seed)
    groups = []
    for _ in range(2):
        lengths, shared = [], []
        for _ in range(count):
            size = draw.randint(10, 3000)
            asked = draw.randint(1, questions)
            lengths += [size + draw.randint(1, 30) for _ in range(asked)]
            shared += [0, *[size] * (asked - 1)]
        groups.append(Lengths(lengths, shared, [16] * len(lengths)))
    return groups


class World:
    """Replicas that answer, fail, die and come back as drawn, in simulated time."""

    def __init__(self, groups: list[Lengths], speeds: list[float], seed: int) -> None:
        self.now = 0.0
        self.schedule = Schedule(groups, COST, len(speeds), lambda: self.now)
        self.groups, self.speeds, self.draw = groups, speeds, random.Random(seed)
        self.leased: dict[int, list[tuple[int, int]]] = {}
        self.ends: dict[int, float] = {}
        self.gone: set[int] = set()
        self.finished: Counter[tuple[int, int]] = Counter()
        self.given_up: Counter[tuple[int, int]] = Counter()

    def ask(self, replica: int) -> None:
        """Let an idle replica take work; nothing of it may be under way elsewhere."""
        lease = self.schedule.take(replica)
        if lease is None:
            return
        places = [(group, place) for group, members in lease.groups for place in members]
        under_way = {place for others in self.leased.values() for place in others}
        assert places and len(set(places)) == len(places) and not under_way & set(places)
        assert not (self.finished.keys() | self.given_up.keys()) & set(places)
        self.leased[replica] = places
        self.begin(replica)

    def begin(self, replica: int) -> None:
        group, place = self.leased[replica][0]
        self.ends[replica] = self.now + self.groups[group].lengths[place] / self.speeds[replica]

    def step(self, kills: float, failures: float, deadly: set[tuple[int, int]]) -> None:
        """What happens next to one prompt."""
        for replica in range(len(self.speeds)):
            if replica not in self.leased and replica not in self.gone:
                self.ask(replica)
        assert self.leased, "nobody has anything to do, and it is not done"
        replica = min(self.leased, key=lambda each: self.ends[each])
        self.now = self.ends[replica]
        place = self.leased[replica][0]
        if place in deadly or self.draw.random() < kills:
            self.given_up.update(self.schedule.lose(replica))
            del self.leased[replica]
            if self.draw.random() < 0.2 and len(self.gone) + 1 < len(self.speeds):
                self.gone.add(replica)
                self.schedule.leave(replica)
            else:
                self.schedule.join(replica)
            return
        self.leased[replica].pop(0)
        if self.draw.random() < failures:
            if not self.schedule.retry(replica, *place):
                self.given_up[place] += 1
        else:
            self.schedule.finish(replica, *place)
            self.finished[place] += 1
        if self.leased[replica]:
            self.begin(replica)
        else:
            del self.leased[replica]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(1, 6), st.sampled_from([0.0, 0.02, 0.2]), st.sampled_from([0.0, 0.1, 0.9]),
    st.integers(0, 2),
)  # fmt: skip
def test_every_prompt_ends_once(seed: int, replicas: int, kills: float, failures: float, deadly: int) -> None:
    groups = documents(seed, 5, 5)
    everything = [(group, place) for group, each in enumerate(groups) for place in range(len(each.lengths))]
    draw = random.Random(seed)
    world = World(groups, [draw.choice([0.1, 0.5, 1.0, 3.0]) for _ in range(replicas)], seed)
    poison = set(draw.sample(everything, deadly))
    for _ in range(100 * len(everything)):
        if world.schedule.is_done:
            break
        world.step(kills, failures, poison)
    assert world.schedule.is_done
    assert world.finished + world.given_up == Counter(everything)
    assert poison <= world.given_up.keys()
    if not kills and not failures:
        assert world.given_up.keys() == poison


def test_what_kills_at_the_end_of_a_lease_costs_few_replicas() -> None:
    """An engine that has many prompts under way dies of the last one: halving finds it."""
    groups = [Lengths([100] * 256, [0] * 256, [8] * 256)]
    schedule = Schedule(groups, COST, 2, lambda: 0.0)
    deadly, deaths, given_up = (0, 255), 0, []
    while not schedule.is_done:
        for replica in range(2):
            lease = schedule.take(replica)
            if lease is None:
                continue
            places = [(group, place) for group, members in lease.groups for place in members]
            if deadly in places:
                deaths += 1
                given_up += schedule.lose(replica)
                schedule.join(replica)
            else:
                for place in places:
                    schedule.finish(replica, *place)
    assert given_up == [deadly]
    assert deaths <= 12


def test_a_failed_prompt_is_asked_elsewhere() -> None:
    schedule = Schedule([Lengths([100, 100], [0, 0], [8, 8])], COST, 2, lambda: 0.0)
    leases = [schedule.take(replica) for replica in range(2)]
    assert leases[0] is not None and leases[1] is not None
    ((_, (place,)),) = leases[0].groups
    assert schedule.retry(0, 0, place)
    assert schedule.take(0) is None
    schedule.finish(1, 0, 1 - place)
    lease = schedule.take(1)
    assert lease is not None and lease.groups == [(0, [place])]
    assert schedule.retry(1, 0, place)
    schedule.leave(1)
    assert schedule.take(0) is not None, "alone, a replica gets what failed there"
    assert not schedule.retry(0, 0, place)
    assert schedule.is_done


def test_the_dead_ones_share_goes_to_the_others() -> None:
    groups = documents(3, 20, 4)
    schedule = Schedule(groups, COST, 2, lambda: 0.0)
    assert schedule.lose(1) == []
    answered = 0
    while (lease := schedule.take(0)) is not None:
        for group, places in lease.groups:
            for place in places:
                schedule.finish(0, group, place)
                answered += 1
    assert schedule.is_done
    assert answered == sum(len(group.lengths) for group in groups)


@pytest.mark.parametrize("slow", [0, 3])
def test_a_slow_replica_gets_less(slow: int) -> None:
    groups = documents(1, 100, 4)
    speeds = [1.0] * 4
    speeds[slow] = 0.25
    now = [0.0]
    schedule = Schedule(groups, COST, 4, lambda: now[0])
    ends: dict[int, list[tuple[float, int, int]]] = {}
    done = Counter[int]()
    while not schedule.is_done:
        for replica in range(4):
            if not ends.get(replica) and (lease := schedule.take(replica)) is not None:
                at, ends[replica] = now[0], []
                for group, places in lease.groups:
                    before = None
                    for place in places:
                        shared = 0 if before is None else min(groups[group].shared[before + 1 : place + 1])
                        cost = COST.prefill(shared, groups[group].lengths[place])
                        cost += COST.decode(groups[group].lengths[place], 16)
                        at, before = at + cost / speeds[replica], place
                        ends[replica].append((at, group, place))
        replica = min((each for each in ends if ends[each]), key=lambda each: ends[each][0])
        now[0], group, place = ends[replica].pop(0)
        done[replica] += 1
        schedule.finish(replica, group, place)
    whole = sum(
        COST.prefill(shared, tokens) + COST.decode(tokens, 16)
        for group in groups
        for shared, tokens in zip(group.shared, group.lengths, strict=True)
    )
    assert now[0] <= 1.10 * whole / sum(speeds)
    assert done[slow] < min(done[each] for each in range(4) if each != slow) / 2


def test_an_answer_that_nobody_asked_for_is_a_bug() -> None:
    schedule = Schedule([Lengths([10], [0], [8])], COST, 1)
    with pytest.raises(RuntimeError, match="was not given"):
        schedule.finish(0, 0, 0)
