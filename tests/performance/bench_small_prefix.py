"""Prompts that share an instruction and nothing else: prefix reuse against the same prompts without it.

    python tests/performance/bench_small_prefix.py [--instruction 15] [--longest 15500] [--new 16] [--repeats 2]

The shape of LongBench: one instruction, a context of its own for each prompt. A random 6M-parameter Llama in float32 on
one thread of the CPU answers; both arms run in this process, in turn, and `time.process_time` counts. Goal: reuse takes
at most 2% more CPU time than `--no-prefix-reuse`, and the answers are the same.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from bench_prefix_reuse import make_model

from evalkit.cards import load_card
from evalkit.models import BackendOptions, Completion, GenerationRequest, ModelAdapter, load_model
from evalkit.prompts import load_tokenizer, token_array
from evalkit.rope import RopeSetting

SHARES = (0.06, 0.1, 0.16, 0.28, 0.5, 0.8, 1.0)  # of the longest context
GOAL = 1.02
SIZES = {"hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 6, "num_attention_heads": 4,
         "num_key_value_heads": 2}  # fmt: skip


def prompts(instruction: int, longest: int, new: int) -> list[GenerationRequest]:
    """Requests in trie order: the instruction, then tokens drawn for each context alone."""
    draw = np.random.default_rng(11)
    start = draw.integers(2, 600, instruction).tolist()
    contexts = [draw.integers(2, 600, int(share * longest)).tolist() for share in SHARES]
    ordered = sorted([*start, *context] for context in contexts)
    return [GenerationRequest(index, token_array(ids), new) for index, ids in enumerate(ordered)]


def generate(model: ModelAdapter, requests: list[GenerationRequest]) -> tuple[float, list[Completion]]:
    """CPU seconds of generation, and the completions."""
    model._forget()  # type: ignore[attr-defined]  # what an earlier repeat left
    start = time.process_time()
    done = list(model.generate(RopeSetting("native"), requests))
    return time.process_time() - start, done


def main() -> int:
    """Print both times, what was computed, and whether the goal holds."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instruction", type=int, default=15, help="tokens that all prompts share")
    parser.add_argument("--longest", type=int, default=15_500, help="tokens of the longest context")
    parser.add_argument("--new", type=int, default=16, help="tokens to generate for each prompt")
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    requests = prompts(options.instruction, options.longest, options.new)
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), iter(["the words of an instruction and of contexts " * 20]), **SIZES)
        card = load_card(folder)
        arms = {
            reuse: load_model("hf", card, load_tokenizer(card), BackendOptions("float32", is_reusing_prefixes=reuse))
            for reuse in (True, False)
        }
    seconds: dict[bool, list[float]] = {True: [], False: []}
    done: dict[bool, list[Completion]] = {}
    for _ in range(options.repeats):
        for reuse, model in arms.items():
            taken, done[reuse] = generate(model, requests)
            seconds[reuse].append(taken)
    tokens = sum(len(request.ids) for request in requests)
    cached = sum(completion.cached_tokens or 0 for completion in done[True])
    ratio = statistics.median(seconds[True]) / statistics.median(seconds[False])
    is_same = [each.text for each in done[True]] == [each.text for each in done[False]]
    print(f"{len(requests)} prompts, {tokens:,} tokens; with reuse {tokens - cached:,} were computed")
    for reuse, name in ((True, "with reuse"), (False, "without")):
        print(f"{name:>12}: " + ", ".join(f"{each:.2f}" for each in seconds[reuse]) + " CPU seconds")
    print(f"ratio {ratio:.3f}, goal {GOAL}; answers {'the same' if is_same else 'DIFFER'}")
    return 0 if ratio <= GOAL and is_same else 1


if __name__ == "__main__":
    sys.exit(main())
