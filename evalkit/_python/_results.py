"""What the Python functions give back: scores and plans as objects for scripts, tables and notebooks."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from evalkit.errors import UnknownNameError, UserError
from evalkit.reports import LengthAxis, Palette, figure_of_run
from evalkit.runs import Merged, RunOutcome
from evalkit.scores import BenchmarkScores, own_rows, score_run

from ._wording import python_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["EvaluationResult", "MergeResult", "PlanResult"]


@dataclass(frozen=True, repr=False)
class EvaluationResult:
    """Scores of one call of `evaluate`, and where everything is."""

    scores: dict[str, BenchmarkScores]
    """Benchmark name → scores; empty where a part of a run was answered, which is not scored."""
    folders: dict[str, Path]
    """Benchmark name → run folder, or the part's."""
    outcome: RunOutcome
    """What this call computed."""

    def to_pandas(self) -> pd.DataFrame:
        """One row per task, group and overall score of every benchmark. Columns as in `BenchmarkScores.to_pandas`."""
        import pandas as pd

        self._demand_scores()
        return pd.concat([scores.to_pandas() for scores in self.scores.values()], ignore_index=True)

    def figure(
        self,
        name: str | None = None,
        *,
        benchmark: str | None = None,
        axis: LengthAxis = "nominal",
        palette: Palette = "published",
    ) -> Figure:
        """The heatmap of a needle benchmark as a matplotlib figure that pyplot does not know of.

        `name` is a task or group; None = the first group that was run, else the first task. `benchmark` is needed
        where there are several. Raises `UserError` for benchmarks without lengths and depths.
        """
        self._demand_scores()
        with python_words():
            chosen = self._benchmark(benchmark)
            for argument, given, known in (
                ("axis", axis, get_args(LengthAxis)),
                ("palette", palette, get_args(Palette)),
            ):
                if given not in known:
                    raise UnknownNameError(argument, str(given), known)
            scores, rows = score_run(self.folders[chosen])
            return figure_of_run(self.folders[chosen], scores, own_rows(scores, rows), name, palette, axis)

    def _demand_scores(self) -> None:
        if not self.scores:
            raise UserError("a part of a run has no scores: evalkit.merge joins the parts and scores the run")

    def _benchmark(self, name: str | None) -> str:
        if name is None and len(self.folders) > 1:
            raise UserError(f"there are several benchmarks: figure(benchmark={next(iter(self.folders))!r}) draws one")
        if name is not None and name not in self.folders:
            raise UnknownNameError("benchmark of this result", name, self.folders)
        return name or next(iter(self.folders))

    def __repr__(self) -> str:
        lines = [repr(scores).strip("<>").removeprefix("BenchmarkScores ") for scores in self.scores.values()]
        return f"<EvaluationResult {'; '.join(lines) or 'a part, not scored'}>"

    def _repr_html_(self) -> str:
        """The tables of all benchmarks for notebooks; every text is escaped."""
        tables = "".join(scores._repr_html_() for scores in self.scores.values())
        return tables or f"<p>{html.escape(repr(self).strip('<>'))}</p>"


@dataclass(frozen=True, repr=False)
class MergeResult:
    """Scores of a run whose parts were joined by `merge`, and what is still missing."""

    scores: BenchmarkScores
    """Scores of all that is there."""
    merged: Merged
    """What was joined: `folder`, `joined`, `answered`, `failed`, `missing`…"""

    @property
    def folder(self) -> Path:
        """The run."""
        return self.merged.folder

    @property
    def missing(self) -> tuple[str, ...]:
        """A line for each part that is not there, or not whole; empty where the run is complete."""
        return self.merged.missing

    def __repr__(self) -> str:
        shown = repr(self.scores).strip("<>").removeprefix("BenchmarkScores ")
        return f"<MergeResult {shown}; {len(self.missing) or 'nothing'} missing>"


@dataclass(frozen=True, repr=False)
class PlanResult:
    """What a run would cost."""

    benchmarks: dict[str, dict[str, Any]]
    """Benchmark name → the object of `evalkit plan --json`; counts in samples, tokens and bytes."""

    def to_pandas(self) -> pd.DataFrame:
        """One row per benchmark and task: samples, prompt_tokens, unique_prompt_tokens, truncated, kv_bytes…"""
        import pandas as pd

        rows = [
            {"benchmark": name, "task": task, **counts}
            for name, plan in self.benchmarks.items()
            for task, counts in plan["tasks"].items()
        ]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        parts = [
            f"{name}: {plan['samples']:,} samples, {plan['prompt_tokens']:,} prompt {plan['unit']}"
            for name, plan in self.benchmarks.items()
        ]
        return f"<PlanResult {'; '.join(parts)}>"

    def _repr_html_(self) -> str:
        """The table of `to_pandas` for notebooks; every text is escaped."""
        table: str = self.to_pandas().to_html(index=False, escape=True, na_rep="–", border=0)
        return f"<p>{html.escape(repr(self).strip('<>'))}</p>{table}"
