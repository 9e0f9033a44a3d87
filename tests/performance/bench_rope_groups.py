"""What RoPE groups cost: one after the other, several rotations at once, and fewer groups on a grid.

    python tests/performance/bench_rope_groups.py [--batch 8] [--repeats 3] [--threads 1] [--factors 2,4,8]
        [--ratios 1.01,1.02,1.05,1.1] [--lengths 20] [--samples 5] [--longest 4096] [--only speed|grid]

All arms run in this process, in turn; CPU time counts, and the median of the repeats is printed.

- speed: a random Llama (27M parameters) answers prompts of different lengths under `dynamic:4`, so that each prompt is
  a group of its own: one group after the other (the control), all groups together, and all prompts in one group, which
  is what rows of one rotation take. Goals in float32: together gives the texts of the control, and takes at most 1.05
  of the time of one group.
- grid: needle-tiny under dynamic factors, beyond its window, on jittered lengths: exact conditions one after the other
  and together, then `--rope-grid` ratios together. Of each: groups, prompt tokens that must be computed at least, time,
  score, and the samples whose text, or whose score, is another one than under the exact condition.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from bench_batching import cases, hardware, requests_of, words
from bench_prefix_reuse import make_model

from evalkit import load_card
from evalkit.errors import EvalkitWarning
from evalkit.models import BackendOptions, Completion, GenerationRequest, RopeGroup, load_model
from evalkit.prompts import load_tokenizer
from evalkit.rope import RopeModel, RopeSetting, RopeSpec, rope_setting
from evalkit.runs import RunSettings, SilentMonitor, execute, open_session, plan_session, read_records_of_run
from evalkit.scores import score_run

GOAL = 1.05
SPEED = "speed"


class OneAfterTheOther:
    """A model that is asked for one group at a time, whatever it holds; it counts its seconds, and stays open."""

    def __init__(self, model: Any) -> None:
        self.name, self.engine_info = model.name, model.engine_info
        self._model = model
        self.seconds = 0.0
        """Of the processor, inside the model."""

    def generate(self, rope: RopeSetting, requests: Sequence[GenerationRequest]) -> Iterator[Completion]:
        """As the model."""
        yield from self._timed(self._model.generate(rope, requests))

    def _timed(self, completions: Iterator[Completion]) -> Iterator[Completion]:
        while True:
            start = time.process_time()
            done = next(completions, None)
            self.seconds += time.process_time() - start
            if done is None:
                return
            yield done

    def close(self) -> None:
        """Nothing: the next arm takes the same model."""


class Together(OneAfterTheOther):
    """The same with all groups at once."""

    def holds(self, rope: RopeSetting) -> bool:
        """As the model."""
        return bool(self._model.holds(rope))

    def generate_together(self, groups: Sequence[RopeGroup]) -> Iterator[Completion]:
        """As the model."""
        yield from self._timed(self._model.generate_together(groups))


@dataclass
class Arm:
    """What one way of answering gave."""

    seconds: list[float] = field(default_factory=list)
    """Of each repeat."""
    texts: dict[Any, str | None] = field(default_factory=dict)
    """Answers by prompt."""
    groups: int = 0
    """RoPE groups."""
    least: int = 0
    """Prompt tokens that must be computed at least."""
    score: float = 0.0
    """Overall score."""
    hits: dict[str, float] = field(default_factory=dict)
    """Score of each sample."""

    @property
    def median(self) -> float:
        """Seconds of the middle repeat."""
        return statistics.median(self.seconds)


def groups_of(requests: Sequence[GenerationRequest], length: int, *, is_one: bool) -> list[RopeGroup]:
    """The requests by their settings under `dynamic:4` on a window of `length`, or all under the longest one's."""
    model = RopeModel(10_000.0, length, 64)
    tokens = {each.index: len(each.ids) + each.max_new_tokens for each in requests}
    longest = max(tokens.values())
    found: dict[RopeSetting, list[GenerationRequest]] = {}
    for each in requests:
        setting = rope_setting(RopeSpec("dynamic", 4.0), model, longest if is_one else tokens[each.index])
        found.setdefault(setting, []).append(each)
    return [RopeGroup(setting, members) for setting, members in found.items()]


def answered(model: Any, groups: Sequence[RopeGroup], *, is_together: bool) -> list[Completion]:
    """The completions of all groups."""
    if is_together and len(groups) > 1:
        return list(model.generate_together(groups))
    return [done for group in groups for done in model.generate(*group)]


def speed(asked: argparse.Namespace) -> bool:
    """Print what rotations cost on a random Llama; whether the goals are met."""
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), iter([words()]), initializer_range=0.1)
        card = load_card(folder)
        options = BackendOptions("float32", "cpu", batch=asked.batch, rope_model=RopeModel(10_000.0, 32768, 64))
        model: Any = load_model("hf", card, load_tokenizer(card), options)
    print(f"{hardware('cpu', 'float32')}, random Llama of 27M parameters, batch {asked.batch}, dynamic:4")
    is_met = True
    for case in cases(120, 1000, 48):
        requests = requests_of(case, 2 * asked.batch)
        exact, one = (groups_of(requests, case.longest // 4, is_one=is_one) for is_one in (False, True))
        arms = {name: Arm() for name in ("one after the other", "together", "one group")}
        for _ in range(asked.repeats):
            for name, arm in arms.items():
                groups = one if name == "one group" else exact
                start = time.process_time()
                done = answered(model, groups, is_together=name == "together")
                arm.seconds.append(time.process_time() - start)
                arm.texts = {each.index: each.text for each in done}
                arm.groups = len(groups)
        control, together, base = arms.values()
        print(f"\n{case.name}: {len(requests)} prompts, {control.groups} groups")
        for name, arm in arms.items():
            runs = ", ".join(f"{each:.2f}" for each in arm.seconds)
            print(f"  {name:20} {arm.median:6.2f} s ({runs}), {arm.median / control.median:.2f} of the control")
        print(f"  together / one group {together.median / base.median:.3f}")
        is_met &= together.texts == control.texts and together.median <= GOAL * base.median
        print(f"  same texts: {together.texts == control.texts}")
    return is_met


def lengths(count: int, longest: int) -> str:
    """So many lengths from just beyond the window on, evenly spaced but for some jitter."""
    draw = np.random.default_rng(11)
    even = np.linspace(1100, longest, count)
    return ",".join(str(int(each)) for each in even + draw.integers(-20, 20, count))


def run(model: Any, spec: str, grid: float | None, asked: argparse.Namespace, *, is_together: bool) -> Arm:
    """A run of needle-tiny with a model that is loaded."""
    arm = Arm()
    options = {"lengths": lengths(asked.lengths, asked.longest), "depths": asked.depths, "repeats": str(asked.samples)}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        settings = RunSettings(
            model="needle-tiny", benchmarks=("needle",), rope=spec, rope_grid=grid, options=options, out=out,
            dtype="float32", device="cpu",
        )  # fmt: skip
        session = open_session(settings)
        plan = plan_session(session)
        arm.groups, arm.least = len(plan.groups), plan.counts().unique_prompt_tokens
        timed = (Together if is_together else OneAfterTheOther)(model)
        execute(session, SilentMonitor(), lambda: timed)
        arm.seconds.append(timed.seconds)
        arm.texts = {each.id: each.text for each in read_records_of_run(out)}
        scores, rows = score_run(out)
        arm.score = float(scores.overall.score or 0.0)
        arm.hits = {row.id: float(row.score or 0.0) for row in rows}
    return arm


def report(name: str, arm: Arm, exact: Arm) -> None:
    """Print one arm against the exact conditions, one after the other."""
    texts = sum(arm.texts[key] != text for key, text in exact.texts.items())
    gained = sum(arm.hits[key] > hit for key, hit in exact.hits.items())
    lost = sum(arm.hits[key] < hit for key, hit in exact.hits.items())
    print(
        f"  {name:20} {arm.groups:4} groups, {arm.least:8,} tokens, {arm.median:6.1f} s "
        f"({arm.median / exact.median:.2f}), score {arm.score:5.1f}, of {len(exact.texts)} samples "
        f"other texts {texts}, gained {gained}, lost {lost}",
        flush=True,
    )


def grid(asked: argparse.Namespace) -> bool:
    """Print what grid ratios change on needle-tiny; whether rotations at once changed nothing."""
    card = load_card("needle-tiny")
    options = BackendOptions("float32", "cpu", batch=asked.batch, rope_model=RopeModel(10_000.0, 1024, 32))
    model: Any = load_model("hf", card, load_tokenizer(card), options)
    print(
        f"\n{hardware('cpu', 'float32')}, needle-tiny, batch {asked.batch}, {asked.lengths} lengths to {asked.longest}"
    )
    is_met = True
    for factor in asked.factors.split(","):
        spec = f"dynamic:{factor}"
        print(f"\n{spec}")
        exact = run(model, spec, None, asked, is_together=False)
        together = run(model, spec, None, asked, is_together=True)
        report("one after the other", exact, exact)
        report("together, exact", together, exact)
        for ratio in asked.ratios.split(","):
            report(f"together, grid {ratio}", run(model, spec, float(ratio), asked, is_together=True), exact)
        is_met &= together.texts == exact.texts
    return is_met


def main() -> int:
    """Print both parts; 1 where a goal is missed."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--factors", default="2,4,8")
    parser.add_argument("--ratios", default="1.01,1.02,1.05,1.1")
    parser.add_argument("--lengths", type=int, default=20, help="how many lengths")
    parser.add_argument("--longest", type=int, default=4096, help="the longest of them, in tokens")
    parser.add_argument("--depths", default="50", help="places of the needle, in percent")
    parser.add_argument("--samples", type=int, default=5, help="samples of each length, with needles of their own")
    parser.add_argument("--only", default="", choices=["", SPEED, "grid"])
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    warnings.simplefilter("ignore", EvalkitWarning)  # lengths beyond the window are what is measured
    is_met = True
    if asked.only in ("", SPEED):
        is_met &= speed(asked)
    if asked.only in ("", "grid"):
        is_met &= grid(asked)
    print(f"\ngoals: {'met' if is_met else 'missed'}")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
