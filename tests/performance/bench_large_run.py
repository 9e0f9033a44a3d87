"""What a needle run of many short samples costs outside the model: CPU seconds and memory of each stage.

    python tests/performance/bench_large_run.py [--repeats 100,1000,5000] [--stages open,plan,…] [--keep FOLDER]

Each repeat is 11 samples of 256 tokens, so the default is 1,100, 11,000 and 55,000 samples. Every stage is a process of
its own, which prints the CPU seconds of the stage (imports left out), the most memory that the process ever held, and
what of it is the process's own at the end: the prompts themselves lie in a file that is mapped, a kilobyte a sample,
whose pages the system takes back when it needs them. The stages:

- `open`: what is asked is checked, the needle grid tried; `plan`: all prompts built, counted and sorted as well;
- `execute`: a whole run with a model that answers at once; `resume`: the same command again, with all of it done;
- `score`: scores from the records; `report`: scores, tables and figures.

Controls, to hold them against: `import` loads all that a run loads and does nothing, `encode` encodes the haystacks
alone, once each, and `read` parses the records with `json.loads`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

STAGES = ("import", "encode", "open", "plan", "execute", "read", "resume", "score", "report")
DEPTHS = 11
LENGTH = 256


def main() -> None:
    """Run every stage for every number of repeats and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", default="100,1000,5000")
    parser.add_argument("--stages", default=",".join(STAGES))
    parser.add_argument("--keep", type=Path, default=None, help="folder for the runs, kept for later stages")
    parser.add_argument("--stage", default=None, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.stage is not None:
        print(json.dumps(_measured(flags.stage, int(flags.repeats), flags.keep)))
        return
    with tempfile.TemporaryDirectory() as folder:
        _table([int(each) for each in flags.repeats.split(",")], flags.stages.split(","), flags.keep or Path(folder))


def _table(repeats: list[int], stages: list[str], folder: Path) -> None:
    print(f"{'samples':>8}  {'stage':8}  {'CPU s':>8}  {'peak MB':>8}  {'own MB':>8}  {'ms a sample':>11}")
    for number, stage in itertools.product(repeats, stages):
        command = [sys.executable, __file__, "--stage", stage, "--repeats", str(number), "--keep", str(folder)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        samples = number * DEPTHS
        memory = f"{found['peak']:8.0f}  {found['own']:8.0f}"
        each = f"{1000 * found['seconds'] / samples:11.3f}"
        print(f"{samples:8,}  {stage:8}  {found['seconds']:8.2f}  {memory}  {each}", flush=True)


def _measured(stage: str, repeats: int, folder: Path) -> dict[str, float]:
    _import_all()
    function = FUNCTIONS[stage]
    began = time.process_time()
    held = function(repeats, folder / f"run{repeats}")
    seconds = time.process_time() - began
    found = {"seconds": seconds, "peak": _megabytes("VmHWM"), "own": _megabytes("RssAnon")}
    del held  # what the stage made counts until here
    return found


def _import_all() -> None:
    """All modules that the stages use, transformers' tokenizer with them, so that none counts as work."""
    import evalkit._api  # noqa: F401
    from evalkit.cards import load_card
    from evalkit.prompts import load_tokenizer

    load_tokenizer(load_card("needle-tiny"))


def _megabytes(field: str) -> float:
    """A figure of this process's memory; not `ru_maxrss`, which a child inherits from its parent."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def _session(repeats: int, folder: Path) -> Any:
    from evalkit.runs import RunSettings, open_session

    options = {"repeats": str(repeats), "lengths": str(LENGTH), "depths": "0:100:10"}
    return open_session(RunSettings(model="needle-tiny", benchmarks=("needle",), options=options, out=folder))


def _nothing(repeats: int, folder: Path) -> None:
    """The control of all stages."""


def _encode(repeats: int, folder: Path) -> None:  # noqa: ARG001
    """Encode the sentences of each haystack that 256 tokens need."""
    from evalkit.cards import load_card
    from evalkit.prompts import load_tokenizer
    from evalkit.tasks.needle._grammar import haystack

    tokenizer = load_tokenizer(load_card("needle-tiny"))
    for repeat in range(repeats):
        tokenizer.encode_batch(list(itertools.islice(haystack(repeat), LENGTH // 13)))


def _open(repeats: int, folder: Path) -> None:
    _session(repeats, folder)


def _plan(repeats: int, folder: Path) -> Any:
    from evalkit.runs import plan_session

    return plan_session(_session(repeats, folder))


def _execute(repeats: int, folder: Path) -> None:
    from evalkit.runs import SilentMonitor, execute

    outcome = execute(_session(repeats, folder), SilentMonitor(), InstantModel)
    assert outcome.finished == repeats * DEPTHS


def _resume(repeats: int, folder: Path) -> None:
    from evalkit.runs import SilentMonitor, execute

    outcome = execute(_session(repeats, folder), SilentMonitor(), InstantModel)
    assert (outcome.finished, outcome.reused) == (0, repeats * DEPTHS)


def _read(repeats: int, folder: Path) -> None:  # noqa: ARG001
    with (folder / "samples.jsonl").open("rb") as stream:
        for line in stream:
            json.loads(line)


def _score(repeats: int, folder: Path) -> None:  # noqa: ARG001
    from evalkit.scores import score_run

    score_run(folder)


def _report(repeats: int, folder: Path) -> None:  # noqa: ARG001
    from evalkit._api import report_run

    report_run(folder)


FUNCTIONS: dict[str, Callable[[int, Path], Any]] = {
    "import": _nothing, "encode": _encode, "open": _open, "plan": _plan, "execute": _execute, "read": _read,
    "resume": _resume, "score": _score, "report": _report,
}  # fmt: skip


class InstantModel:
    """Answers every prompt at once."""

    name = "instant"
    engine_info: dict[str, Any] = {}

    def generate(self, rope: Any, requests: Sequence[Any]) -> Iterator[Any]:  # noqa: ARG002
        """The same answer to all."""
        from evalkit.models import Completion

        for request in requests:
            yield Completion(request.index, text="The number is 39352.", output_tokens=8, cached_tokens=0)

    def close(self) -> None:
        """Nothing to give back."""


if __name__ == "__main__":
    main()
