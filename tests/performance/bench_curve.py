"""Perplexity at several lengths from one pass over each window: against a pass of its own for every length.

    python tests/performance/bench_curve.py [--model model_cards/needle-tiny] [--lengths 1024,1280,1536,1792,2048,2304]
        [--windows 2] [--repeats 3] [--device cpu] [--dtype float32] [--threads 1]

A model measures windows of random tokens. Three arms run in this process, in turn; CPU time counts, on another device
the time on the clock, and the median of the repeats is printed: the passes of `evalkit rope curve` for a spec that does
not follow the length; the same code with a pass for every length; and transformers' `model(ids).logits` with a softmax
in float64 for every length, as one would write it by hand. What one pass can save is the sum of the lengths over the
longest: 6 where six are nearly alike, 2 where each is twice the one before. Goals: with the six lengths above the first
arm takes a third of the second at most, and the perplexities of all three agree to 1e-6 of themselves (in float32).
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.cards import load_card
from evalkit.models import BackendOptions, load_model
from evalkit.perplexity import Pass, Window, WindowRule, plan_passes, sums_of
from evalkit.prompts import load_tokenizer, token_array
from evalkit.rope import RopeSetting, parse_rope

GOAL = 3.0
AGREEMENT = 1e-6
NATIVE = RopeSetting("native")

Losses = Mapping[int, float]
"""Length → nats per token."""


def random_windows(count: int, length: int, vocabulary: int) -> list[Window]:
    """Windows of tokens that nobody wrote."""
    draw = np.random.default_rng(0)
    return [Window(length, number, token_array(draw.integers(0, vocabulary, length)), 1, 0) for number in range(count)]


def by_passes(model: Any, passes: list[Pass], windows: list[Window]) -> Losses:
    """By evalkit, as so many passes over each window."""
    nats: dict[int, float] = {}
    tokens: dict[int, int] = {}
    for window in windows:
        for each in passes:
            losses = model.token_losses(each.rope, window.ids[: max(each.lengths)])
            for length, sums in sums_of(window, each.lengths, losses).items():
                nats[length] = nats.get(length, 0.0) + sums.nats
                tokens[length] = tokens.get(length, 0) + sums.tokens
    return {length: nats[length] / tokens[length] for length in nats}


def by_hand(model: Any, lengths: tuple[int, ...], windows: list[Window]) -> Losses:
    """By transformers, all logits of a window at once."""
    import torch

    found: dict[int, list[float]] = {length: [] for length in lengths}
    for window in windows:
        for length in lengths:
            ids = torch.tensor([window.ids[:length].tolist()], device=model.device)
            with torch.inference_mode():
                chances = torch.log_softmax(model(ids).logits[0].double(), dim=-1)
            found[length].append(-float(chances[:-1].gather(-1, ids[0, 1:, None]).mean()))
    return {length: statistics.fmean(losses) for length, losses in found.items()}


def measure(arms: Mapping[str, Callable[[], Losses]], repeats: int, clock: Callable[[], float]) -> dict[str, Losses]:
    """Each arm's losses; prints the median time of each, the arms in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    found: dict[str, Losses] = {}
    for _ in range(repeats + 1):
        for name, arm in arms.items():
            began = clock()
            found[name] = arm()
            seconds[name].append(clock() - began)
    medians = {name: statistics.median(each[1:]) for name, each in seconds.items()}  # the first one warms up
    first = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"{name:28} {median:8.3f} s   {median / first:5.2f} of one pass")
    check(medians)
    return found


def check(medians: Mapping[str, float]) -> None:
    """Say whether the goal is met."""
    one, several, *_ = medians.values()
    print(
        f"one pass is {several / one:.2f} times as fast; goal {GOAL:g}: {'met' if several >= GOAL * one else 'MISSED'}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path(__file__).parents[2] / "model_cards" / "needle-tiny")
    parser.add_argument("--lengths", default="1024,1280,1536,1792,2048,2304")
    parser.add_argument("--windows", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    lengths = tuple(int(each) for each in given.lengths.split(","))

    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, {given.device}, {given.dtype}, {platform.processor()}, {os.cpu_count()} CPUs")
    card = load_card(given.model)
    tokenizer = load_tokenizer(card)
    model: Any = load_model("hf", card, tokenizer, BackendOptions(dtype=given.dtype, device=given.device, batch=1))
    plain = AutoModelForCausalLM.from_pretrained(given.model, dtype=getattr(torch, given.dtype)).to(given.device).eval()
    windows = random_windows(given.windows, lengths[-1], plain.config.vocab_size)
    passes = plan_passes([parse_rope("native")], WindowRule("prefix", lengths), lambda *_: NATIVE)
    each = [Pass(NATIVE, lengths[-1], (length,)) for length in lengths]
    print(
        f"{given.windows} windows, lengths {given.lengths}: {sum(lengths) / lengths[-1]:.2f} windows of tokens in all"
    )
    arms = {
        "one pass": lambda: by_passes(model, passes, windows),
        "a pass for each length": lambda: by_passes(model, each, windows),
        "transformers by hand": lambda: by_hand(plain, lengths, windows),
    }
    found = measure(arms, given.repeats, time.process_time if given.device == "cpu" else time.perf_counter)
    apart = max(abs(np.expm1(losses[n] - found["one pass"][n])) for losses in found.values() for n in lengths)
    print(f"perplexities differ by {apart:.1e} of themselves at most")
    return int(given.dtype == "float32" and apart > AGREEMENT)


if __name__ == "__main__":
    sys.exit(main())
