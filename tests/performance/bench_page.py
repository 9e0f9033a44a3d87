"""What a page of runs costs to write: seconds of each stage, most memory, and the size of the file.

    OMP_NUM_THREADS=1 taskset -c 0 python tests/performance/bench_page.py [FOLDER…] [--samples 5000] [--prose FILE]

Without folders, runs of a needle grid are made first, with a model that answers at once: prompts of 1,024 tokens, of
which records keep 300 characters at both ends, and 400 characters for every answer. Haystacks are made of few words and
compress four times as well as prose: with `--prose` both ends and answers are pieces of that text instead, no two alike
in a text of a million characters for each thousand samples. One line for each page:

- `read`: records and data read, scores made, samples looked over;
- `content`: every section; `write`: the file.

Seconds are CPU seconds and, in brackets, those of the clock; imports count in neither. The first line says how many
processors the process may use and how many threads numeric libraries start.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

STAGES = ("read", "content", "write")
DEPTHS = 11
LENGTH = 1024
ANSWER_CHARACTERS = 400


def main() -> None:
    """Write every page in a process of its own and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--samples", default="5000")
    parser.add_argument("--prose", type=Path, metavar="FILE", help="text that prompts and answers are pieces of")
    parser.add_argument("--page", action="store_true", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.page:
        print(json.dumps(_measured(flags.folders)))
        return
    cores, threads = len(os.sched_getaffinity(0)), os.environ.get("OMP_NUM_THREADS", "as many as there are processors")
    print(f"processors: {cores}; threads of numeric libraries: {threads}")
    print(f"{'samples':>8}  {'file MB':>8}  {'peak MB':>8}  {'all':>14}", *(f"  {stage:>14}" for stage in STAGES))
    if flags.folders:
        _line(flags.folders)
        return
    with tempfile.TemporaryDirectory() as place:
        for samples in map(int, flags.samples.split(",")):
            folder = grid_run(samples, Path(place) / f"grid{samples}")
            if flags.prose is not None:
                _fill(folder, flags.prose.read_text("utf-8"))
            _line([folder])


def _line(folders: Sequence[Path]) -> None:
    command = [sys.executable, __file__, "--page", *map(str, folders)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    cpu, wall = found["cpu"], found["wall"]
    times = [(sum(cpu), sum(wall)), *zip(cpu, wall, strict=True)]
    shown = "  ".join(f"{f'{used:.2f} ({passed:.2f})':>14}" for used, passed in times)
    print(f"{found['samples']:8,}  {found['file']:8.2f}  {found['peak']:8.0f}  {shown}", flush=True)


def _measured(folders: Sequence[Path]) -> dict[str, Any]:
    from evalkit.reports.page import content_of, read_runs, write_page

    cpu, wall = [], []

    def stage(do: Callable[[], Any]) -> Any:
        began = time.process_time(), time.perf_counter()
        made = do()
        cpu.append(time.process_time() - began[0])
        wall.append(time.perf_counter() - began[1])
        return made

    with tempfile.TemporaryDirectory() as place:
        page = Path(place) / "page.html"
        runs = stage(lambda: read_runs(folders))
        content = stage(lambda: content_of(runs))
        stage(lambda: write_page(page, content))
        size = page.stat().st_size
    return {
        "samples": sum(len(run.samples) for run in runs), "file": size / 1e6, "peak": _peak_megabytes(),
        "cpu": cpu, "wall": wall,
    }  # fmt: skip


def _peak_megabytes() -> float:
    """Not `ru_maxrss`, which a child inherits from its parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def grid_run(samples: int, folder: Path) -> Path:
    """A finished run of a needle grid of at least so many samples."""
    from evalkit._api import report_run
    from evalkit.runs import RunSettings, SilentMonitor, execute, open_session

    repeats = -(-samples // DEPTHS)
    options = {"repeats": str(repeats), "lengths": str(LENGTH), "depths": "0:100:10"}
    settings = RunSettings(
        model="needle-tiny", benchmarks=("needle",), options=options, out=folder, max_seq_len=LENGTH + 64
    )
    execute(open_session(settings), SilentMonitor(), Talker)
    report_run(folder)
    return folder


def _fill(folder: Path, text: str) -> None:
    """Pieces of a text in place of what records hold; lines without a checksum are read as older releases' are."""
    begin = 0

    def piece(characters: int) -> str:
        nonlocal begin
        begin = (begin + characters) % (len(text) - characters)
        return text[begin : begin + characters]

    lines = []
    for line in (folder / "samples.jsonl").read_text("utf-8").splitlines():
        record = {name: value for name, value in json.loads(line).items() if name != "crc32"}
        record |= {"preview": piece(300), "preview_end": piece(300), "text": piece(ANSWER_CHARACTERS)}
        lines.append(json.dumps(record) + "\n")
    (folder / "samples.jsonl").write_text("".join(lines), "utf-8")


class Talker:
    """Answers every prompt at once, each with other words."""

    name = "talker"
    engine_info: dict[str, Any] = {}

    def generate(self, rope: Any, requests: Sequence[Any]) -> Iterator[Any]:  # noqa: ARG002
        """Prose of the haystack's kind, which compresses as answers do."""
        from evalkit.models import Completion
        from evalkit.tasks.needle._grammar import haystack

        for request in requests:
            text = " ".join(itertools.islice(haystack(1_000_000 + request.index), 40))[:ANSWER_CHARACTERS]
            yield Completion(request.index, text=text, output_tokens=100, cached_tokens=0)

    def close(self) -> None:
        """Nothing to give back."""


if __name__ == "__main__":
    main()
