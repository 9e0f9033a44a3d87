"""Seconds of `evalkit compare` over two folders of outputs, next to what it cannot be faster than.

    EVALKIT_DATA=… python tests/performance/bench_compare.py [LEFT RIGHT] [--repeats 3]

LEFT and RIGHT are folders of published LongBench predictions, by default the two of `longbench_predictions`. The
command runs in a process of its own with one thread, start included. Goal: under 6 seconds of CPU time, for machines
that do nothing else the time on the clock. The control in the same run is a fixed piece of plain Python, which tells
how fast the machine is at that moment; the parts are measured in this process.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from evalkit.verdicts import compare_sides, read_side

GOAL = 6.0
CONTROL_STEPS = 3_000_000


def arguments() -> argparse.Namespace:
    """What was asked for."""
    folder = Path(os.environ.get("EVALKIT_DATA", ".")) / "longbench_predictions"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sides", nargs="*", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    asked.sides = asked.sides or [folder / "llama3-8b-instruct", folder / "llama2-7b-chat-4k"]
    return asked


def control() -> float:
    """Seconds of CPU time of a loop over small whole numbers."""
    start, total = time.process_time(), 0
    for number in range(CONTROL_STEPS):
        total += number & 7
    return time.process_time() - start


def whole_command(sides: list[Path]) -> tuple[float, float]:
    """Seconds of CPU time and on the clock of the command, start included."""
    command = [sys.executable, "-m", "evalkit", "compare", *map(str, sides)]
    command += ["--format", "longbench", "--protocol", "official", "--json", os.devnull]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, time.perf_counter() - start


def timed(work: Callable[[], object]) -> float:
    """Seconds of CPU time."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> int:
    """Print the table; 1 where the goal is missed."""
    asked = arguments()
    whole_command(asked.sides)  # compiles what is imported
    runs = [(control(), *whole_command(asked.sides)) for _ in range(asked.repeats)]
    plain, spent, clock = (statistics.median(column) for column in zip(*runs, strict=True))
    print(f"control {plain:.2f} s CPU; compare {spent:.2f} s CPU ({spent / plain:.1f} controls), {clock:.2f} s in all")
    sides = []
    for path in asked.sides:
        seconds = timed(lambda path=path: sides.append(read_side(path, "longbench", "official")))  # type: ignore[misc]
        print(f"  {path.name}: read and scored in {seconds:.2f} s CPU")
    print(f"  compared in {timed(lambda: compare_sides(*sides)):.2f} s CPU")
    return 0 if spent < GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
