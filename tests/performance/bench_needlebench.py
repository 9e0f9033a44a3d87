"""Seconds to build a NeedleBench task as text, next to the way upstream builds it.

Run by hand: `EVALKIT_DATA=… python tests/performance/bench_needlebench.py [SET [REPEATS]]`, SET being `needlebench-32k`
by default. The control encodes the haystack's lines anew for every prompt, cuts the list of tokens, splices the tokens
of the needle in and decodes the whole, as upstream does; REPEATS limits it (10 = all), since it takes its time.
Its prompts must be ours, byte for byte.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from evalkit.encodings import tiktoken_encoding
from evalkit.tasks import load_benchmark
from evalkit.tasks.needlebench import NeedleBench
from evalkit.tasks.needlebench._needles import needles
from evalkit.tasks.needlebench._sets import GridTask, described

TASKS = ("single_en", "single_zh")

Cell = tuple[int, int, int]
"""Length, depth, repeat."""


def ours(benchmark: NeedleBench, task: str, files: Mapping[str, Path], repeats: int) -> Iterator[tuple[Cell, str]]:
    """Cells and documents as evalkit makes them, with the requests around them."""
    for sample in benchmark.samples(task, "opencompass", files):
        request = benchmark.request(sample, "opencompass", ())
        assert request is not None
        if sample.metadata["repeat"] < repeats:
            yield (sample.metadata["length"], sample.metadata["depth"], sample.metadata["repeat"]), request.context


def anew(task: GridTask, files: Mapping[str, Path], repeats: int) -> Iterator[tuple[Cell, str]]:
    """Cells and documents by the re-encoding way."""
    encoding: Any = tiktoken_encoding("cl100k_base")
    for length in task.lengths:
        for depth in task.depths:
            lines = [json.loads(line)["text"] for line in files[task.haystack].read_text(encoding="utf-8").splitlines()]
            for repeat in range(repeats):
                random.Random(repeat).shuffle(lines)
                needle = random.Random(repeat).choice(needles(files[task.needle_file], task.language)).text
                tokens = encoding.encode(f"\n{needle}\n")
                target = max(length - task.buffer - len(tokens), 0)
                context: list[int] = []
                for line in lines:
                    context.extend(encoding.encode(line))
                    if len(context) >= target:
                        break
                context = context[:target]
                place = int(len(context) * (depth / 100))
                yield (length, depth, repeat), encoding.decode(context[:place] + tokens + context[place:])


def main() -> None:
    """Both ways over the same task, and whether they agree."""
    name, repeats = (sys.argv[1:] + ["needlebench-32k", "10"][len(sys.argv) - 1 :])[:2]
    folder = Path(os.environ["EVALKIT_DATA"]) / "needlebench"
    benchmark = load_benchmark(name)
    assert isinstance(benchmark, NeedleBench)
    started = perf_counter()
    built = {
        (task, cell): hash(context)
        for task in TASKS
        for cell, context in ours(
            benchmark, task, {each: folder / each for each in benchmark.files(task)}, int(repeats)
        )
    }
    seconds = perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    total = sum(benchmark.spec.tasks[task].expected["opencompass"] or 0 for task in TASKS)
    print(f"{name}: {total} prompts in {seconds:.2f} s ({1000 * seconds / total:.2f} ms each), {peak:.0f} MiB at most")
    started = perf_counter()
    count = differing = 0
    for task in TASKS:
        settings = described(benchmark.spec.name, task, benchmark.spec.tasks[task].settings)
        assert isinstance(settings, GridTask)
        for cell, context in anew(settings, {each: folder / each for each in benchmark.files(task)}, int(repeats)):
            count += 1
            differing += built[task, cell] != hash(context)
    control = perf_counter() - started
    print(f"re-encoding: {count} prompts in {control:.2f} s ({1000 * control / count:.2f} ms each), {differing} differ")
    print(f"{control / count / (seconds / total):.1f}x faster")


if __name__ == "__main__":
    main()
