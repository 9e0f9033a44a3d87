"""Official scores of many cases, from a checkout that somebody named: each runs in a process of its own.

LongBench and OpenCompass are called function by function. L-Eval's code is under the GPL: it is run as a program on
files and its printed scores are read, nothing of it is imported.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.parity.official.mutations import Case

__all__ = ["Official", "OfficialError", "leval_scores", "longbench_scores", "opencompass_scores", "unpacked"]

HERE = Path(__file__).parent
_LEVAL_SCORE = re.compile(r"\| score=([0-9.]+)\n={20}\n")


class OfficialError(Exception):
    """The official code did not run at all; the message holds the end of what it wrote."""


@dataclass(frozen=True)
class Official:
    """What the official code made of some cases."""

    values: list[float | None]
    """Score of each case, 0–100; None where the code raised."""
    backend: str = ""
    """String similarity behind code completion: difflib or levenshtein."""


def longbench_scores(folder: Path, given: Sequence[Case], python: str) -> Official:
    """LongBench's scores; `folder` is a checkout of the repository, or its `LongBench` folder."""
    inner = folder / "LongBench" if (folder / "LongBench" / "eval.py").is_file() else folder
    return _worked("longbench_worker.py", inner, [case._asdict() for case in given], python)


def opencompass_scores(folder: Path, given: Sequence[Case], python: str, version: str = "") -> Official:
    """OpenCompass's scores; `folder` holds the package, `version` is NeedleBench's: needlebench or needlebench_v2."""
    return _worked("opencompass_worker.py", folder, [case._asdict() | {"version": version} for case in given], python)


def unpacked(place: Path, folder: Path) -> Path:
    """A folder that holds the package `opencompass`: `place` itself, or its wheel unpacked into `folder`."""
    if place.is_dir():
        return place
    with zipfile.ZipFile(place) as wheel:
        wheel.extractall(folder, [name for name in wheel.namelist() if name.startswith("opencompass/")])
    return folder


def leval_scores(folder: Path, task: str, given: Sequence[Case], python: str) -> Official:
    """Scores of L-Eval's evaluation script, which it prints per sample; None for samples that make it fail.

    One such sample ends the whole script, so the cases are halved until it is found.
    """
    run = _leval_runner(folder, task, python)
    return Official(_bisected(list(given), run))


Run = Callable[[Sequence[Case]], list[float] | None]


def _bisected(given: list[Case], run: Run) -> list[float | None]:
    values = run(given) if given else []
    if values is not None:
        return list(values)
    if len(given) == 1:
        return [None]
    middle = len(given) // 2
    return _bisected(given[:middle], run) + _bisected(given[middle:], run)


def _leval_runner(folder: Path, task: str, python: str) -> Run:
    parts = 3 if task == "topic_retrieval_longchat" else 1  # it scores the 1st, 2nd and 3rd questions one after another
    halves = 2 if task == "sci_fi" else 1  # loyalty of all samples, then fact of all

    def run(given: Sequence[Case]) -> list[float] | None:
        # Three questions make a conversation: a last one that is not whole is filled up.
        padded = [*given, *[given[-1]] * (-len(given) % parts)]
        found = _leval_printed(folder, task, padded, python)
        if found is None:
            return None
        if len(found) != halves * len(padded):
            raise OfficialError(f"{task}: {len(found)} scores printed for {len(padded)} samples")
        if halves == 2:
            return [(a + b) / 2 for a, b in zip(found[: len(padded)], found[len(padded) :], strict=True)]
        order = [index for part in range(parts) for index in range(part, len(padded), parts)]
        return [value for _, value in sorted(zip(order, found, strict=True))][: len(given)]

    return run


def _leval_printed(folder: Path, task: str, given: Sequence[Case], python: str) -> list[float] | None:
    """The printed scores, 0–100, in printed order; None where the script failed on a sample."""
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, f"{task}.pred.jsonl")
        records = [
            {"query": "", "gt": case.targets[0], "model_pred": case.prediction, "evaluation": "exam"} for case in given
        ]
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        done = subprocess.run(
            [python, "Evaluation/auto_eval.py", "--pred_file", str(path)],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(folder), "PYTHONIOENCODING": "utf-8"},
            capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
    if done.returncode and "IndexError" not in done.stderr:
        raise OfficialError(done.stderr[-400:])
    return None if done.returncode else [100 * float(value) for value in _LEVAL_SCORE.findall(done.stdout)]


def _worked(worker: str, folder: Path, given: Sequence[object], python: str) -> Official:
    with tempfile.TemporaryDirectory() as scratch:
        cases, results = Path(scratch, "cases.json"), Path(scratch, "results.json")
        cases.write_text(json.dumps(given), encoding="utf-8")
        done = subprocess.run(
            [python, str(HERE / worker), str(folder.resolve()), str(cases), str(results)],
            capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        if done.returncode:
            raise OfficialError(done.stderr[-400:])
        return Official(**json.loads(results.read_text(encoding="utf-8")))
