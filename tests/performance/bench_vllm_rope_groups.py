"""What RoPE groups cost vLLM: exact dynamic conditions together, group by group, and on coarser and coarser grids.

    OMP_NUM_THREADS=1 .venv-vllm/bin/python tests/performance/bench_vllm_rope_groups.py [--prompts 24] [--new 48]
        [--short 600] [--long 1600] [--repeats 3] [--width 512] [--layers 4]

A random Llama made for a quarter of the shortest prompt answers two sets of prompts under `dynamic:4`, all of different
lengths, so that each is a group of its own. All arms run in this process on one engine, in turn, in float32, and the
median of the repeats is printed, of the processor's seconds (all threads of this process) and of the clock's:

- together: all settings in one rotary table, prompts of all groups in one batch;
- one by one: the engine is switched from group to group;
- one by one with `--rope-grid` 1.01 to 1.1: fewer groups, other bases (and texts: a random model tells nothing of
  those);
- one setting: the same prompts under one base, the least that could be.

Goals: together gives the texts of one by one, in at most 0.6 of its time for short prompts.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bench_batching import SPREAD, VOCABULARY, words
from bench_prefix_reuse import make_model

from evalkit.cards import load_card
from evalkit.models import BackendOptions, Completion, GenerationRequest, RopeGroup, load_model
from evalkit.prompts import load_tokenizer, token_array
from evalkit.rope import RopeModel, RopeSetting, parse_rope, rope_setting

if TYPE_CHECKING:
    from evalkit.models.vllm import VllmModel

GOAL = 0.6
GRIDS = (1.01, 1.02, 1.05, 1.1)
SPEC = parse_rope("dynamic:4")
HEAD = 64


@dataclass
class Measured:
    """What one arm gave."""

    groups: int
    """Settings that it asked for."""
    texts: dict[int, str] = field(default_factory=dict)
    """Its answers."""
    wall: list[float] = field(default_factory=list)
    """Seconds of the clock, by repeat."""
    cpu: list[float] = field(default_factory=list)
    """Seconds of the processor, by repeat."""


def groups_of(requests: Sequence[GenerationRequest], trained: RopeModel, grid: float | None = None) -> list[RopeGroup]:
    """The requests by their setting, as a plan groups them."""
    members: dict[RopeSetting, list[GenerationRequest]] = {}
    for request in requests:
        setting = rope_setting(SPEC, trained, len(request.ids) + request.max_new_tokens, grid)
        members.setdefault(setting, []).append(request)
    return [RopeGroup(setting, members[setting]) for setting in sorted(members, key=lambda each: each.key)]


def requests_of(longest: int, count: int, new: int) -> list[GenerationRequest]:
    """Requests in trie order, of lengths from a third of the longest, all different."""
    draw = np.random.default_rng(5)
    lengths = np.linspace(longest / 3, longest, count).astype(int)
    ids = sorted(draw.integers(2, VOCABULARY, length).tolist() for length in lengths)
    return [GenerationRequest(index, token_array(each), new) for index, each in enumerate(ids)]


def answered(model: VllmModel, groups: Sequence[RopeGroup], *, together: bool) -> dict[int, str]:
    """Texts by request."""
    done: list[Completion] = []
    if together:
        done += model.generate_together(groups)
    else:
        for group in groups:
            done += model.generate(*group)
    assert all(each.error is None for each in done), [each.error for each in done]
    return {each.index: each.text for each in done}


def arms_of(
    model: VllmModel, requests: Sequence[GenerationRequest], trained: RopeModel
) -> dict[str, tuple[int, Callable[[], dict[int, str]]]]:
    """Groups of each arm, and what answers them."""
    exact = groups_of(requests, trained)
    arms = {
        "one by one": (len(exact), lambda: answered(model, exact, together=False)),
        "together": (len(exact), lambda: answered(model, exact, together=True)),
    }
    for grid in GRIDS:
        coarse = groups_of(requests, trained, grid)
        arms[f"grid {grid}"] = (len(coarse), lambda coarse=coarse: answered(model, coarse, together=False))
    one = [RopeGroup(exact[-1].rope, requests)]
    arms["one setting"] = (1, lambda: answered(model, one, together=False))
    return arms


def measured(
    model: VllmModel, requests: Sequence[GenerationRequest], trained: RopeModel, repeats: int
) -> dict[str, Measured]:
    """Every arm, in turn."""
    arms = arms_of(model, requests, trained)
    found = {name: Measured(groups) for name, (groups, _) in arms.items()}
    for _ in range(repeats):
        for name, (_, answer) in arms.items():
            wall, cpu = time.perf_counter(), time.process_time()
            found[name].texts = answer()
            found[name].cpu.append(time.process_time() - cpu)
            found[name].wall.append(time.perf_counter() - wall)
    return found


def report(name: str, requests: Sequence[GenerationRequest], found: dict[str, Measured]) -> bool:
    """Print one set of prompts; whether its goals are met."""
    lengths = [len(request.ids) for request in requests]
    base = found["one by one"]
    kinds = len(set(base.texts.values()))
    print(f"\n{name}: {len(requests)} prompts of {min(lengths)} to {max(lengths)} tokens, "
          f"{requests[0].max_new_tokens} new tokens each, {kinds} different answers")  # fmt: skip
    for arm, each in found.items():
        cpu, wall = statistics.median(each.cpu), statistics.median(each.wall)
        differing = sum(each.texts[index] != base.texts[index] for index in base.texts)
        flips = f", {differing} texts differ" if arm == "together" else ""
        print(f"{arm:>12}: {each.groups:3} groups {cpu:7.2f} s CPU {wall:7.2f} s clock, "
              f"{cpu / statistics.median(base.cpu):5.2f} of one by one{flips}")  # fmt: skip
    is_same = found["together"].texts == base.texts
    ratio = statistics.median(found["together"].cpu) / statistics.median(base.cpu)
    is_fast = ratio <= GOAL or name != "short prompts"
    print(f"{'goal':>12}: {'met' if is_same and is_fast else 'MISSED'}")
    return is_same and is_fast


def hardware() -> str:
    """What it runs on."""
    import torch
    import vllm

    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").is_file() else []
    cpu = next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.machine())
    return (
        f"{cpu}, {torch.get_num_threads()} of {os.cpu_count()} threads, load {os.getloadavg()[0]:.1f}, "
        f"vLLM {vllm.__version__}, torch {torch.__version__}, float32"
    )


def main() -> int:
    """Print times, ratios and texts that differ; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=24)
    parser.add_argument("--short", type=int, default=600, help="tokens of the longest short prompt")
    parser.add_argument("--long", type=int, default=1600, help="tokens of the longest long prompt")
    parser.add_argument("--new", type=int, default=48)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--layers", type=int, default=4)
    asked = parser.parse_args()
    if importlib.util.find_spec("vllm") is None:
        print("bench_vllm_rope_groups: not run, vLLM is not installed (make test-vllm makes its environment)")
        return 0
    sizes = {"hidden_size": asked.width, "intermediate_size": 3 * asked.width, "num_hidden_layers": asked.layers,
             "num_attention_heads": asked.width // HEAD, "num_key_value_heads": max(1, asked.width // HEAD // 2),
             "initializer_range": SPREAD}  # fmt: skip
    trained = RopeModel(10000.0, asked.short // 12, HEAD)
    is_met = True
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), iter([words()]), **sizes)
        card = load_card(folder)
        options = BackendOptions("float32", longest_sequence=asked.long + asked.new, rope_model=trained, note=print)
        model: VllmModel = load_model("vllm", card, load_tokenizer(card), options)  # type: ignore[assignment]
        sets = {"short prompts": asked.short, "long prompts": asked.long}
        for name, longest in sets.items():
            requests = requests_of(longest, asked.prompts, asked.new)
            answered(model, groups_of(requests, trained), together=True)  # start, warm up
            if name == "short prompts":
                print(hardware())
            is_met &= report(name, requests, measured(model, requests, trained, asked.repeats))
        model.close()
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
