"""The section `sweep`: RoPE conditions of one model on the same samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalkit.runs import MANIFEST
from evalkit.scores import holds_answers
from evalkit.sweeps import BenchmarkSweep, SpecSweep, Sweep, SweepCell, read_sweep

from .._names import shown_model
from ..sweeps import families, sweep_text_tables
from ._content import PageRun, Part
from ._labels import Labels
from ._lengths import limit_unit, nominal_unit

__all__ = ["sweep_folders", "sweep_part"]

Runs = Mapping[Path, int]
"""Folder, resolved → index of the run."""


def sweep_folders(folder: Path) -> dict[Path, str]:
    """The run folders of a sweep that are there → what the page calls each: its spec, and of several benchmarks which.

    `UserError` for a folder that holds no sweep, or a damaged one.
    """
    sweep = read_sweep(folder)
    found = {}
    for benchmark in sweep.benchmarks.values():
        suffix = f" · {benchmark.benchmark}" if len(sweep.benchmarks) > 1 else ""
        for spec in benchmark.specs.values():
            run = folder / spec.folder
            if (run / MANIFEST).is_file() or holds_answers(run):
                found[run] = f"{spec.spec}{suffix}"
    return found


def sweep_part(folder: Path | None, runs: Sequence[PageRun], words: Labels) -> Part | None:
    """The section; None where no sweep is named. `UserError` for a folder that holds none, or a damaged one."""
    if folder is None:
        return None
    sweep = read_sweep(folder)
    places = {run.folder.resolve(): index for index, run in enumerate(runs)}
    shown = [_Shown(folder, sweep, benchmark, places, runs) for benchmark in sweep.benchmarks.values()]
    values = {
        "about": words["sweep_about"].format(model=shown_model(sweep.model, sweep.title), folder=folder),
        "benchmarks": [{"tables": _tables(sweep, each.benchmark, words)} for each in shown],
        "notes": [note for note in sweep.notes if not note.startswith(tuple(f"{name}: " for name in sweep.benchmarks))],
    }
    data = {"reference": sweep.specs[0], "window": sweep.window, "benchmarks": [each.drawn(words) for each in shown]}
    return Part("sweep", "sweep.html.j2", values, {"sweep": data})


class _Shown:
    """One benchmark of a sweep, with the runs of its specs that are on the page."""

    def __init__(
        self, folder: Path, sweep: Sweep, benchmark: BenchmarkSweep, places: Runs, runs: Sequence[PageRun]
    ) -> None:
        self.sweep = sweep
        self.benchmark = benchmark
        self._runs = runs
        self._index = {
            name: places.get((folder / spec.folder).resolve()) for name, spec in benchmark.specs.items()
        }  # fmt: skip

    def drawn(self, words: Labels) -> dict[str, Any]:
        """What scripts draw: specs in order, and which of them share a chart."""
        order = list(self.benchmark.specs)
        panels = [
            {"title": words["sweep_other_rules"] if kind == "other rules" else kind,
             "specs": [0, *(order.index(name) for name in members)]}
            for kind, members in families(order)
        ]  # fmt: skip
        return {
            "title": self.benchmark.title or self.benchmark.benchmark,
            "unit": self._unit(words),
            "panels": panels,
            "specs": [self._spec(name, spec) for name, spec in self.benchmark.specs.items()],
        }

    def _unit(self, words: Labels) -> str:
        """What lengths count."""
        run = next((self._runs[index] for index in self._index.values() if index is not None), None)
        if self.benchmark.is_bucketed:
            return limit_unit(run, words)
        return words["sweep_lengths"] if run is None else nominal_unit(run, words)

    def _spec(self, name: str, spec: SpecSweep) -> dict[str, Any]:
        return {"name": name, "run": self._index[name], "points": [self._point(cell) for cell in spec.cells]}

    def _point(self, cell: SweepCell) -> dict[str, Any]:
        low, high = cell.ci95 or (None, None)
        least, most = cell.difference_ci95 or (None, None)
        return {
            "place": cell.length,
            "name": f"{'≤ ' if self.benchmark.is_bucketed else ''}{cell.length:,}",
            "score": cell.score,
            "n": cell.samples,
            "clusters": cell.clusters,
            "low": low,
            "high": high,
            "difference": cell.difference,
            "least": least,
            "most": most,
            "filter": None if self.benchmark.is_bucketed else {"length": str(cell.length)},
        }


def _tables(sweep: Sweep, benchmark: BenchmarkSweep, words: Labels) -> list[dict[str, Any]]:
    """Scores and differences as `evalkit rope sweep` writes them, their own headings in the page's words."""
    own = {text: words[key] for key, text in _OWN_HEADINGS.items()}
    return [
        {
            "title": table.title,
            "headings": [own.get(heading, heading) for heading in table.headings],
            "lines": table.lines,
            "notes": table.notes,
        }
        for table in sweep_text_tables(sweep, benchmark)
    ]


_OWN_HEADINGS = {
    "sweep_holds": "holds to",
    "sweep_pays": "pays from",
    "sweep_multiplier": "m at the longest",
    "sweep_base": "base there",
}
