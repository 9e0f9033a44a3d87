"""What Ray costs: its start, its memory, and each sample beside the same adapter in this process.

    python tests/performance/bench_ray.py

Samples are answered by a backend without a model, so that all time is the way there and back; prompts of 256 and of
32,768 tokens. Memory is the proportional share (PSS) of all processes of the local Ray.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
PROBE = ROOT / "tests/ray/probe"
sys.path[:0] = [str(ROOT), str(PROBE)]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(PROBE)])

from evalkit.cards import load_card  # noqa: E402
from evalkit.models import BackendOptions, GenerationRequest, ModelAdapter, load_model  # noqa: E402
from evalkit.models.replicas.ray import Placement, ray_replicas  # noqa: E402
from evalkit.prompts import load_tokenizer  # noqa: E402
from evalkit.rope import RopeSetting  # noqa: E402

ROUNDS = 5
MEBIBYTE = 2**20


def main() -> None:
    """Print the table."""
    card = load_card(str(ROOT / "model_cards/needle-tiny"))
    options = BackendOptions(device="cpu")
    here = load_model("probe", card, load_tokenizer(card), options)

    begun = time.perf_counter()
    replicas = ray_replicas("probe", card, options, Placement(replicas=1))
    started = time.perf_counter()
    there = replicas[0].open()
    opened = time.perf_counter()
    print(f"start of a local Ray      {started - begun:6.2f} s (importing it included)")
    print(f"start of an actor         {opened - started:6.2f} s (without a model)")
    print(f"memory of Ray             {_memory() / MEBIBYTE:6.0f} MiB beside the actors")
    for tokens, count in ((256, 1000), (32_768, 200)):
        prompt = np.zeros(tokens, np.int32)
        requests = [GenerationRequest(index, prompt.copy(), 8) for index in range(count)]
        times = {
            name: [_timed(model, requests) for _ in range(ROUNDS)] for name, model in (("here", here), ("Ray", there))
        }
        spread = ", ".join(
            f"{name} {1e3 * min(each) / count:.2f}–{1e3 * max(each) / count:.2f}" for name, each in times.items()
        )
        print(f"a sample of {tokens:6,} tokens  {spread} ms")
    begun = time.perf_counter()
    replicas[0].close()
    print(f"stop                      {time.perf_counter() - begun:6.2f} s")


def _timed(model: ModelAdapter, requests: list[GenerationRequest]) -> float:
    begun = time.perf_counter()
    for _ in model.generate(RopeSetting("native"), requests):
        pass
    return time.perf_counter() - begun


def _memory() -> int:
    """Bytes that the descendants of this process hold, but for actors."""
    return sum(_held(process) for process in _below(os.getpid()) if not _title(process).startswith("ray::Engine"))


def _below(process: int) -> Iterable[int]:
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            yield child
            yield from _below(child)


def _title(process: int) -> str:
    return Path(f"/proc/{process}/cmdline").read_text()


def _held(process: int) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    main()
