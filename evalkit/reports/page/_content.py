"""What a page is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.runs import Manifest
from evalkit.scores import BenchmarkScores, LookedAt, Measured
from evalkit.tasks import BenchmarkSpec

from ._texts import Text

__all__ = ["Content", "PageRun", "Part"]


@dataclass(frozen=True)
class PageRun:
    """One run folder, or one folder of `evalkit score --out`, as the page shows it."""

    name: str
    """What the page calls it: no two runs of a page share it."""
    folder: Path
    """Its folder."""
    scores: BenchmarkScores
    """Its scores, made again from its answers; as they stand in `scores.json` where no answers are kept."""
    spec: BenchmarkSpec
    """Definition of its benchmark."""
    measured: Measured | None
    """Scores with the values of every sample; None where no answers are kept."""
    manifest: Manifest | None
    """What the run was; None for outputs made elsewhere."""
    samples: Sequence[LookedAt]
    """Every sample, in the benchmark's order; empty where no answers are kept."""
    notes: Sequence[str] = ()
    """What a reader should know of how the folder was read."""
    is_being_written: bool = False
    """Whether a run is still writing there, so that this is what it has so far."""
    run_folder: Path | None = None
    """The run folder that holds its records: its own, or that of a run whose scores alone are in `folder`; None for
    outputs made elsewhere."""
    thoughts: Mapping[tuple[str, int, int], Text] = field(default_factory=dict)
    """Key of a record → what the model thought before its answer, shortened."""

    @property
    def options(self) -> Mapping[str, str]:
        """Options of the benchmark that the run had."""
        return (self.manifest.settings.get("options") or {}) if self.manifest is not None else {}


@dataclass(frozen=True)
class Part:
    """One section of the page."""

    name: str
    """Its anchor in the URL: `summary`, `scores`, `heatmaps`, `curves`, `samples`, `pairs`, `published`, `sweep`."""
    template: str
    """Name of the template that writes what stands there without a script."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """What the template is filled with: `part.values`."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What its scripts draw from, as JSON; no two parts use one key."""


@dataclass(frozen=True)
class Content:
    """A whole page."""

    title: str
    """What the page is of."""
    parts: Sequence[Part]
    """Its sections, in order."""
    runs: Sequence[PageRun]
    """The runs that it shows."""
    language: str = "en"
    """Language of the labels."""
