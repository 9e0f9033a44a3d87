"""Prefill behind a cached prefix: without a mask, with one, and whole, against what the arithmetic allows.

    python tests/performance/bench_suffix_prefill.py [--device cuda] [--dtype bfloat16] [--size 1b] [--repeats 3]

A Llama of random weights, built from its configuration: nothing is downloaded, and torch and transformers are all that
is needed. For pairs of cached and new tokens it prints median seconds of
- `whole`: the whole prompt from an empty cache;
- `suffix`: the new tokens over the cache, without a mask, by the kernel that evalkit chooses; on a GPU by each kernel
  that runs there too, by its name;
- `mask N`: the same behind a boolean mask in pieces of N tokens;
then the time that the suffix's share of the operations would take at the speed of `whole`, what part of its time that
is, what evalkit's cost model decides, and the largest difference between logits of whole and suffix, and of whole and
mask, relative to their spread.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

SIZES = {
    "6m": (256, 768, 6, 4, 2),
    "27m": (512, 1536, 8, 8, 4),
    "1b": (2048, 8192, 16, 32, 8),
    "8b": (4096, 14336, 32, 32, 8),
}
CPU_PAIRS = [(15, 4_000), (15, 8_000), (800, 3_200), (2_000, 2_000), (4_000, 4_000), (3_600, 400), (7_900, 100)]
GPU_PAIRS = [
    (15, 4_000), (15, 16_000), (200, 16_000), (1_000, 15_000), (8_000, 8_000), (15_000, 1_000), (15_900, 100),
    (15, 32_000), (16_000, 16_000), (31_000, 1_000), (64_000, 64_000), (127_000, 1_000),
]  # fmt: skip
LONGEST_MASKED = 33_000  # tokens; beyond, a mask takes minutes

ROOM = Path(__file__).parents[2] / "evalkit" / "models" / "huggingface"


def module(name: str) -> ModuleType:
    """A module of the backend by its file, so that nothing else of evalkit need be installed."""
    spec = importlib.util.spec_from_file_location(name, ROOM / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


suffix_room, cache_room, cost_room = (module(name) for name in ("_suffix", "_cache", "_cost"))


class Bench:
    """One model and its timings."""

    def __init__(self, options: argparse.Namespace) -> None:
        hidden, inner, layers, heads, keys = SIZES[options.size]
        config = LlamaConfig(
            vocab_size=32_000, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
            num_attention_heads=heads, num_key_value_heads=keys, max_position_embeddings=2**18,
        )  # fmt: skip
        config._attn_implementation = "sdpa"
        torch.manual_seed(0)
        torch.set_default_dtype(getattr(torch, options.dtype))
        with torch.device(options.device):
            self.model: Any = LlamaForCausalLM(config).eval()
        torch.set_default_dtype(torch.float32)
        self.device = options.device
        self.repeats = options.repeats
        self.suffix = suffix_room.SuffixAttention(self.model)
        self.cost = cost_room.prefill_cost(self.model)

    def step(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        """Logits behind the new tokens."""
        output = self.model(input_ids=ids[None], past_key_values=cache, use_cache=True, logits_to_keep=1)
        logits: torch.Tensor = output.logits[0, -1].float()
        return logits

    def timed(self, run: Callable[[], torch.Tensor]) -> tuple[float, torch.Tensor]:
        """Median seconds after one run that warms up, and the logits; CPU seconds on a CPU."""
        seconds = []
        for _ in range(self.repeats + 1):
            start = self._clock()
            logits = run()
            seconds.append(self._clock() - start)
        return statistics.median(seconds[1:]), logits

    def _clock(self) -> float:
        if self.device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def behind(self, ids: torch.Tensor, cached: int, cache: Any, piece: int) -> torch.Tensor:
        """The new tokens over the cache, which is cropped again."""
        for start in range(cached, len(ids), piece):
            logits = self.step(ids[start : start + piece], cache)
        cache.crop(cached - len(ids))
        return logits


@contextmanager
def kernel(name: str | None) -> Iterator[None]:
    """Within it the suffix attends by that kernel, whatever torch would choose."""
    before = dict(suffix_room._CHOICES)
    if name is not None:
        suffix_room._CHOICES.update({key: name for key in before if key[0] == "cuda"})
    try:
        yield
    finally:
        suffix_room._CHOICES.update(before)


def measure(bench: Bench, cached: int, new: int) -> str:
    """One line of the table."""
    tokens = cached + new
    draw = torch.Generator().manual_seed(tokens)
    ids = torch.randint(3, 32_000, (tokens,), generator=draw).to(bench.device)
    whole, expected = bench.timed(lambda: bench.step(ids, cache_room.GrowingCache()))
    spread = float(expected.max() - expected.min())
    cache = cache_room.GrowingCache()
    bench.step(ids[:cached], cache)
    columns = [f"whole {whole:8.4f}"]
    share = operations(bench, cached, tokens) / operations(bench, 0, tokens)
    kernels = (None, "flash", "efficient", "cudnn") if bench.device == "cuda" else (None,)
    columns += [one_kernel(bench, name, ids, cached, cache, whole * share, expected) for name in kernels]
    for piece in (512, bench.cost.masked_piece()) if tokens <= LONGEST_MASKED else ():
        seconds, logits = bench.timed(lambda piece=piece: bench.behind(ids, cached, cache, piece))
        far = float((logits - expected).abs().max()) / spread
        columns.append(f"mask {piece} {seconds:8.4f} (differs {far:.1e})")
    cheapest = min(("whole", "joined", "masked"), key=lambda way: bench.cost.of(way, cached, tokens, 2**16))
    return f"{cached:>7,} + {new:>7,}: " + " | ".join(columns) + f" | joining kernels would choose {cheapest}"


def one_kernel(
    bench: Bench, name: str | None, ids: torch.Tensor, cached: int, cache: Any, limit: float, expected: torch.Tensor
) -> str:
    """Time, part of the limit and difference of one kernel; or that it does not run."""
    try:
        with kernel(name), bench.suffix.in_force() as ways:
            seconds, logits = bench.timed(lambda: bench.behind(ids, cached, cache, 2**16))
            way = "+".join(sorted(ways))
    except RuntimeError as error:
        if (surplus := int(cache.get_seq_length()) - cached) > 0:
            cache.crop(-surplus)
        return f"{name}: {str(error).splitlines()[0][:60]}"
    far = float((logits - expected).abs().max()) / float(expected.max() - expected.min())
    label = f"suffix ({way})" if name is None else name
    return f"{label} {seconds:8.4f} = {limit / seconds:.0%} of the limit (differs {far:.1e})"


def operations(bench: Bench, cached: int, tokens: int) -> float:
    """Floating-point operations of the new tokens, without what devices add."""
    new = tokens - cached
    return float(new * bench.cost.token + (new * cached + new * new / 2) * bench.cost.pair)


def ceiling(device: str, dtype: torch.dtype) -> float:
    """Operations a second of a large matrix product."""
    size = 8192 if device == "cuda" else 1024
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(6):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        left @ right
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / statistics.median(seconds[1:])


def main() -> None:
    """Print what runs, and the table."""
    is_cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if is_cuda else "cpu")
    parser.add_argument("--dtype", default="bfloat16" if is_cuda else "float32")
    parser.add_argument("--size", choices=sorted(SIZES), default="1b" if is_cuda else "6m")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--longest", type=int, default=2**17, help="leave out pairs of more tokens")
    options = parser.parse_args()
    torch.set_num_threads(1)
    hardware = torch.cuda.get_device_name() if options.device == "cuda" else "CPU, 1 thread, CPU seconds"
    rate = ceiling(options.device, getattr(torch, options.dtype))
    print(f"{hardware}; torch {torch.__version__}, transformers {transformers.__version__}; {options.dtype}")
    print(f"a large matrix product runs at {rate / 1e12:.2f} Tflop/s; Llama of size {options.size}")
    with torch.inference_mode():
        bench = Bench(options)
        for cached, new in GPU_PAIRS if options.device == "cuda" else CPU_PAIRS:
            if cached + new <= options.longest:
                print(measure(bench, cached, new), flush=True)


if __name__ == "__main__":
    main()
