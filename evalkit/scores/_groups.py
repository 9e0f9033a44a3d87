"""From task scores to groups, the overall score and effective lengths.

A mean is never given for fewer members than it says: with one missing it is null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from evalkit.tasks import BenchmarkSpec

from ._records import BucketScore, EffectiveLength, GroupScore, OverallScore, TaskScore
from .intervals import Spread, mean_interval

__all__ = ["effective_length", "group_scores", "overall_score", "overall_weights", "task_weights"]

Scored = TaskScore | GroupScore


def group_scores(
    spec: BenchmarkSpec, protocol: str, scores: Mapping[str, TaskScore], spreads: Mapping[str, Spread]
) -> dict[str, GroupScore]:
    """Group name → the mean of its members, which are tasks or groups above it."""
    groups: dict[str, GroupScore] = {}
    for name in spec.groups:
        tasks = [task for task in spec.members(name) if spec.has_task(task, protocol)]
        present = _present(spec, protocol, name)
        members = [groups.get(member) or scores.get(member) for member in present]
        buckets = _buckets(members, list(present.values()))
        thresholds = {member.effective_length.threshold for member in members if member and member.effective_length}
        score = _mean([member.score if member else None for member in members], list(present.values()))
        interval = mean_interval(score, task_weights(spec, protocol, name), scores, spreads)
        groups[name] = GroupScore(
            score=score,
            tasks=tasks,
            ci95=interval and (interval.low, interval.high),
            ci95_kind=interval and interval.kind,
            buckets=buckets,
            effective_length=effective_length(buckets, thresholds.pop() if len(thresholds) == 1 else None),
        )
    return groups


def overall_score(
    spec: BenchmarkSpec,
    protocol: str,
    groups: Mapping[str, GroupScore],
    scores: Mapping[str, TaskScore],
    spreads: Mapping[str, Spread],
) -> OverallScore:
    """The weighted mean of the groups that enter it."""
    entering = {name: group.weight for name, group in spec.groups.items() if group.in_overall}
    score = _mean([groups[name].score for name in entering], list(entering.values()))
    interval = mean_interval(score, _shared_out(spec, protocol, entering), scores, spreads)
    return OverallScore(
        score=score,
        rule=spec.overall,
        ci95=interval and (interval.low, interval.high),
        ci95_kind=interval and interval.kind,
    )


def task_weights(spec: BenchmarkSpec, protocol: str, group: str) -> dict[str, float]:
    """Task → its share of the group's mean, through groups inside it; shares sum to 1."""
    return _shared_out(spec, protocol, _present(spec, protocol, group))


def overall_weights(spec: BenchmarkSpec, protocol: str) -> dict[str, float]:
    """Task → its share of the overall score; shares sum to 1. Empty where the benchmark has none."""
    entering = {name: group.weight for name, group in spec.groups.items() if group.in_overall}
    return _shared_out(spec, protocol, entering) if spec.overall else {}


def _shared_out(spec: BenchmarkSpec, protocol: str, members: Mapping[str, float]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for member, weight in members.items():
        inner = task_weights(spec, protocol, member) if member in spec.groups else {member: 1.0}
        for task, share in inner.items():
            shares[task] = shares.get(task, 0.0) + weight / math.fsum(members.values()) * share
    return shares


def _present(spec: BenchmarkSpec, protocol: str, name: str) -> dict[str, float]:
    """Member → weight, of the members that the protocol has."""
    tasks = [task for task in spec.members(name) if spec.has_task(task, protocol)]
    weights = spec.groups[name].members or dict.fromkeys(tasks, 1.0)
    return {member: weight for member, weight in weights.items() if member in spec.groups or member in tasks}


def effective_length(buckets: Mapping[str, BucketScore] | None, threshold: float | None) -> EffectiveLength | None:
    """The longest length whose mean is at least the threshold; None where it cannot be told."""
    if threshold is None or not buckets or any(bucket.score is None for bucket in buckets.values()):
        return None
    held = [int(name) for name, bucket in buckets.items() if bucket.score is not None and bucket.score >= threshold]
    return EffectiveLength(length=max(held, default=None), threshold=threshold)


def _buckets(members: Sequence[Scored | None], weights: Sequence[float]) -> dict[str, BucketScore] | None:
    found = [member.buckets if member else None for member in members]
    if not found or any(buckets is None or buckets.keys() != (found[0] or {}).keys() for buckets in found):
        return None
    there = [buckets for buckets in found if buckets is not None]
    return {
        name: BucketScore(
            score=_mean([buckets[name].score for buckets in there], weights),
            n=sum(buckets[name].n for buckets in there),
        )
        for name in there[0]
    }


def _mean(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    there = [value for value in values if value is not None]
    if not there or len(there) < len(values):
        return None
    return math.fsum(value * weight for value, weight in zip(there, weights, strict=True)) / math.fsum(weights)
