"""`evalkit rope bars`: scores under several RoPE settings, published ones or a sweep's, as numbers and as bars."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evalkit.tables import listing

from .. import _options as o

if TYPE_CHECKING:
    from rich.table import Table

    from evalkit.published import Measure
    from evalkit.scores import BenchmarkScores, OverallScore, TaskScore

Benchmark = Annotated[
    str | None,
    typer.Argument(
        metavar="BENCHMARK",
        help="None = every benchmark with numbers under several settings. A sweep's folder = the sweep's own scores.",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MODEL", help="None = every model with several settings, and what the same table prints beside it."
    ),
]
Specs = Annotated[
    list[str] | None, typer.Option("--spec", metavar="SPEC", help="Only these settings, native among them.")
]
Picture = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FILE", help="Draw bars: FILE.png, .svg or .pdf; a name without these is both of the first.",
        parser=o.named_path,
    ),
]  # fmt: skip


def bars(
    benchmark: Benchmark = None, models: Models = None, spec: Specs = None, out: Picture = None, json: o.Json = None
) -> int:
    """Show published scores of one model under several RoPE settings, beside the model trained for long contexts.

    Each number as it is printed, with its source. Of a sweep's folder: the overall score of each spec, or
    of each task where there is none.
    """
    from evalkit.sweeps import holds_sweep

    from ..terminal import check_target, print_json, print_table

    check_target(json)
    if benchmark is not None and (os.sep in benchmark or holds_sweep(Path(benchmark))):
        return _bars_of_sweep(Path(benchmark), models or [], spec or [], out, json)
    measures = _measures(benchmark, models or [], spec or [])
    if json != "-":
        print_table(_table(measures))
    if json is not None:
        print_json(_as_json(measures), json)
    if out is not None:
        from evalkit.reports import draw_published_bars

        _draw(out, lambda stem: draw_published_bars(stem, measures))
    return 0


def _draw(out: Path, draw: Callable[[Path], list[Path]]) -> None:
    from ..terminal import note, shown

    with shown(f"drawing {out.name}"):
        paths = draw(out)
    for path in paths:
        note(f"figure: {path}")


def _bars_of_sweep(
    folder: Path, models: Sequence[str], specs: Sequence[str], out: Path | None, json: str | None
) -> int:
    from evalkit.errors import UserError
    from evalkit.reports import draw_sweep_bars, sweep_numbers, sweep_scores
    from evalkit.sweeps import read_sweep

    from ..terminal import print_json, print_table

    sweep = read_sweep(folder)
    if models:
        raise UserError(f"{models[0]}: a sweep is of one model, {sweep.model}; leave the name out")
    scores = sweep_scores(folder, sweep, specs)
    rows = [
        {"benchmark": name, "task": task, "spec": spec, **_number(by_spec[spec], task, found)}
        for name, by_spec in scores.items()
        for task, numbers in sweep_numbers(by_spec).items()
        for spec, found in numbers.items()
    ]
    if json != "-":
        print_table(_sweep_table(rows))
    if json is not None:
        print_json({"model": sweep.model, "bars": rows}, json)
    if out is not None:
        _draw(out, lambda stem: draw_sweep_bars(stem, folder, sweep, scores))
    return 0


def _number(scores: BenchmarkScores, task: str, found: OverallScore | TaskScore) -> dict[str, Any]:
    n = scores.tasks[task].n if task in scores.tasks else sum(each.n for each in scores.tasks.values())
    return {"score": found.score, "ci95": found.ci95, "n": n, "partial": scores.partial}


def _sweep_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = listing(("benchmark", "task", "RoPE", "score", "95% interval", "n", "partial"), numbers=("score", "n"))
    for row in rows:
        score = "–" if row["score"] is None else f"{row['score']:.2f}"
        interval = "" if row["ci95"] is None else f"{row['ci95'][0]:.2f} – {row['ci95'][1]:.2f}"
        table.add_row(
            row["benchmark"],
            row["task"],
            row["spec"],
            score,
            interval,
            str(row["n"]),
            "PARTIAL" if row["partial"] else "",
        )
    return table


def _measures(benchmark: str | None, models: Sequence[str], specs: Sequence[str]) -> list[Measure]:
    from evalkit.published import conditions_of, published_benchmarks, published_conditions

    names = [name for name in published_benchmarks() if conditions_of(name)] if benchmark is None else [benchmark]
    return [measure for name in names for measure in published_conditions(name, models, specs)]


def _table(measures: Sequence[Measure]) -> Table:
    table = listing(
        ("benchmark", "task", "model", "rope", "score", "n", "protocol", "source", "note"),
        texts=("source", "note"),
        numbers=("score", "n"),
    )
    for measure in measures:
        for score, text, source in measure.numbers:
            n = "" if score.n is None else str(score.n)
            table.add_row(
                measure.benchmark, measure.task, score.model, score.rope, text, n, score.protocol, source, score.note
            )
    return table


def _as_json(measures: Sequence[Measure]) -> dict[str, Any]:
    from evalkit.published import published_sources

    known = published_sources()
    numbers = [(measure, *number) for measure in measures for number in measure.numbers]
    return {
        "bars": [
            {
                "benchmark": measure.benchmark, "kind": measure.kind, "task": measure.task, "model": score.model,
                "rope": score.rope, "score": float(text), "printed": text, "n": score.n, "protocol": score.protocol,
                "source": source, "note": score.note,
            }
            for measure, score, text, source in numbers
        ],
        "sources": {
            source: {"title": known[source].title, "url": known[source].url}
            for source in dict.fromkeys(source for *_, source in numbers)
        },
    }  # fmt: skip
