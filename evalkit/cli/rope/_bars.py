"""`evalkit rope bars`: published scores of a benchmark under several RoPE settings, as numbers and as bars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evalkit.tables import listing

from .. import _options as o

if TYPE_CHECKING:
    from rich.table import Table

    from evalkit.published import Measure

Benchmark = Annotated[
    str | None, typer.Argument(metavar="BENCHMARK", help="None = every benchmark with numbers under several settings.")
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

    Each number as it is printed, with its source.
    """
    from ..terminal import check_target, note, print_json, print_table, shown

    check_target(json)
    measures = _measures(benchmark, models or [], spec or [])
    if json != "-":
        print_table(_table(measures))
    if json is not None:
        print_json(_as_json(measures), json)
    if out is not None:
        from evalkit.reports import draw_published_bars

        with shown(f"drawing {out.name}"):
            paths = draw_published_bars(out, measures)
        for path in paths:
            note(f"figure: {path}")
    return 0


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
