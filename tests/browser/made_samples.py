"""Pages of made-up samples: columns as the data holds them, without runs behind them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.reports.page import Content, PageRun, Part
from evalkit.scores import BenchmarkScores, GroupScore, TaskScore
from evalkit.tasks import load_spec

TASKS = ("single", "multi", "other")
GROUPS = {"both": ["single", "multi"]}
FLAGS = {"cut": 1, "lost": 2, "failed": 4, "starved": 8, "limit": 16, "fragile": 32, "refused": 64, "doubtful": 128}
WORDS = ("river", "Prague", "number", "会议", "Straße", "old", "town", "magic")

Columns = dict[str, Any]


def content_of_samples(runs: Mapping[str, Columns], pairs: Sequence[Mapping[str, int]] = ()) -> Content:
    """A page with one section, `samples`: the name of each run → its columns."""
    data = {
        "samples": list(runs.values()),
        "pairs": [{**pair, "tasks": {task: {} for task in TASKS}, "joined": {}} for pair in pairs],
    }
    return Content("Samples", [Part("samples", "samples.html.j2", data=data)], [_run(name) for name in runs])


def columns_of(count: int, seed: int = 0) -> Columns:
    """Columns of samples that differ in everything: some wrong, failed, cut, without a length or an answer."""
    rng = random.Random(seed)
    rows = [_row(index, rng) for index in range(count)]
    columns: Columns = {name: [row[name] for row in rows] for name in rows[0]} if rows else {"task": [], "key": []}
    return columns


def one_sample(**values: Any) -> Columns:
    """Columns of a single sample, `single/0`."""
    row = {"task": 0, "key": "0", "score": 50.0, "flags": 0, "targets": ["gold"], "answer": "an answer"} | values
    return {name: [value] for name, value in row.items() if name != "scores"} | {
        "scores": {name: [score] for name, score in values.get("scores", {}).items()}
    }


def _row(index: int, rng: random.Random) -> dict[str, Any]:
    length = rng.choice([1000, 2000, 4000, None])
    is_failed = rng.random() < 0.1
    bits = sum(bit for name, bit in FLAGS.items() if name != "failed" and rng.random() < 0.15)
    gold = rng.choice(WORDS) + str(rng.randrange(50))
    answer = (
        None if is_failed else " ".join(rng.choices(WORDS, k=6)) + rng.choice(["", f" {gold}", f"\n{gold.upper()}"])
    )
    if index % 23 == 4 and not is_failed:
        answer = " \n"
    return {
        "task": index % len(TASKS),
        "key": f"{index}",
        "score": None if is_failed else rng.choice([0.0, 100.0, 49.95, 50.0, round(rng.random() * 100, 2)]),
        "flags": bits + (FLAGS["failed"] if is_failed else 0),
        "length": length,
        "depth": rng.choice([0, 100 / 3, 50, 200 / 3, 100]),
        "depths": [0, 50] if index % 10 == 4 else None,
        "language": rng.choice(["en", "zh"]),
        "needles": rng.choice([1, 2, 3]),
        "before": None if length is None else length + rng.randrange(200),
        "head": " ".join(rng.choices(WORDS, k=4)),
        "tail": " ".join(rng.choices(WORDS, k=4)),
        "targets": [gold],
        "answer": [answer, "the far end", 9000] if answer and index % 50 == 0 else answer,
        "reasoning": "thinking of Lisbon" if index % 17 == 0 else None,
        "seen": gold if index % 5 == 0 else None,
        "error": "the server was away" if is_failed else None,
    }


def _run(name: str) -> PageRun:
    tasks = {task: TaskScore.model_construct(metric="accuracy") for task in TASKS}
    groups = {name: GroupScore.model_construct(tasks=members) for name, members in GROUPS.items()}
    scores = BenchmarkScores.model_construct(
        benchmark="made", protocol="official", model="toy", model_title="", tasks=tasks, groups=groups
    )
    return PageRun(name, Path("runs") / name, scores, load_spec("needle"), None, None, [])
