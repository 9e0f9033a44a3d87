"""Bars of a sweep that was run earlier: the scores that its runs hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evalkit.errors import UnknownNameError
from evalkit.rope import parse_ropes
from evalkit.runs import read_manifest
from evalkit.scores import BenchmarkScores, read_scores
from evalkit.sweeps import Sweep

from .._bars import BarPanel, draw_bars
from .._names import shown_model
from ..drawing import Texts, joined
from ._figures import about, bars_texts, sweep_bars

__all__ = ["draw_sweep_bars", "sweep_scores"]

Scores = Mapping[str, Mapping[str, BenchmarkScores]]
"""Benchmark → spec → what its run scored."""


def sweep_scores(folder: Path, sweep: Sweep, specs: Sequence[str] = ()) -> Scores:
    """What the runs in a sweep's folder scored, of these specs alone where any are named; the first spec is first."""
    wanted = [str(spec) for text in specs for spec in parse_ropes(text)] or list(sweep.specs)
    for spec in wanted:
        if spec not in sweep.specs:
            raise UnknownNameError(f"spec of {folder}", spec, sweep.specs)
    return {
        name: {
            spec: read_scores(folder / found.folder) for spec, found in benchmark.specs.items() if spec in wanted
        }
        for name, benchmark in sweep.benchmarks.items()
    }  # fmt: skip


def draw_sweep_bars(stem: Path, folder: Path, sweep: Sweep, scores: Scores) -> list[Path]:
    """`stem`.png and `stem`.svg of the overall scores, or the file that `stem` names; all benchmarks in one figure."""
    panels: list[BarPanel] = []
    texts: list[Texts] = []
    for name, by_spec in scores.items():
        first = sweep.benchmarks[name].specs[next(iter(by_spec))]
        abouts = about(sweep.benchmarks[name], read_manifest(folder / first.folder))
        texts.append(bars_texts(shown_model(sweep.model, sweep.title), abouts, by_spec))
        title = sweep.benchmarks[name].title if len(scores) > 1 else ""
        panels += [BarPanel(joined(title, panel.title), panel.bars) for panel in sweep_bars(by_spec)]
    if len(texts) == 1:
        return draw_bars(stem, panels, texts[0])
    captions = [f"{sweep.benchmarks[name].title}: {each.caption}" for name, each in zip(scores, texts, strict=True)]
    return draw_bars(stem, panels, Texts(texts[0].title, "overall scores by spec", joined(*captions)))
