"""Long fuzzing of every reader, in child processes that are killed where they hang or fill the memory.

    python tests/fuzz/run.py --cases 100000 --seed 1 --jobs 2
    python tests/fuzz/run.py --only card --cases 5000
    python tests/fuzz/run.py --only card --replay fuzz-failures/card/1-17.bin

Cases are shared out evenly among the readers, and depend on seed, reader and number alone. Each that breaks the promise
(a result, or an `EvalkitError` of one line, in bounded time and memory) is kept in a folder with its traceback.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fuzz._contract import CLOCK_FACTOR, Outcome, Reader, case_of, check
from tests.fuzz._readers import READERS

ROOT = Path(__file__).resolve().parents[2]
MEMORY_BYTES = 6 * 2**30  # of address space; torch alone maps two
GRACE_SECONDS = 20.0  # beyond a reader's own limit: what hangs outside Python is killed then


@dataclass
class Tally:
    """What became of the cases of one reader."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, kind: str, site: str) -> None:
        """One more case."""
        self.counts[kind] += 1
        if site:
            self.sites[site] += 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 where every promise was kept, 1 otherwise."""
    options = _parser().parse_args(arguments)
    readers = _chosen(options.only)
    if options.child is not None:
        return _child(readers[0], options.seed, options.child, options.cases, options.keep)
    if options.replay is not None:
        return _replay(readers[0], options.replay)
    share = max(1, options.cases // len(readers))
    with ThreadPoolExecutor(options.jobs) as pool:
        tallies = list(pool.map(lambda reader: _fuzzed(reader, options.seed, share, options.keep), readers))
    _print(tallies)
    return int(any(tally.counts["crash"] + tally.counts["hang"] for tally in tallies))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=20_000, help="of all readers together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="readers at once")
    parser.add_argument("--only", action="append", metavar="READER", help="may be repeated")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder for what broke a promise")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="read one kept case again, with --only")
    parser.add_argument("--child", type=int, metavar="FIRST", help=argparse.SUPPRESS)
    return parser


def _chosen(names: Sequence[str] | None) -> list[Reader]:
    known = {reader.name: reader for reader in READERS}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise SystemExit(f"no reader {unknown[0]!r}; there are {', '.join(known)}")
    return [known[name] for name in names or known if all(map(importlib.util.find_spec, known[name].needs))]


def _replay(reader: Reader, path: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        outcome = check(reader, path.read_bytes(), Path(folder))
    print(outcome.kind, outcome.site, outcome.detail, sep="\n")
    return int(outcome.kind in {"crash", "hang"})


def _fuzzed(reader: Reader, seed: int, cases: int, keep: Path) -> Tally:
    """The cases of one reader; a child that dies or hangs is followed by another one behind that case."""
    tally, began, index = Tally(reader.name), time.monotonic(), 0
    while index < cases:
        for number, outcome in _in_child(reader, seed, index, cases, keep):
            tally.add(outcome.kind, outcome.site)
            index = number + 1
    tally.seconds = time.monotonic() - began
    return tally


def _in_child(reader: Reader, seed: int, first: int, cases: int, keep: Path) -> Iterator[tuple[int, Outcome]]:
    """Number and outcome of each case; where the child ends early, the case it was at is a crash or a hang."""
    command = [sys.executable, str(Path(__file__)), "--only", reader.name, "--seed", str(seed)]
    command += ["--child", str(first), "--cases", str(cases), "--keep", str(keep)]
    at = first
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT) as child:
        watch = _Watch(child, CLOCK_FACTOR * reader.seconds + GRACE_SECONDS)
        assert child.stdout is not None
        for line in child.stdout:
            watch.seen()
            number, kind, site = json.loads(line)
            yield number, Outcome(kind, site)
            at = number + 1
        watch.stop()
    if at < cases:
        kind = "hang" if watch.is_killed else "crash"
        outcome = Outcome(kind, "killed: no end" if watch.is_killed else f"the process died ({child.returncode})")
        _keep(keep, reader, seed, at, outcome)
        yield at, outcome


class _Watch:
    """Kills a child that has said nothing for long."""

    def __init__(self, child: subprocess.Popen[bytes], seconds: float) -> None:
        import threading

        self._child, self._seconds, self._last = child, seconds + 60, time.monotonic()  # imports come first
        self._first = seconds
        self.is_killed = False
        self._ended = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def seen(self) -> None:
        self._last, self._seconds = time.monotonic(), self._first

    def stop(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(1):
            if time.monotonic() - self._last > self._seconds:
                self.is_killed = True
                self._child.kill()
                return


def _child(reader: Reader, seed: int, first: int, cases: int, keep: Path) -> int:
    """Cases `first` to `cases`, a line of JSON for each."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    said = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a reader prints is no outcome
    for number in range(first, cases):
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        try:
            outcome = check(reader, case_of(reader, seed, number), folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if outcome.kind in {"crash", "hang"}:
            _keep(keep, reader, seed, number, outcome)
        said.write(json.dumps([number, outcome.kind, outcome.site]) + "\n")
    return 0


def _keep(keep: Path, reader: Reader, seed: int, number: int, outcome: Outcome) -> None:
    folder = keep / reader.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{seed}-{number}.bin").write_bytes(case_of(reader, seed, number))
    said = f"{outcome.kind}: {outcome.site}\n{outcome.detail}\n"
    (folder / f"{seed}-{number}.txt").write_text(said, "utf-8", "replace")


def _print(tallies: Sequence[Tally]) -> None:
    print(f"{'reader':<20}{'cases':>9}{'accepted':>10}{'refused':>9}{'crashes':>9}{'hangs':>7}{'seconds':>9}")
    for tally in tallies:
        counts = tally.counts
        print(
            f"{tally.name:<20}{counts.total():>9,}{counts['accepted']:>10,}{counts['refused']:>9,}"
            f"{counts['crash']:>9,}{counts['hang']:>7,}{tally.seconds:>9.0f}"
        )
    total = sum((tally.counts for tally in tallies), Counter[str]())
    print(
        f"{'all':<20}{total.total():>9,}{total['accepted']:>10,}{total['refused']:>9,}{total['crash']:>9,}"
        f"{total['hang']:>7,}"
    )
    for tally in tallies:
        for site, count in tally.sites.most_common():
            print(f"{tally.name}: {count} × {site}")


if __name__ == "__main__":
    sys.exit(main())
