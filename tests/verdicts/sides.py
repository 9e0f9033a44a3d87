"""Sides of comparisons made by hand: task scores of `longbench` or lengths of a needle grid, without any data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.published import KNOBS, Knob, PublishedScore
from evalkit.runs import Manifest
from evalkit.scores import BenchmarkScores, GroupScore, Measured, OverallScore, TaskScore, TaskValues
from evalkit.tasks import load_spec
from evalkit.verdicts import Side

from .made import made_values

__all__ = ["made_manifest", "made_row", "made_side"]


def made_side(
    tasks: Mapping[str, Sequence[float]],
    *,
    benchmark: str = "longbench",
    protocol: str = "official",
    lengths: Sequence[int] | None = None,
    manifest: Manifest | None = None,
    name: str = "run",
    groups: Mapping[str, Sequence[str]] | None = None,
    **changes: Any,
) -> Side:
    """A side with these scores by sample.

    `groups` names the tasks of means, `changes` are fields of every task's score, such as `failed`.
    """
    values = {task: _values(task, points, lengths) for task, points in tasks.items()}
    scores = {task: _score(each, changes) for task, each in values.items()}
    found = BenchmarkScores(
        schema=1,
        benchmark=benchmark,
        protocol=protocol,
        model="m",
        tasks=scores,
        groups={name: _group(members, scores) for name, members in (groups or {}).items()},
        overall=OverallScore(score=None, rule=""),
        partial=False,
    )
    return Side(name, Measured(found, [], values, load_spec(benchmark), protocol), manifest)


def _values(task: str, points: Sequence[float], lengths: Sequence[int] | None) -> TaskValues:
    made = made_values(points, task=task)
    axes = [{} if lengths is None else {"length": lengths[index % len(lengths)]} for index in range(len(points))]
    none = tuple(("",) for _ in points)
    return replace(made, axes=tuple(axes), texts=tuple("" for _ in points), targets=none, metric="keyword")


def _group(members: Sequence[str], scores: Mapping[str, TaskScore]) -> GroupScore:
    return GroupScore(score=sum(scores[task].score or 0 for task in members) / len(members), tasks=list(members))


def _score(values: TaskValues, changes: Mapping[str, Any]) -> TaskScore:
    n = len(values.ids)
    fields = {"n": n, "failed": 0, "expected": n, "notes": [], **changes}
    return TaskScore(score=values.score, metric="m", ci95=None, clusters=n, cluster_unit="sample", empty=0, **fields)


def made_row(task: str, printed: str, *, knobs: Mapping[str, str] | None = None, **changes: Any) -> PublishedScore:
    """A published number of model `m`; `knobs` that are not given are unknown, but for rounding to its digits."""
    decimals = len(printed.partition(".")[2])
    stated = {"digits": f"rounded:{decimals}", **(knobs or {})}
    known = {
        name: Knob(name, stated.get(name, "unknown"), "stated" if name in stated else "unknown", "") for name in KNOBS
    }
    row = PublishedScore(
        benchmark="longbench",
        kind="task",
        task=task,
        model="m",
        rope="native",
        score=float(printed),
        printed=printed,
        protocol="official",
        n=None,
        source="table",
        also_in="",
        note="",
        margin=3.0,
        knobs=known,
    )
    return replace(row, **changes)


def made_manifest(
    identity: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    engine: Mapping[str, Any] | None = None,
) -> Manifest:
    """The manifest of a greedy run of `m` under LongBench's official protocol in float32, and what else is given."""
    own = {"benchmark": "longbench", "protocol": "official", "model": "m", "data": {}, "rope": "native"}
    more = {"truncation": "longbench-official", "max_seq_len": 4096, "template": "none", "sampling": "greedy"}
    return Manifest(
        identity={**own, **more, "backend": "hf", "dtype": "float32", **(identity or {})},
        settings={"label": "official", "benchmark": "longbench", "prefix_reuse": True, **(settings or {})},
        environment={"engine": {"dtype": "float32", **(engine or {})}},
    )
