"""Replicas side by side, simulated over real prompt sets: how near the bound they end, and what sharing they keep.

    EVALKIT_DATA=… python tests/performance/bench_shards.py [--sets leval,longbench,needlebench] [--replicas 1,2,…,64]

Prompts are those of the card gpt-4 (tiktoken, cl100k) with a window of 128k: L-Eval, LongBench as far as its files are
at hand, and both single-needle tasks of NeedleBench 128k (1,760 prompts; some minutes to build). Costs are fitted to
timed answers of a random Llama of 27M parameters in float32 on one thread. One replica is two times slower; each
begins every lease with an empty cache, which is the worst case, and answers one prompt at a time.

Printed for the schedule, for static shards (`--shard`) at these and at equal speeds, and at equal speeds for contiguous
cuts of equal cost and for prompts dealt one by one (round-robin, the control): makespan over the bound, and sharing
kept = (all tokens - computed) / (all - unique). The bound is the larger of two: what one engine would take for
everything, over the sum of speeds; the costliest prompt, on a fast replica. It computes no stem twice, so where stems
are fewer than replicas nothing can reach it. Goals, for the schedule: at most 1.10, and at least 95%.
"""

from __future__ import annotations

import argparse
import heapq
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench_batching import words
from bench_prefix_reuse import make_model

from evalkit.cards import load_card
from evalkit.models import BackendOptions, GenerationRequest, load_model
from evalkit.models.replicas import Schedule
from evalkit.planning.shards import (
    Lengths,
    WorkCost,
    cut,
    deal,
    fitted_cost,
    lengths_of,
    one_after_the_other,
    work_cost,
)
from evalkit.prompts import load_tokenizer, token_array
from evalkit.rope import RopeSetting
from evalkit.runs import RunSettings, open_session, plan_session

SETS: dict[str, tuple[str, tuple[str, ...]]] = {
    "leval": ("leval", ()),
    "longbench": ("longbench", ()),
    "needlebench": ("needlebench-128k", ("single_en", "single_zh")),
}
MOST_OF_BOUND, LEAST_KEPT = 1.10, 0.95
SLOW = 0.5


def measured_cost() -> WorkCost:
    """Costs in seconds of the random Llama, from timed answers behind an empty cache."""
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), iter([words()]))
        card = load_card(folder)
        model = load_model("hf", card, load_tokenizer(card), BackendOptions("float32", "cpu", batch=1))
    draw = np.random.default_rng(0)
    samples = []
    for tokens, new in ((300, 4), (300, 64), (1500, 4), (1500, 64), (5000, 4), (5000, 48), (9000, 4)):
        for _ in range(2):
            ids = token_array(draw.integers(10, 500, tokens).tolist())  # of its own: the cache lasts over calls
            start = time.perf_counter()
            (done,) = model.generate(RopeSetting("native"), [GenerationRequest(0, ids, new)])
            samples.append((0, tokens, done.output_tokens, time.perf_counter() - start))
    for sample in samples:
        print("  {1} tokens, {2} new: {3:.3f} s".format(*sample))
    return fitted_cost(samples, work_cost(card))


def prompts_of(name: str) -> list[Lengths]:
    """The lengths of a prompt set, in its RoPE groups."""
    benchmark, tasks = SETS[name]
    with tempfile.TemporaryDirectory() as folder:
        settings = RunSettings(
            "gpt-4", (benchmark,), tasks=tasks, max_seq_len=131_072, partial=True, out=Path(folder) / "run"
        )
        plan = plan_session(open_session(settings))
    return lengths_of(plan, plan.groups)


@dataclass(frozen=True)
class Result:
    """What a way of sharing out came to."""

    seconds: float
    """Until the last replica ends."""
    computed: int
    """Prompt tokens."""


Work = list[tuple[int, list[int]]]
"""Groups with places, answered in one call."""


def answers(groups: Sequence[Lengths], work: Work, cost: WorkCost) -> Iterator[tuple[int, int, float, int]]:
    """Group, place, seconds and tokens computed of each prompt on a replica of speed 1."""
    for group, places in work:
        for each in one_after_the_other(groups[group], places, cost):
            yield group, each.place, each.cost, groups[group].lengths[each.place] - each.shared


def scheduled(groups: Sequence[Lengths], cost: WorkCost, speeds: Sequence[float]) -> Result:
    """Replicas that ask the schedule."""
    now, computed = 0.0, 0
    schedule = Schedule(groups, cost, len(speeds), lambda: now)
    events: list[tuple[float, int, int, int]] = []
    under_way: dict[int, Iterator[tuple[int, int, float, int]]] = {}

    def go_on(replica: int) -> None:
        nonlocal computed
        found = next(under_way[replica], None) if replica in under_way else None
        if found is None:
            under_way.pop(replica, None)
            lease = schedule.take(replica)
            if lease is None:
                return
            under_way[replica] = answers(groups, lease.groups, cost)
            found = next(under_way[replica])
        group, place, seconds, tokens = found
        computed += tokens
        heapq.heappush(events, (now + seconds / speeds[replica], replica, group, place))

    for replica in range(len(speeds)):
        go_on(replica)
    while events:
        now, replica, group, place = heapq.heappop(events)
        schedule.finish(replica, group, place)
        for each in [replica, *(other for other in range(len(speeds)) if other not in under_way)]:
            if each == replica or each not in under_way:
                go_on(each)
    assert schedule.is_done
    return Result(now, computed)


def fixed(groups: Sequence[Lengths], cost: WorkCost, speeds: Sequence[float], works: Sequence[Work]) -> Result:
    """Replicas that have their work from the beginning."""
    seconds, computed = [], 0
    for work, speed in zip(works, speeds, strict=True):
        done = list(answers(groups, work, cost))
        seconds.append(sum(each[2] for each in done) / speed)
        computed += sum(each[3] for each in done)
    return Result(max(seconds), computed)


def shards(groups: Sequence[Lengths], cost: WorkCost, count: int) -> list[Work]:
    """As `--shard` cuts them, but for samples that stay together."""
    dealt = deal(cut(groups, cost, count), count)
    return [
        [
            (index, [place for piece in pieces if piece.group == index for place in range(piece.start, piece.stop)])
            for index in range(len(groups))
        ]
        for pieces in dealt
    ]


def contiguous(groups: Sequence[Lengths], cost: WorkCost, count: int) -> list[Work]:
    """Trie order in stretches of equal cost, wherever they end."""
    own = [
        each
        for index, group in enumerate(groups)
        for each in answers(groups, [(index, list(range(len(group.lengths))))], cost)
    ]
    total, done = sum(each[2] for each in own), 0.0
    works: list[dict[int, list[int]]] = [{} for _ in range(count)]
    for group, place, seconds, _ in own:
        works[min(int(done / total * count), count - 1)].setdefault(group, []).append(place)
        done += seconds
    return [list(each.items()) for each in works]


def round_robin(groups: Sequence[Lengths], count: int) -> list[Work]:
    """Prompts dealt one by one in trie order."""
    return [
        [(index, list(range(replica, len(group.lengths), count))) for index, group in enumerate(groups)]
        for replica in range(count)
    ]


def bound(groups: Sequence[Lengths], cost: WorkCost, speeds: Sequence[float]) -> float:
    """Seconds that nothing can be faster than."""
    whole = sum(
        each[2]
        for index, group in enumerate(groups)
        for each in answers(groups, [(index, list(range(len(group.lengths))))], cost)
    )
    costliest = max(
        cost.prefill(0, tokens) + cost.decode(tokens, limit)
        for group in groups
        for tokens, limit in zip(group.lengths, group.limits, strict=True)
    )
    return max(whole / sum(speeds), costliest / max(speeds))


def main() -> int:
    """Print the table; whether the schedule meets its goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--replicas", default="1,2,4,8,16,32,64")
    asked = parser.parse_args()
    if "EVALKIT_DATA" not in os.environ:
        parser.error("set EVALKIT_DATA to the folder of the benchmarks' files")
    cost = measured_cost()
    print(f"a token {cost.token:.2e} s, a pair {cost.pair:.2e} s, a new token {cost.new_token:.2e} s")
    are_met = True
    for name in asked.sets.split(","):
        groups = prompts_of(name)
        everything = sum(sum(group.lengths) for group in groups)
        shared = sum(sum(group.shared) for group in groups)
        prompts = sum(len(group.lengths) for group in groups)
        print(f"\n{name}: {prompts:,} prompts, {everything:,} tokens, {everything - shared:,} unique")
        print("replicas   schedule        shards       (equal speeds)   contiguous      round-robin")
        for count in map(int, asked.replicas.split(",")):
            speeds = [1.0] * (count - 1) + [SLOW if count > 1 else 1.0]
            equal = [1.0] * count
            cells = []
            for result, of in (
                (scheduled(groups, cost, speeds), speeds),
                (fixed(groups, cost, speeds, shards(groups, cost, count)), speeds),
                (fixed(groups, cost, equal, shards(groups, cost, count)), equal),
                (fixed(groups, cost, equal, contiguous(groups, cost, count)), equal),
                (fixed(groups, cost, equal, round_robin(groups, count)), equal),
            ):
                cells.append((result.seconds / bound(groups, cost, of), (everything - result.computed) / shared))
            is_met = cells[0][0] <= MOST_OF_BOUND and cells[0][1] >= LEAST_KEPT
            are_met &= is_met
            print(
                f"{count:8} " + "  ".join(f"{time:5.2f} {kept:7.1%}" for time, kept in cells), "" if is_met else "  !"
            )
    return 0 if are_met else 1


if __name__ == "__main__":
    sys.exit(main())
