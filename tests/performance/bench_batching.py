"""Several answers decoded at once: against one at a time, and against transformers' `generate` with padding.

    python tests/performance/bench_batching.py [--batches 1,4,8] [--repeats 2] [--dtype float32] [--device cpu]
        [--threads 1] [--width 512] [--layers 8]

A random Llama answers four sets of prompts: short or long ones, each of lengths that differ by a factor of three, with
answers of their full length or ending one by one. All arms run in this process, in turn; CPU time counts, on another
device the time on the clock, and the median of the repeats is printed. `generate` pads a batch on the left, feeds its
prompts together and goes on until its last answer is complete. Goals in float32: the answers are those of batch 1, and
with a batch of 8 long answers to short prompts take at most half as long as one by one. In other number formats the
answers that differ from those of batch 1 (flips) are a measurement, not a fault. Last come penalties behind a prompt of
32,000 tokens: with the tokens seen kept from one token to the next, and with the whole text handed over at each.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bench_prefix_reuse import make_model

from evalkit.cards import load_card
from evalkit.models import BackendOptions, Completion, GenerationRequest, load_model
from evalkit.prompts import load_tokenizer, token_array
from evalkit.rope import RopeSetting

GOAL = 0.5
GOAL_BATCH = 8
VOCABULARY = 600
SPREAD = 0.1  # of the random weights: with the usual 0.02 a model says one token again and again


@dataclass(frozen=True)
class Case:
    """One set of prompts."""

    name: str
    """What it is like."""
    longest: int
    """Tokens of its longest prompt."""
    new: int
    """Tokens of an answer at most."""
    has_ends: bool
    """Whether answers have limits of their own, from an eighth of it on."""


@dataclass
class Measured:
    """What one arm gave."""

    seconds: list[float]
    """Of each repeat."""
    answers: list[list[int] | str]
    """Texts by index of the prompt."""

    @property
    def median(self) -> float:
        """Seconds of the middle repeat."""
        return statistics.median(self.seconds)


def cases(short: int, long: int, new: int) -> list[Case]:
    """Short and long prompts, each with answers of one length and of many."""
    return [
        Case("short prompts, long answers", short, new, has_ends=False),
        Case("short prompts, answers that end one by one", short, new, has_ends=True),
        Case("long prompts, long answers", long, new, has_ends=False),
        Case("long prompts, short answers", long, max(1, new // 8), has_ends=False),
    ]


def requests_of(case: Case, count: int) -> list[GenerationRequest]:
    """Requests in trie order, of lengths from a third of the longest."""
    draw = np.random.default_rng(5)
    lengths = np.linspace(case.longest / 3, case.longest, count).astype(int)
    ids = sorted(draw.integers(2, VOCABULARY, length).tolist() for length in lengths)
    limits = [max(1, case.new * (index % 8 + 1) // 8) if case.has_ends else case.new for index in range(count)]
    return [GenerationRequest(index, token_array(each), limits[index]) for index, each in enumerate(ids)]


def decoded(model: Any, requests: Sequence[GenerationRequest]) -> list[list[int] | str]:
    """The adapter's answers, behind an empty cache."""
    model._forget()
    done: list[Completion] = sorted(model.generate(RopeSetting("native"), requests), key=lambda each: each.index)
    assert all(each.error is None for each in done), [each.error for each in done]
    return [each.text for each in done]


def padded(model: Any, requests: Sequence[GenerationRequest], rows: int) -> list[list[int] | str]:
    """The answers of `generate`, so many prompts at once in the order of their lengths, padded on the left."""
    import torch

    answers: dict[int, list[int] | str] = {}
    by_length = sorted(requests, key=lambda request: len(request.ids))
    for start in range(0, len(by_length), rows):
        chunk = by_length[start : start + rows]
        longest = max(len(request.ids) for request in chunk)
        ids = torch.zeros(len(chunk), longest, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, request in enumerate(chunk):
            ids[row, longest - len(request.ids) :] = torch.from_numpy(np.array(request.ids, dtype=np.int64))
            mask[row, longest - len(request.ids) :] = 1
        with torch.inference_mode():
            output = model.generate(
                ids.to(model.device), attention_mask=mask.to(model.device), do_sample=False, pad_token_id=0,
                max_new_tokens=max(request.max_new_tokens for request in chunk), eos_token_id=None,
            )  # fmt: skip
        for row, request in enumerate(chunk):
            answers[request.index] = output[row, longest : longest + request.max_new_tokens].tolist()
    return [answers[index] for index in range(len(requests))]


def timed(answer: Callable[[], list[list[int] | str]], device: str) -> tuple[float, list[list[int] | str]]:
    """Seconds and answers."""
    import torch

    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    answers = answer()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return clock() - start, answers


def measured(arms: dict[str, Callable[[], list[list[int] | str]]], repeats: int, device: str) -> dict[str, Measured]:
    """Every arm, in turn."""
    found: dict[str, Measured] = {}
    for _ in range(repeats):
        for name, answer in arms.items():
            seconds, answers = timed(answer, device)
            found.setdefault(name, Measured([], answers)).seconds.append(seconds)
    return found


def hardware(device: str, dtype: str) -> str:
    """What it runs on."""
    import torch
    import transformers

    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").is_file() else []
    cpu = next((line.partition(":")[2].strip() for line in lines if "model name" in line), platform.machine())
    name = torch.cuda.get_device_name(0) if device.startswith("cuda") else cpu
    return (
        f"{name}, {torch.get_num_threads()} of {os.cpu_count()} threads, load {os.getloadavg()[0]:.1f}, "
        f"torch {torch.__version__}, transformers {transformers.__version__}, {dtype}"
    )


def words(count: int = 3000) -> str:
    """Words drawn by chance, of which a tokenizer makes a whole vocabulary: else tokens without a text hide flips."""
    draw = np.random.default_rng(2)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return " ".join("".join(draw.choice(letters, int(draw.integers(3, 9)))) for _ in range(count))


def penalties(device: str, tokens: int = 32_000, vocabulary: int = 150_000, new: int = 20) -> dict[str, float]:
    """Milliseconds for each token of an answer behind so many others, by way of applying both penalties."""
    import torch
    from transformers.generation import logits_process

    from evalkit.models._generation import GenerationRules
    from evalkit.models.huggingface._processors import Processors

    prompt = np.random.default_rng(1).integers(2, vocabulary, tokens).tolist()
    logits = torch.randn(vocabulary, device=device)
    fields = {"repetition_penalty": 1.1, "no_repeat_ngram_size": 3}
    process = Processors(GenerationRules(fields, "the benchmark"), (), device).start(prompt, new + 1)
    whole = torch.tensor([prompt], device=device)
    theirs = (
        logits_process.RepetitionPenaltyLogitsProcessor(1.1), logits_process.NoRepeatNGramLogitsProcessor(3)
    )  # fmt: skip

    def anew(generated: list[int]) -> torch.Tensor:
        scores = logits[None].clone()
        ids = torch.cat([whole, torch.tensor([generated], dtype=torch.long, device=device)], dim=-1)
        for each in theirs:
            scores = each(ids, scores)
        return scores[0]

    def taken(step: Callable[[list[int]], torch.Tensor]) -> float:
        step(prompt[:1])
        start = time.perf_counter()
        best = [int(step(prompt[:length]).argmax()) for length in range(1, new + 1)]
        assert len(best) == new
        return 1000 * (time.perf_counter() - start) / new

    assert torch.equal(anew(prompt[:1]), process(logits, prompt[:1]))
    return {"kept": taken(lambda generated: process(logits, generated)), "whole text": taken(anew)}


def options_asked() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", default="1,4,8")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--short", type=int, default=120, help="tokens of the longest short prompt")
    parser.add_argument("--long", type=int, default=1000, help="tokens of the longest long prompt")
    parser.add_argument("--new", type=int, default=48, help="tokens of a long answer")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--only", default="", help="only sets of prompts whose name begins so")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--layers", type=int, default=8)
    return parser.parse_args()


def main() -> int:
    """Print times, ratios and flips; 1 where a goal is missed."""
    import torch
    from transformers import AutoModelForCausalLM

    asked = options_asked()
    torch.set_num_threads(asked.threads)
    batches = [int(each) for each in asked.batches.split(",")]
    sizes = {"hidden_size": asked.width, "intermediate_size": 3 * asked.width, "num_hidden_layers": asked.layers,
             "num_attention_heads": asked.width // 64, "num_key_value_heads": max(1, asked.width // 128),
             "initializer_range": SPREAD}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        make_model(Path(folder), iter([words()]), **sizes)
        card = load_card(folder)
        models = {
            batch: load_model("hf", card, load_tokenizer(card), BackendOptions(asked.dtype, asked.device, batch=batch))
            for batch in batches
        }
        peer = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, asked.dtype)).to(asked.device).eval()
    parameters = sum(each.numel() for each in peer.parameters())
    print(f"{hardware(asked.device, asked.dtype)}, {parameters / 1e6:.0f}M parameters")
    is_met = True
    for case in cases(asked.short, asked.long, asked.new):
        if not case.name.startswith(asked.only):
            continue
        is_met &= report(case, requests_of(case, asked.prompts), models, peer, asked)
    found = ", ".join(f"{name} {each:.2f} ms" for name, each in penalties(asked.device).items())
    print(f"\npenalties behind 32,000 tokens, for each new one: {found}")
    return 0 if is_met else 1


def report(
    case: Case, requests: list[GenerationRequest], models: dict[int, Any], peer: Any, asked: argparse.Namespace
) -> bool:
    """Print one case; whether its goals are met."""
    most = max(models)
    arms: dict[str, Callable[[], list[list[int] | str]]] = {
        f"batch {batch}": lambda model=model: decoded(model, requests)  # type: ignore[misc]
        for batch, model in models.items()
    }
    arms[f"generate, padded {most}"] = lambda: padded(peer, requests, most)
    found = measured(arms, asked.repeats, asked.device)
    alone = found["batch 1"]
    tokens = sum(request.max_new_tokens for request in requests)
    lengths = f"{min(len(each.ids) for each in requests)} to {max(len(each.ids) for each in requests)} tokens"
    kinds = len(set(map(str, alone.answers)))
    print(f"\n{case.name}: {len(requests)} prompts of {lengths}, {tokens} new tokens, {kinds} different answers")
    is_met = True
    for name, arm in found.items():
        differing = sum(ours != theirs for ours, theirs in zip(arm.answers, alone.answers, strict=True))
        flips = "" if name.startswith("generate") else f"{differing} differ"
        print(f"{name:>20}: {arm.median:7.2f} s, {arm.median / alone.median:5.2f} of batch 1  {flips}")
        is_met &= asked.dtype != "float32" or not flips or flips.startswith("0 ")
    if f"batch {GOAL_BATCH}" in found and case.longest == asked.short and not case.has_ends:
        ratio = found[f"batch {GOAL_BATCH}"].median / alone.median
        print(f"{'goal':>20}: at most {GOAL} of batch 1: {'met' if ratio <= GOAL else 'MISSED'}")
        is_met &= ratio <= GOAL
    return is_met


if __name__ == "__main__":
    sys.exit(main())
