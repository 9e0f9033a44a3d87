"""`evalkit explain`: how a run and a published number were made, knob by knob."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import _options as o


def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder, scores of `score --out`, or outputs.")],
    right: Annotated[
        str, typer.Argument(metavar="PUBLISHED", help="`published`, or a FILE.csv of scores.", show_default=False)
    ] = "published",
    output_format: Annotated[
        str | None, typer.Option("--format", help="Format of outputs made elsewhere, as for `score`.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol that scores the run.")] = None,
    benchmark: Annotated[str | None, typer.Option(help="Benchmark, where the format does not say it.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The published model that RUN is; default: its card.")
    ] = None,
    json: o.Json = None,
) -> int:
    """Say what a run and a published number have in common, what differs, and what nobody knows."""
    from evalkit.errors import UserError
    from evalkit.verdicts import PUBLISHED, ask, explain_published

    from ._verdicts import knobs_table
    from .terminal import check_target, print_json, print_table, shown

    check_target(json)
    if right != PUBLISHED and not right.lower().endswith(".csv"):
        raise UserError(f"{right}: expected `published`, or a file of published scores that ends in .csv")
    with shown(f"reading {run.name}"):
        side, target = ask(run, right, model=model, output_format=output_format, protocol=protocol, benchmark=benchmark)
        pairs = explain_published(side, target)
    name = side.measured.scores.benchmark
    if json is not None:
        knobs = [pair.to_json() for pair in pairs]
        print_json({"schema": 1, "run": side.name, "benchmark": name, "model": target.model, "knobs": knobs}, json)
    if json != "-":
        print_table(knobs_table(pairs, f"{name} · {target.model} · {target.rows[0].source or 'own file'}"))
    return 0
