"""Runs made of numbers, for tests of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.reports.page import PageRun
from evalkit.runs import Manifest
from evalkit.scores import BenchmarkScores, GroupScore, LookedAt, OverallScore, TaskScore
from evalkit.tasks import BenchmarkSpec, Sample

__all__ = ["made_run", "made_scores", "made_spec", "made_task"]

SOME_SAMPLES = [LookedAt(Sample("quiz/a/0", "a", "d", {}, (), {}), (), (), ())]


def made_spec(*tasks: str, groups: Mapping[str, Sequence[str]] | None = None, title: str = "Quiz") -> BenchmarkSpec:
    """A benchmark of these tasks."""
    rules = {"meaning": "", "source": "", "scoring": ""}
    named = groups or {}
    return BenchmarkSpec.model_validate({
        "name": "quiz", "title": title, "kind": "quiz", "about": "", "source": "", "default_protocol": "full",
        "tasks": {task: {"group": next((g for g in named if task in named[g]), "")} for task in tasks},
        "groups": {name: {"title": f"Group {name}"} for name in named},
        "overall": "mean", "protocols": {"full": rules},
    })  # fmt: skip


def made_task(**fields: Any) -> TaskScore:
    """A whole task of 200 samples in 20 documents."""
    values = {
        "score": 44.855123, "metric": "qa_f1", "n": 200, "failed": 0, "expected": 200, "ci95": (39.140001, 50.66),
        "clusters": 20, "cluster_unit": "document", "empty": 0, "ci95_kind": "cluster t",
    }  # fmt: skip
    return TaskScore(**values | fields)


def made_scores(tasks: Mapping[str, TaskScore], **fields: Any) -> BenchmarkScores:
    """Scores of these tasks without groups."""
    values = {
        "schema": 1, "benchmark": "quiz", "protocol": "full", "model": "tiny", "partial": False, "tasks": dict(tasks),
        "groups": {}, "overall": OverallScore(score=None, rule=""),
    }  # fmt: skip
    return BenchmarkScores(**values | fields)


def made_run(
    scores: BenchmarkScores,
    name: str = "run",
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    manifest: Mapping[str, Mapping[str, Any]] | None = None,
    folder: Path = Path("/nowhere/run"),
    **fields: Any,
) -> PageRun:
    """A run with these scores; `manifest` has the parts of one, without them the answers were made elsewhere."""
    spec = made_spec(*scores.tasks, *scores.missing, groups=groups or {g: s.tasks for g, s in scores.groups.items()})
    parts = {"identity": {}, "settings": {}, "environment": {}, **(manifest or {})}
    return PageRun(
        name, folder, scores, spec, None, None if manifest is None else Manifest(**parts), SOME_SAMPLES, **fields
    )  # fmt: skip


def means_of(tasks: Sequence[str], score: float | None = 44.5) -> GroupScore:
    """A group."""
    return GroupScore(score=score, tasks=list(tasks), ci95=None if score is None else (40.0, 48.25), ci95_kind="bound")
