"""Measures the transformers adapter on this machine's accelerator; called by run.sh, which says how.

Of a random 1.5B model of Qwen2's shape and a 7B one of Llama's, both in bfloat16 (`--small`: tiny ones in float32):
tokens a second of prompts, with their share of the card's own speed at multiplying matrices; tokens a second of
answers, one at a time and several; peak memory beside the forecast; prompt tokens computed beside the plan's; and how
many answers differ where prefixes are reused. What does not fit the time is left out, and said.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from networks import LARGE, SMALL, Network, make_network

from evalkit.models import GenerationRequest
from evalkit.models.huggingface._cost import prefill_cost
from evalkit.models.huggingface._forecast import forecast_for
from evalkit.models.huggingface._memory import free_memory
from evalkit.models.huggingface._stored import StoredTensor
from evalkit.planning import shared_prefixes, unique_tokens
from evalkit.prompts import token_array
from evalkit.rope import RopeSetting

GIB = 2**30
BYTES = 258  # tokens of the vocabulary that prompts are drawn from


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    prompts: tuple[int, ...]
    """Tokens of the prompts that are timed."""
    answer: int
    """Tokens of an answer."""
    rows: int
    """Answers at once."""
    document: int
    """Tokens of the document that questions share."""
    question: int
    """Tokens of a question."""
    matrix: int
    """Width of the matrices whose product gives the card's speed."""
    dtype: str
    """Number format."""


FULL = Sizes((4096, 32_768, 131_072), 64, 16, 16_384, 256, 8192, "bfloat16")
LITTLE = Sizes((64, 256, 512), 8, 4, 256, 24, 256, "float32")


class Stopwatch:
    """Seconds on the clock around work that a device does later."""

    def __init__(self, device: str, most_seconds: float) -> None:
        self._device = device
        self._end = time.perf_counter() + most_seconds

    @property
    def is_late(self) -> bool:
        """Whether nothing more should begin."""
        return time.perf_counter() > self._end

    def wait(self) -> float:
        """The time when the device has done all that it was given."""
        import torch

        if self._device.startswith("cuda"):
            torch.cuda.synchronize()
        return time.perf_counter()


def matmul_speed(device: str, sizes: Sizes, watch: Stopwatch) -> float:
    """Operations a second of the product of two square matrices, the best of some."""
    import torch

    left = torch.randn(sizes.matrix, sizes.matrix, device=device, dtype=getattr(torch, sizes.dtype))
    best = float("inf")
    for _ in range(8):
        start = watch.wait()
        left @ left
        best = min(best, watch.wait() - start)
    return 2 * sizes.matrix**3 / best


def draw(seed: int, tokens: int) -> list[int]:
    """A prompt."""
    return [0, *np.random.default_rng(seed).integers(2, BYTES, tokens - 1).tolist()]


def asked(prompts: Sequence[Sequence[int]], new: int) -> list[GenerationRequest]:
    """Requests for them."""
    return [GenerationRequest(index, token_array(ids), new) for index, ids in enumerate(prompts)]


def answered(adapter: Any, requests: Sequence[GenerationRequest], watch: Stopwatch) -> tuple[list[Any], float]:
    """Completions by index, and the seconds they took, behind an empty cache."""
    adapter._forget()
    start = watch.wait()
    done = sorted(adapter.generate(RopeSetting("native"), requests), key=lambda each: each.index)
    seconds = watch.wait() - start
    errors = [each.error for each in done if each.error is not None]
    if errors:
        raise RuntimeError(errors[0])
    return done, seconds


def prefill_rows(network: Network, sizes: Sizes, peak: float, watch: Stopwatch, device: str) -> Iterator[str]:
    """Speed and memory of whole prompts."""
    cost = prefill_cost(network.model)
    for tokens in sizes.prompts:
        if watch.is_late:
            yield f"| prompt of {tokens:,} | left out: no time | | |"
            continue
        adapter = network.adapter(is_reusing_prefixes=False, longest_sequence=tokens + 1, batch=1)
        answered(adapter, asked([draw(1, min(tokens, 4096))], 1), watch)  # kernels are chosen, memory is taken
        before = _reset_peak(device)
        _, seconds = answered(adapter, asked([draw(2, tokens)], 1), watch)
        operations = tokens * cost.token + tokens * tokens / 2 * cost.pair
        speed = f"{tokens / seconds:,.0f} tokens/s, {operations / seconds / peak:.0%} of the matmul speed"
        yield f"| prompt of {tokens:,} | {speed} | {_memory(network, tokens, device, before)} |"
        adapter._cache.clear()


def _reset_peak(device: str) -> int:
    """Bytes of the device that are taken now, from where its peak is counted."""
    import torch

    if not device.startswith("cuda"):
        return 0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    return int(torch.cuda.memory_allocated())


def _memory(network: Network, tokens: int, device: str, before: int) -> str:
    """Peak and forecast, for the last two columns."""
    import torch

    from evalkit.models import BackendOptions

    config = network.model.config
    kind = {"torch.bfloat16": "BF16", "torch.float32": "F32"}[str(network.model.dtype)]
    held = [
        StoredTensor(name, kind, each.numel() * each.element_size()) for name, each in network.model.named_parameters()
    ]
    free = free_memory(device)
    free = None if free is None else free + before
    options = BackendOptions(device=device, longest_sequence=tokens + 1)
    forecast = forecast_for(config, held, [], options, free)
    peak = _size(torch.cuda.max_memory_allocated()) if device.startswith("cuda") else "not counted"
    return f"{peak} | {_size(forecast.total)}"


def _size(count: int) -> str:
    return f"{count / GIB:.2f} GiB" if count >= GIB / 10 else f"{count / 2**20:.2f} MiB"


def decode_rows(network: Network, sizes: Sizes, watch: Stopwatch) -> Iterator[str]:
    """Speed of answers, one at a time and several."""
    prompts = sorted(draw(10 + index, min(512, sizes.document)) for index in range(sizes.rows))
    texts = {}
    for rows in (1, sizes.rows):
        if watch.is_late:
            yield f"| {rows} answers at once | left out: no time | | |"
            continue
        adapter = network.adapter(longest_sequence=len(prompts[0]) + sizes.answer, batch=rows)
        requests = asked(prompts, sizes.answer)
        answered(adapter, asked(prompts[:2], 4), watch)
        _, first = answered(adapter, asked(prompts, 1), watch)
        done, seconds = answered(adapter, requests, watch)
        texts[rows] = [each.text for each in done]
        made = sum(each.output_tokens for each in done) - len(done)
        yield f"| {rows} answers at once | {made / max(seconds - first, 1e-9):,.0f} tokens/s | | |"
    if len(texts) == 2:
        one, many = texts.values()
        yield f"| answers that differ in a batch | {_differing(one, many)} | | |"


def reuse_rows(network: Network, sizes: Sizes, watch: Stopwatch) -> Iterator[str]:
    """Questions to one document: tokens computed beside the plan's, time and answers beside those without reuse."""
    document = draw(30, sizes.document)
    prompts = sorted([*document, *draw(40 + index, sizes.question)] for index in range(8))
    longest = sizes.document + sizes.question + sizes.answer
    found, seconds = {}, {}
    for is_reusing in (True, False):
        if watch.is_late:
            yield "| 8 questions to one document | left out: no time | | |"
            return
        adapter = network.adapter(is_reusing_prefixes=is_reusing, longest_sequence=longest, batch=1)
        answered(adapter, asked(prompts[:1], 2), watch)
        found[is_reusing], seconds[is_reusing] = answered(adapter, asked(prompts, sizes.answer), watch)
    ids = [token_array(each) for each in prompts]
    planned = unique_tokens([len(each) for each in ids], shared_prefixes(ids, list(range(len(ids)))))
    computed = sum(len(each) - (done.cached_tokens or 0) for each, done in zip(ids, found[True], strict=True))
    yield f"| 8 questions to {sizes.document:,} tokens | {computed:,} computed, {planned:,} planned | | |"
    yield f"| their time, of that without reuse | {seconds[True] / seconds[False]:.0%} | | |"
    texts = [[each.text for each in done] for done in found.values()]
    yield f"| answers that differ with reuse | {_differing(*texts)} | | |"


def _differing(one: Sequence[str], other: Sequence[str]) -> str:
    return f"{sum(a != b for a, b in zip(one, other, strict=True))} of {len(one)}"


def card_name(device: str) -> str:
    """What computes."""
    import torch

    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name())
    return f"CPU ({platform.machine()}, {torch.get_num_threads()} threads)"


def table(arguments: argparse.Namespace, device: str, sizes: Sizes) -> Iterator[str]:
    """The lines of the Markdown table, each as soon as it is known."""
    import torch
    import transformers

    watch = Stopwatch(device, arguments.seconds)
    peak = matmul_speed(device, sizes, watch)
    today = datetime.datetime.now(datetime.UTC).date()
    yield f"### {card_name(device)}, {today}"
    yield ""
    yield (
        f"{sizes.dtype}, torch {torch.__version__}, transformers {transformers.__version__}; "
        f"matmul {peak / 1e12:,.2f} Tflop/s."
    )
    for shape in SMALL if arguments.small else LARGE:
        with tempfile.TemporaryDirectory() as folder:
            window = max(sizes.prompts) + 64
            network = make_network(shape, Path(folder) / "model", device, sizes.dtype, window)
            yield from ("", f"| {shape.name} | measured | peak memory | forecast |", "| --- | --- | --- | --- |")
            yield from prefill_rows(network, sizes, peak, watch, device)
            yield from decode_rows(network, sizes, watch)
            yield from reuse_rows(network, sizes, watch)
            del network
            _reset_peak(device)


def main() -> int:
    """Print the table; 1 where something was left out."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="tiny models in float32, for a CPU")
    parser.add_argument("--out", type=Path, help="file for the table, besides standard output")
    parser.add_argument("--seconds", type=float, default=400, help="nothing begins later; default 400")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    if not arguments.small and not arguments.device.startswith("cuda"):
        parser.error("the full sizes need a CUDA device; --small runs on a CPU")
    lines = []
    for line in table(arguments, arguments.device, LITTLE if arguments.small else FULL):
        print(line, flush=True)
        lines.append(line)
        if arguments.out is not None:  # line by line: a machine that is taken away leaves what it measured
            arguments.out.write_text("\n".join(lines) + "\n", "utf-8")
    return int(any("left out" in line for line in lines))


if __name__ == "__main__":
    sys.exit(main())
