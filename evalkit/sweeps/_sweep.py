"""What a sweep found: every spec at every length, held against the first spec on the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BenchmarkSweep", "LengthEstimate", "SpecSweep", "Sweep", "SweepCell"]


@dataclass(frozen=True)
class SweepCell:
    """One spec at one length."""

    length: int
    """Tokens: the prompt's, as the grid asks for them; or the upper end of a bucket of prompt and answer limit."""
    samples: int
    """Samples scored."""
    clusters: int
    """Independent documents among them."""
    score: float
    """0–100."""
    ci95: tuple[float, float] | None
    """95% interval of the score; None where there are too few clusters for one."""
    difference: float | None
    """Score minus the first spec's on the same samples, in points; None for the first spec."""
    difference_ci95: tuple[float, float] | None
    """95% interval of that difference, paired and clustered."""
    multiplier: tuple[float, float] | None
    """Smallest and largest m of the prompts; None where the rule has none."""
    base: tuple[float, float] | None
    """Smallest and largest effective base of the prompts; None under `native`."""


@dataclass(frozen=True)
class LengthEstimate:
    """A length read off a sweep, with how sure it is. Only tested lengths occur."""

    tokens: int | None
    """The length; None = no tested length."""
    ci95: tuple[int | None, int | None]
    """95% interval by bootstrap over documents; None = no tested length."""
    is_longest: bool
    """Whether it is the longest length tested, so that the true one may lie beyond."""


@dataclass(frozen=True)
class SpecSweep:
    """One spec on one benchmark."""

    spec: str
    """The spec."""
    folder: str
    """Its run folder, relative to the sweep's."""
    cells: tuple[SweepCell, ...]
    """By length, rising."""
    holds_to: LengthEstimate
    """Effective length: the longest tested one up to which every length keeps the share that the sweep states of the
    first spec's score at the control length; unknown without `BenchmarkSweep.has_effective_lengths`."""
    pays_from: LengthEstimate | None
    """Shortest tested length from which the spec beats the first one; None for the first spec itself."""


@dataclass(frozen=True)
class BenchmarkSweep:
    """All specs on one benchmark."""

    benchmark: str
    """Its name."""
    protocol: str
    """Its protocol."""
    is_bucketed: bool
    """Whether lengths are buckets of prompt and answer limit together; else the benchmark was asked for these prompt
    lengths."""
    lengths: tuple[int, ...]
    """Tested lengths in tokens, rising."""
    control: int | None
    """The longest tested length inside the model's own window, where an extension should change nothing; None where
    no sample is so short."""
    specs: Mapping[str, SpecSweep]
    """Spec → its results; the first is what the others are held against."""
    title: str = ""
    """Its name as people print it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What all its runs have in common: window, truncation, generation limit, options, seeds."""

    @property
    def has_effective_lengths(self) -> bool:
        """Whether the first spec scores at the control length, so that `holds_to` has something to keep a share of."""
        first = next(iter(self.specs.values()))
        return any(cell.length == self.control and cell.score > 0 for cell in first.cells)


@dataclass(frozen=True)
class Sweep:
    """One model under several RoPE conditions on the same samples."""

    model: str
    """Name of the card."""
    window: int
    """L: tokens that the model was made for before any scaling."""
    specs: tuple[str, ...]
    """Specs in the order asked for."""
    share: float
    """Share of the reference score that `holds_to` demands, 0–1."""
    benchmarks: Mapping[str, BenchmarkSweep]
    """Benchmark → its results."""
    notes: tuple[str, ...] = ()
    """What a reader should know."""
    title: str = ""
    """The model's name as people print it."""
    folder: str = ""
    """Where the sweep is, as it was named; empty for one that was read."""

    def to_json(self) -> dict[str, Any]:
        """The object of `sweep.json`: what all specs share, then each spec with its results."""
        from ._json import sweep_json

        return sweep_json(self)

    def to_pandas(self) -> pd.DataFrame:
        """One row per benchmark, spec and length."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"benchmark": benchmark.benchmark, "spec": spec.spec, "length": cell.length, **_numbers(cell)}
                for benchmark in self.benchmarks.values()
                for spec in benchmark.specs.values()
                for cell in spec.cells
            ]
        )


def _numbers(cell: SweepCell) -> dict[str, Any]:
    """A cell as columns; of pairs, one for each end."""
    numbers: dict[str, Any] = {"samples": cell.samples, "clusters": cell.clusters, "score": cell.score}
    for name, ends in (
        ("ci95", cell.ci95),
        ("difference", cell.difference),
        ("difference_ci95", cell.difference_ci95),
        ("multiplier", cell.multiplier),
        ("base", cell.base),
    ):
        if name == "difference":
            numbers[name] = ends
        else:
            low, high = ("low", "high") if name.endswith("ci95") else ("least", "most")
            numbers |= dict(zip((f"{name}_{low}", f"{name}_{high}"), ends or (None, None), strict=True))  # type: ignore[arg-type]
    return numbers
