"""Sweeps made up: run folders with score rows, and the `Sweep` that says what they say."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.reports import ScoredRun
from evalkit.scores import BenchmarkScores, ScoreRow
from evalkit.sweeps import BenchmarkSweep, LengthEstimate, SpecSweep, Sweep, SweepCell

DEPTHS = (0, 25, 50, 75, 100)
WINDOW = 1024

Curve = Callable[[str, int], float | None]
"""Score of a spec at a length; None = it has no samples there."""


def extended(spec: str, length: int) -> float:
    """What extensions look like: all well inside the window, then a fall that a larger factor delays."""
    kind, _, rest = spec.partition(":")
    factor = float(rest.split(",")[0] or 1) if rest else 1.0
    loss = {"linear": 30, "ntk": 8, "yarn": 3}.get(kind, 0) * (factor - 1) / 4
    beyond = max(0.0, length / WINDOW / factor - 1)
    return max(0.0, min(100.0, 100 - loss - 55 * beyond))


def estimate(tokens: int | None, low: int | None, high: int | None, longest: int) -> LengthEstimate:
    return LengthEstimate(tokens, (low, high), tokens == longest)


def cell(length: int, score: float, first: float | None, *, has_intervals: bool) -> SweepCell:
    width = 1.5 + 0.15 * min(score, 100 - score)
    difference = None if first is None else score - first
    spread = (max(0.0, score - width), min(100.0, score + width)) if has_intervals else None
    paired = (difference - 0.7 * width, difference + 0.7 * width) if has_intervals and difference is not None else None
    return SweepCell(length, 90, 30, score, spread, difference, paired, (1.0, 3.0), (1e4, 3e4))


def benchmark_sweep(
    specs: Sequence[str], lengths: Sequence[int], curve: Curve, *, benchmark: str = "needle",
    has_intervals: bool = True,
) -> BenchmarkSweep:  # fmt: skip
    made: dict[str, SpecSweep] = {}
    for spec in specs:
        cells = []
        for length in lengths:
            score, first = curve(spec, length), curve(specs[0], length)
            if score is not None:
                reference = None if spec == specs[0] else first
                cells.append(cell(length, score, reference, has_intervals=has_intervals))
        good = [each.length for each in cells if each.score >= 85]
        better = [each.length for each in cells if (each.difference_ci95 or (0,))[0] > 0]
        holds = estimate(good[-1] if good else None, good[max(-2, -len(good))] if good else None,
                         good[-1] if good else lengths[0], lengths[-1])  # fmt: skip
        pays = LengthEstimate(better[0] if better else None, (better[0] if better else lengths[-1], None), False)
        made[spec] = SpecSweep(spec, spec.replace(":", "-"), tuple(cells), holds, None if spec == specs[0] else pays)
    return BenchmarkSweep(benchmark, "keyword", benchmark != "needle", tuple(lengths), lengths[0], made)


def sweep_of(*benchmarks: BenchmarkSweep) -> Sweep:
    specs = tuple(benchmarks[0].specs)
    return Sweep("needle-tiny", WINDOW, specs, 0.85, {each.benchmark: each for each in benchmarks})


def run_of(folder: Path, spec: SpecSweep, benchmark: BenchmarkSweep) -> ScoredRun:
    """A run folder of a spec, its rows with the cells' scores; of a needle grid at five depths."""
    folder.mkdir(parents=True)
    is_grid = benchmark.benchmark == "needle"
    settings: dict[str, Any] = {
        "benchmark": benchmark.benchmark, "label": "keyword", "title": "needle-tiny (embedded)",
        "context_length": WINDOW,
    }  # fmt: skip
    if is_grid:
        options = {"lengths": ",".join(map(str, benchmark.lengths)), "depths": ",".join(map(str, DEPTHS))}
        settings["options"] = options
    identity = {"data": {}, "model": "needle-tiny", "protocol": "keyword", "seed": 0}
    (folder / "run.json").write_text(json.dumps({"identity": identity, "settings": settings, "environment": {}}))
    return ScoredRun(folder, scores_of(spec, benchmark), list(_rows(spec, is_grid=is_grid)))


def _rows(spec: SpecSweep, *, is_grid: bool) -> list[ScoreRow]:
    task = "single" if is_grid else "qasper"
    return [
        ScoreRow(f"{task}/{each.length}/{depth}", task, "keyword", "m", each.score,
                 {"length": each.length, "depth": depth, "language": "en"} if is_grid else {})
        for each in spec.cells
        for depth in DEPTHS
    ]  # fmt: skip


def scores_of(spec: SpecSweep, benchmark: BenchmarkSweep, **overall: Any) -> BenchmarkScores:
    found = [each.score for each in spec.cells]
    mean = sum(found) / len(found)
    task = {
        "score": mean, "metric": "m", "n": 90 * len(found), "failed": 0, "expected": None, "clusters": 30,
        "ci95": (max(0.0, mean - 4), min(100.0, mean + 4)), "cluster_unit": "document", "empty": 0,
    }  # fmt: skip
    name = "single" if benchmark.benchmark == "needle" else "qasper"
    whole = {"score": mean, "rule": "mean over all samples", "ci95": task["ci95"], **overall}
    return BenchmarkScores.model_validate({
        "benchmark": benchmark.benchmark, "protocol": "keyword", "model": "needle-tiny",
        "model_title": "needle-tiny (embedded)", "tasks": {name: task}, "groups": {}, "overall": whole,
        "partial": False,
    })  # fmt: skip


def runs_of(folder: Path, *benchmarks: BenchmarkSweep) -> Mapping[str, Mapping[str, ScoredRun]]:
    return {
        each.benchmark: {
            name: run_of(folder / each.benchmark / f"run-{index}", spec, each)
            for index, (name, spec) in enumerate(each.specs.items())
        }
        for each in benchmarks
    }
