"""What truncation did to the prompts of runs, task by task: whole, cut with or without their evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evalkit.errors import UserError
from evalkit.scores import Measured, TaskValues
from evalkit.tables import plain_table

from ._benchmark_bars import named_protocols, stem_of
from ._stacks import Part, Stack, StackPanel, draw_stacks, percent
from .drawing import Texts, joined

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Survival", "SurvivalRun", "draw_survival", "survival", "survival_table"]

PARTS = (
    Part("whole", "#0072B2", "white"),
    Part("cut, evidence kept", "#9CCBE8", "#222222"),
    Part("cut, not known whether", "#cfcfcf", "#222222"),
    Part("cut, evidence lost", "#D55E00", "white"),
)
TOTAL = "all tasks"


class Survival(NamedTuple):
    """Scored samples of one task."""

    whole: int
    """Their prompts were sent as they were."""
    kept: int
    """Their prompts were cut, and the needle or gold answer is still inside."""
    unknown: int
    """Their prompts were cut, and held no needle or gold answer verbatim before."""
    lost: int
    """Their needle, or one of them, or the gold answer was cut away."""


class SurvivalRun(NamedTuple):
    """One run."""

    name: str
    """What the figure calls it."""
    folder: Path
    """Its folder, for messages."""
    measured: Measured
    """Its scores, with the samples behind them."""
    window: int | None
    """Tokens that its prompts and answers had to fit into; None where that is not known."""


def survival(measured: Measured) -> dict[str, Survival]:
    """Task → what truncation did to the prompts of its scored samples; tasks whose prompts are not known left out."""
    told: dict[str, list[bool | None]] = {}
    for row in measured.rows:
        told.setdefault(row.id, []).append(row.evidence_kept)
    return {
        task: _of_task(values, values.truncated, values.evidence_lost or frozenset(), told)
        for task, values in measured.values.items()
        if values.truncated is not None
    }


def _of_task(
    values: TaskValues, truncated: frozenset[str], lost: frozenset[str], told: dict[str, list[bool | None]]
) -> Survival:
    counts = dict.fromkeys(Survival._fields, 0)
    for name in values.ids:
        if name not in truncated:
            counts["whole"] += 1
        elif name in lost:
            counts["lost"] += 1
        else:
            counts["unknown" if all(each is None for each in told.get(name, ())) else "kept"] += 1
    return Survival(**counts)


def draw_survival(stem: Path, runs: Sequence[SurvivalRun]) -> list[Path]:
    """A figure for each benchmark of the runs, a panel for each run; the paths of all.

    `stem`.png and `stem`.svg, or the file that `stem` names; of several benchmarks `stem-BENCHMARK`. `UserError` for a
    run whose prompts are not known.
    """
    by_benchmark: dict[str, list[SurvivalRun]] = {}
    for run in runs:
        if not survival(run.measured):
            raise UserError(
                f"--survival: {run.folder}: outputs made elsewhere, so nobody knows what was cut of their prompts; "
                "leave it out"
            )
        by_benchmark.setdefault(run.measured.scores.benchmark, []).append(run)
    return [
        path
        for name, members in by_benchmark.items()
        for path in draw_stacks(stem_of(stem, name, is_one=len(by_benchmark) == 1), *_figure(members))
    ]


def _figure(runs: Sequence[SurvivalRun]) -> tuple[list[StackPanel], Sequence[Part], Texts, str]:
    found = [survival(run.measured) for run in runs]
    tasks = [task for task in runs[0].measured.spec.tasks if any(task in each for each in found)]
    panels = [
        StackPanel(joined(run.name, _window(run)), _stacks(each, tasks)) for run, each in zip(runs, found, strict=True)
    ]
    scores = [run.measured.scores for run in runs]
    texts = Texts(
        runs[0].measured.spec.title,
        joined(
            "what truncation did to prompts", named_protocols(scores),
            "PARTIAL" if any(each.partial for each in scores) else "",
        ),
        joined(
            "shares and numbers of scored samples, behind each row all of them",
            "evidence: the needle, or a gold answer that stands in the prompt verbatim",
        ),
    )  # fmt: skip
    return panels, PARTS, texts, "samples"


def _window(run: SurvivalRun) -> str:
    return "" if run.window is None else f"window {run.window:,}"


def _stacks(found: dict[str, Survival], tasks: Sequence[str]) -> list[Stack]:
    rows = [Stack(task, found.get(task, Survival(0, 0, 0, 0))) for task in tasks]
    return [*rows, _total(found)] if len(tasks) > 1 else rows


def _total(found: dict[str, Survival]) -> Stack:
    return Stack(TOTAL, [sum(column) for column in zip(*found.values(), strict=True)], is_total=True)


def survival_table(runs: Sequence[SurvivalRun]) -> Table:
    """The numbers of the figures, for a terminal."""
    table = plain_table("What truncation did: scored samples and their share")
    for heading in ("run", "task", "n", *(part.name for part in PARTS)):
        table.add_column(heading, justify="left" if heading in ("run", "task") else "right")
    for run in runs:
        for index, (label, counts) in enumerate(_lines(run.measured)):
            n = sum(counts)
            cells = [f"{count:,} ({percent(count, n)})" if count else "0" for count in counts]
            table.add_row(
                run.name if index == 0 else "", label, f"{n:,}", *cells, style="bold" if label == TOTAL else ""
            )
    return table


def _lines(measured: Measured) -> Iterator[tuple[str, Sequence[int]]]:
    found: dict[str, Any] = survival(measured)
    yield from found.items()
    if len(found) > 1:
        total = _total(found)
        yield total.label, total.counts
