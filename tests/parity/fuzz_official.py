"""Scores hostile answers with evalkit and with official code that is at hand, and prints where they differ.

Run by hand; exit code 1 where anything differs:

    python tests/parity/fuzz_official.py --longbench DIR --opencompass DIR_OR_WHEEL --leval DIR --cases N --seed S

`--longbench` and `--leval` are checkouts of THUDM/LongBench at 2e00731f and OpenLMLab/LEval at cd34b050;
`--opencompass` is the wheel of 0.5.4 or a folder that holds the package. `--python` names an interpreter whose
packages the official code needs: rouge 1.0.1, jieba and fuzzywuzzy for LongBench and OpenCompass; datasets 2, nltk
and rouge_score for L-Eval. LongBench's recursion limit is that of CPython 3.11.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evalkit.metrics import UnscorableError
from evalkit.tasks import Answer, Benchmark, load_benchmark
from tests.parity.official.mutations import TASKS, Case, cases
from tests.parity.official.runners import (
    Official,
    OfficialError,
    leval_scores,
    longbench_scores,
    opencompass_scores,
    unpacked,
)

LONGBENCH = tuple(TASKS)[:13]
LEVAL = tuple(TASKS)[13:20]
NEEDLES = tuple(TASKS)[20:]
FAILING_TRIED = 4  # one failing sample ends L-Eval's whole script, so each needs a run of its own
SHOWN = 5  # disagreements printed per task


class Suite(NamedTuple):
    """The tasks of one benchmark under one protocol."""

    benchmark: str
    """Its name in evalkit."""
    protocol: str
    """Its protocol in evalkit."""
    tasks: tuple[str, ...]
    """Tasks that are tried."""


class Difference(NamedTuple):
    """A case that the two score otherwise."""

    case: Case
    """What was scored."""
    official: float | None
    """The official score; None where that code raises."""
    ours: float | None
    """evalkit's; None where the sample fails."""


@cache
def _loaded(benchmark: str, backend: str) -> Benchmark:
    return load_benchmark(benchmark, {"code-backend": backend} if backend else {})


def our_score(benchmark: str, protocol: str, case: Case, backend: str = "") -> float | None:
    """evalkit's score (0–100) of a case that is alone in its file; None where the sample fails."""
    metadata = {"index": 0, "evaluation": "exam", "length": 1000, "all_classes": list(case.classes)}
    answer = Answer("fuzz/0", "fuzz/0", case.prediction, case.targets, metadata)
    scorer = _loaded(benchmark, backend).scorer(case.task, protocol, (answer,))
    try:
        values = [value for value in scorer.score(answer) if not math.isnan(value)]
    except UnscorableError:
        return None
    return sum(values) / len(values)


def differences(suite: Suite, given: Sequence[Case], official: Official) -> list[Difference]:
    """The cases whose scores differ by more than 1e-9, or where only one side fails."""
    backend = official.backend if suite.benchmark == "longbench" else ""
    found = []
    for case, value in zip(given, official.values, strict=True):
        ours = our_score(suite.benchmark, suite.protocol, case, backend)
        is_same = value is ours is None or (None not in (value, ours) and math.isclose(value, ours, abs_tol=1e-9))  # type: ignore[arg-type]
        if not is_same:
            found.append(Difference(case, value, ours))
    return found


def compared(arguments: argparse.Namespace, scratch: Path) -> Iterator[tuple[Suite, str, int, list[Difference]]]:
    """Each suite and task whose official code was named, with the number of cases and those that differ."""
    seed, count, python = arguments.seed, arguments.cases, arguments.python
    wheel = unpacked(arguments.opencompass, scratch) if arguments.opencompass else None
    for suite in _suites(arguments):
        for task in suite.tasks:
            given = list(cases(task, count, seed))
            if suite.protocol == "opencompass" and wheel is not None:
                # Recursion is left out: how deep OpenCompass's stack is depends on how it is started.
                given = [case for case in given if not case.prediction.startswith("k p0")]
                version = "needlebench_v2" if suite.benchmark.startswith("needlebench-v2") else "needlebench"
                official = opencompass_scores(wheel, given, python, version)
            elif suite.benchmark == "longbench":
                official = longbench_scores(arguments.longbench, given, python)
            else:
                given, official = _leval(suite, task, given, arguments)
            yield suite, task, len(given), differences(suite, given, official)


def _leval(suite: Suite, task: str, given: list[Case], arguments: argparse.Namespace) -> tuple[list[Case], Official]:
    """The cases that were tried, and their official scores: of those that should fail only a few, each alone."""
    is_failing = {case: our_score(suite.benchmark, suite.protocol, case) is None for case in given}
    failing = [case for case in given if is_failing[case]][:FAILING_TRIED]
    scored = [case for case in given if not is_failing[case]]
    runs = [[case] for case in failing] + [scored]
    values = [leval_scores(arguments.leval.resolve(), task, run, arguments.python).values for run in runs]
    return [*failing, *scored], Official([value for run in values for value in run])


def _suites(arguments: argparse.Namespace) -> list[Suite]:
    suites = []
    if arguments.longbench:
        suites.append(Suite("longbench", "official", LONGBENCH))
    if arguments.leval:
        suites.append(Suite("leval", "official", LEVAL))
    if arguments.opencompass:
        exams = tuple(task for task in LEVAL if task not in ("codeU", "sci_fi"))  # not in OpenCompass
        suites += [Suite("longbench", "opencompass", LONGBENCH), Suite("leval", "opencompass", exams)]
        suites += [Suite(name, "opencompass", NEEDLES) for name in ("needlebench-4k", "needlebench-v2-4k")]
    return suites


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--longbench", type=Path, metavar="DIR", help="checkout of THUDM/LongBench")
    parser.add_argument("--opencompass", type=Path, metavar="DIR_OR_WHEEL", help="opencompass 0.5.4")
    parser.add_argument("--leval", type=Path, metavar="DIR", help="checkout of OpenLMLab/LEval, run as a program")
    parser.add_argument("--cases", type=int, default=500, metavar="N", help="cases per task (500)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the mutations (0)")
    parser.add_argument("--python", default=sys.executable, help="interpreter for the official code (this one)")
    parsed = parser.parse_args(words)
    if not (parsed.longbench or parsed.opencompass or parsed.leval):
        parser.error("name official code with --longbench, --opencompass or --leval")
    for place in (parsed.longbench, parsed.opencompass, parsed.leval):
        if place is not None and not place.exists():
            parser.error(f"{place}: no such file or folder")
    return parsed


def main(words: Sequence[str] | None = None) -> int:
    """Prints a line per task and the first disagreements; 0 where all agree, 1 where any differ, 2 where none ran."""
    arguments, total = _arguments(words), 0
    with tempfile.TemporaryDirectory() as scratch:
        try:
            for suite, task, count, found in compared(arguments, Path(scratch)):
                total += len(found)
                sys.stdout.write(f"{suite.benchmark} {suite.protocol} {task}: {count} cases, {len(found)} differ\n")
                for each in found[:SHOWN]:
                    sys.stdout.write(f"  official {each.official}, evalkit {each.ours}: {str(each.case)[:300]}\n")
                sys.stdout.flush()
        except OfficialError as error:
            sys.stderr.write(f"the official code did not run: {error}\n")
            return 2
    return int(total > 0)


if __name__ == "__main__":
    sys.exit(main())
