"""All figures of a sweep: heatmaps on one colour scale, curves, lengths, a map of specs, bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evalkit.printable import counted
from evalkit.runs import Manifest, read_manifest
from evalkit.scores import BenchmarkScores, OverallScore, TaskScore, own_rows
from evalkit.sweeps import BenchmarkSweep, Sweep
from evalkit.tasks import load_spec

from .._bars import Bar, BarPanel, draw_bars
from .._names import shown_model
from ..drawing import Palette, Texts, joined
from ..heatmaps import Panel, Picture, ScoredRun, draw_side_by_side, pictures_of, shown_run
from ._curves import draw_curves
from ._lengths import draw_length_estimates
from ._map import draw_map
from ._scene import Scene

__all__ = ["about", "bars_texts", "draw_sweep", "sweep_bars", "sweep_numbers"]

Runs = Mapping[str, ScoredRun]
"""Spec → its run folder, what scoring it gave, and the rows behind that."""


def draw_sweep(folder: Path, sweep: Sweep, runs: Mapping[str, Runs], palette: Palette = "published") -> list[Path]:
    """The figures of every benchmark of a sweep, `figures/BENCHMARK-….png` and `.svg` in its folder; their paths.

    `runs` is benchmark → spec → run, for every spec that the benchmark has.
    """
    paths: list[Path] = []
    for name, benchmark in sweep.benchmarks.items():
        stem = folder / "figures" / name
        scene = _scene(sweep, benchmark, runs[name], palette)
        paths += _draw_heatmaps(_beside(stem, "heatmaps"), scene, runs[name])
        paths += draw_map(_beside(stem, "map"), scene)
        paths += draw_curves(_beside(stem, "curves"), scene)
        paths += draw_length_estimates(_beside(stem, "lengths"), scene, sweep.share)
        scores = {spec: runs[name][spec].scores for spec in benchmark.specs}
        paths += draw_bars(_beside(stem, "bars"), sweep_bars(scores), bars_texts(scene.title, scene.about, scores))
    return paths


def _beside(stem: Path, name: str) -> Path:
    return stem.with_name(f"{stem.name}-{name}")


def _scene(sweep: Sweep, benchmark: BenchmarkSweep, runs: Runs, palette: Palette) -> Scene:
    first = runs[next(iter(benchmark.specs))]
    manifest = read_manifest(first.folder)
    return Scene(
        benchmark, shown_model(first.scores.model, first.scores.model_title), about(benchmark, manifest),
        _length_label(benchmark, first, manifest), sweep.window, palette,
    )  # fmt: skip


def about(benchmark: BenchmarkSweep, manifest: Manifest) -> str:
    """Benchmark, protocol and seed."""
    spec = load_spec(str(manifest.settings["benchmark"]))
    seed = manifest.identity.get("seed")
    return joined(spec.title, f"protocol {benchmark.protocol}", f"seed {seed}" if seed is not None else "")


def _length_label(benchmark: BenchmarkSweep, run: ScoredRun, manifest: Manifest) -> str:
    shown = shown_run(manifest, run.scores, run.rows, load_spec(str(manifest.settings["benchmark"])))
    if benchmark.is_bucketed:
        return f"Prompt and answer limit (the model's {shown.unit}; upper end of each bucket)"
    return shown.label("nominal")


def _draw_heatmaps(stem: Path, scene: Scene, runs: Runs) -> list[Path]:
    """The needle grids of all specs side by side; none where the benchmark has no lengths and depths."""
    pictures = {spec: _pictures(runs[spec]) for spec in scene.sweep.specs}
    common = [name for name in next(iter(pictures.values())) if all(name in others for others in pictures.values())]
    if not common:
        return []
    first = next(iter(runs.values()))
    name = "overall" if "overall" in common else _first_group(first, common)
    panels = [Panel(found[name].grid, spec, found[name].partial) for spec, found in pictures.items()]
    label = next(iter(pictures.values()))[name].label
    return draw_side_by_side(
        stem, panels, scene.title, joined(scene.about, label),
        lengths=scene.length_label, window=scene.window, palette=scene.palette,
    )  # fmt: skip


def _pictures(run: ScoredRun) -> dict[str, Picture]:
    manifest = read_manifest(run.folder)
    spec = load_spec(str(manifest.settings["benchmark"]))
    return pictures_of(shown_run(manifest, run.scores, own_rows(run.scores, run.rows), spec))


def _first_group(run: ScoredRun, common: Sequence[str]) -> str:
    groups = load_spec(str(read_manifest(run.folder).settings["benchmark"])).groups
    return next((name for name in groups if name in common), common[0])


def sweep_numbers(scores: Mapping[str, BenchmarkScores]) -> Mapping[str, Mapping[str, OverallScore | TaskScore]]:
    """`overall` → spec → the benchmark's own number; where a spec has none, the same of each task that all have.

    `scores` is spec → what its run scored, the first spec first.
    """
    if all(each.overall.score is not None for each in scores.values()):
        return {"overall": {spec: each.overall for spec, each in scores.items()}}
    first = next(iter(scores.values()))
    tasks = [task for task in first.tasks if all(task in each.tasks for each in scores.values())]
    return {task: {spec: each.tasks[task] for spec, each in scores.items()} for task in tasks}


def sweep_bars(scores: Mapping[str, BenchmarkScores]) -> list[BarPanel]:
    """One panel for each of `sweep_numbers`."""
    return [
        BarPanel("" if name == "overall" else name, [_bar(spec, each, scores) for spec, each in found.items()])
        for name, found in sweep_numbers(scores).items()
    ]


def _bar(spec: str, found: OverallScore | TaskScore, scores: Mapping[str, BenchmarkScores]) -> Bar:
    number = "" if found.score is None else f"{found.score:.2f}"
    return Bar(spec, found.score, number, found.ci95, is_reference=spec == next(iter(scores)))


def bars_texts(title: str, about: str, scores: Mapping[str, BenchmarkScores]) -> Texts:
    """Title, subtitle and caption of the bars of a sweep."""
    counts = sorted({sum(task.n for task in each.tasks.values()) for each in scores.values()})
    samples = counted(counts[0], "sample") if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,} samples"
    first = next(iter(scores.values()))
    is_overall = all(each.overall.score is not None for each in scores.values())
    is_partial = any(each.partial for each in scores.values())
    has_intervals = any(bar.ci95 for panel in sweep_bars(scores) for bar in panel.bars)
    return Texts(
        title,
        joined(about, "overall score by spec" if is_overall else "score of each task by spec"),
        joined(
            f"PARTIAL: {samples}" if is_partial else samples,
            first.overall.rule if is_overall else "",
            "lines: 95% interval of each score by itself" if has_intervals else "",
            f"grey: {next(iter(scores))}, which the others are held against" if len(scores) > 1 else "",
        ),
    )
