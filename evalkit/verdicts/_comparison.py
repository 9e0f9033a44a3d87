"""What a comparison of two sides yields: the machine-readable result `comparison.json`."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from pydantic import Field

from evalkit.printable import counted
from evalkit.records import FrozenRecord

from ._near_ties import NearTieFlips

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "Difference", "Flip", "PairedScore", "SideSummary", "Slice", "TaskComparison"]


class PairedScore(FrozenRecord):
    """Two scores on the same samples, and how sure their difference is."""

    n: int
    """Samples that both sides have."""
    left: float
    """The left side's score over them, 0–100."""
    right: float
    """The right side's."""
    difference: float
    """Left minus right, points."""
    ci95: tuple[float, float] | None
    """95% interval of the difference, paired and over clusters; null under 5 clusters, or where all differ alike."""
    se: float | None
    """Standard error of the difference; null where there is no interval."""
    df: float | None
    """Its degrees of freedom: of a task, clusters − 1 where they are of one size, else fewer."""
    p: float | None
    """Two-sided p value of no difference; null where nothing can be said."""
    smallest_detectable: float | None
    """The smallest true difference that is seen as one four times in five: 2.80 standard errors."""


class TaskComparison(PairedScore):
    """One task."""

    metric: str
    """Metric of the protocol."""
    clusters: int
    """Documents (grids: haystacks) that the interval rests on; samples where documents are not known."""
    cluster_unit: str
    """`document` or `sample`."""
    mcnemar_p: float | None
    """Exact p value of McNemar's test; null unless every answer is right or wrong."""
    wins: int
    """Samples on which the left side scores more."""
    losses: int
    """Samples on which the right side does."""
    ties: int
    """Samples on which both score alike."""


class Slice(FrozenRecord):
    """A part of the samples."""

    axis: str
    """What it is a part by: task, group, length, depth, language, truncation."""
    name: str
    """Which part."""
    n: int
    """As for a task."""
    left: float
    """As for a task; over several tasks, each sample counts once."""
    right: float
    """As for a task."""
    difference: float
    """As for a task."""
    ci95: tuple[float, float] | None
    """As for a task."""
    p: float | None
    """As for a task."""
    flagged: bool
    """Whether Benjamini and Hochberg's procedure at 10% over all parts keeps it: a flag, no verdict."""


class Flip(FrozenRecord):
    """A sample whose score differs."""

    id: str
    """Sample id."""
    task: str
    """Task name."""
    left: float
    """The left side's score, 0–100."""
    right: float
    """The right side's."""
    left_text: str
    """The left side's answer."""
    right_text: str
    """The right side's."""
    targets: list[str]
    """Gold answers."""

    @property
    def difference(self) -> float:
        """Left minus right, points."""
        return self.left - self.right


class SideSummary(FrozenRecord):
    """What one side is."""

    name: str
    """As the user named it."""
    model: str
    """Who answered."""
    model_title: str = ""
    """The same for people; empty where there is no card."""
    label: str
    """Protocol, with the run's overrides."""
    is_run: bool
    """Whether evalkit made the answers, so that it is known how."""
    only_here: int
    """Samples that the other side lacks, which are left out."""


class Difference(FrozenRecord):
    """One thing in which the runs differ beside their answers."""

    field: str
    """Field of the run's identity; `model` stands for all that comes with another model."""
    left: str
    """What the left side has."""
    right: str
    """What the right side has."""


class Comparison(FrozenRecord):
    """Two runs on the same samples; `to_json()` is `comparison.json`."""

    schema_version: int = Field(default=1, alias="schema", serialization_alias="schema")
    """Version of this shape."""
    left: SideSummary
    """The left side."""
    right: SideSummary
    """The right side."""
    benchmark: str
    """Benchmark name."""
    title: str
    """Its name as people print it."""
    protocol: str
    """Protocol that scored both."""
    n: int
    """Samples compared."""
    common: bool
    """Whether samples that one side lacks were left out."""
    differs_in: list[Difference]
    """In what the runs differ beside their answers; empty where one of them is no run of evalkit."""
    tasks: dict[str, TaskComparison]
    """Task → comparison, in the benchmark's order."""
    groups: dict[str, PairedScore]
    """Group → comparison of the means, where every task of it was compared."""
    group_titles: dict[str, str]
    """Group → its name for people."""
    overall: PairedScore | None
    """The benchmark's one number; null where a task is missing."""
    slices: list[Slice]
    """Parts of the samples."""
    flips: list[Flip]
    """Samples whose score differs, the largest differences first."""
    near_ties: NearTieFlips | None
    """How many answers differ, and how many of them where a run was nearly undecided; null where no run tells."""
    notes: list[str]
    """What a reader should know."""

    def to_json(self) -> dict[str, Any]:
        """The object of `comparison.json`."""
        said = self.model_dump(mode="json", by_alias=True)
        said["flips"] = [{**flip.model_dump(mode="json"), "difference": flip.difference} for flip in self.flips]
        return said

    def to_pandas(self) -> pd.DataFrame:
        """One row per task, group, the overall score and other part of the samples, told apart by `kind`; points.

        Columns: kind, name, n, left, right, difference, ci95_low, ci95_high, se, df, p, smallest_detectable, metric,
        clusters, mcnemar_p, wins, losses, ties, flagged.
        """
        import pandas as pd

        return pd.DataFrame(list(self._rows()), columns=_COLUMNS).astype(dict.fromkeys(_COUNTS, "Int64"))

    def _rows(self) -> list[dict[str, Any]]:
        flagged = {(part.axis, part.name): part.flagged for part in self.slices}
        scores: list[tuple[str, str, PairedScore]] = [("task", name, each) for name, each in self.tasks.items()]
        scores += [("group", name, each) for name, each in self.groups.items()]
        scores += [("overall", "overall", self.overall)] if self.overall is not None else []
        rows = [
            {"kind": kind, "name": name, **_flat(score.model_dump()), "flagged": flagged.get((kind, name))}
            for kind, name, score in scores
        ]
        parts = [part for part in self.slices if part.axis not in ("task", "group")]
        return rows + [{"kind": part.axis, **_flat(part.model_dump())} for part in parts]

    def __repr__(self) -> str:
        total = "no overall score" if self.overall is None else f"overall {_signed(self.overall)}"
        only = next(iter(self.tasks.values())) if len(self.tasks) == 1 else None
        total = f"{next(iter(self.tasks))} {_signed(only)}" if only is not None else total
        names = f"{self.left.model} − {self.right.model}"
        return f"<Comparison {self.benchmark} · {names} · {self.protocol}: {total}, {counted(self.n, 'sample')}>"

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        """The table of `to_pandas` for notebooks; every text is escaped."""
        table: str = self.to_pandas().to_html(
            index=False, escape=True, na_rep="–", border=0, float_format="{:.2f}".format
        )
        return f"<p>{html.escape(repr(self).strip('<>'))}</p>{table}"


_COUNTS = ("n", "clusters", "wins", "losses", "ties")
_COLUMNS = [
    "kind", "name", "n", "left", "right", "difference", "ci95_low", "ci95_high", "se", "df", "p",
    "smallest_detectable", "metric", "clusters", "mcnemar_p", "wins", "losses", "ties", "flagged",
]  # fmt: skip


def _flat(said: dict[str, Any]) -> dict[str, Any]:
    low, high = said.pop("ci95") or (None, None)
    return {**said, "ci95_low": low, "ci95_high": high}


def _signed(score: PairedScore) -> str:
    ends = "" if score.ci95 is None else f" ({score.ci95[0]:+.2f} to {score.ci95[1]:+.2f})"
    return f"{score.difference:+.2f}{ends}"
