"""`evalkit compare`: two runs on the same samples, or a run and published numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import _options as o

PUBLISHED = "published"


def compare(
    left: Annotated[Path, typer.Argument(metavar="LEFT", help="Run folder, scores of `score --out`, or outputs.")],
    right: Annotated[str, typer.Argument(metavar="RIGHT", help="The same, `published`, or a FILE.csv of scores.")],
    output_format: Annotated[
        str | None, typer.Option("--format", help="Format of outputs made elsewhere, as for `score`.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol that scores both.")] = None,
    benchmark: Annotated[str | None, typer.Option(help="Benchmark, where the format does not say it.")] = None,
    common: Annotated[bool, typer.Option("--common", help="Compare the samples that both have.")] = False,
    flips: Annotated[int, typer.Option(min=0, metavar="N", help="Show N samples whose scores differ.")] = 0,
    rerun: Annotated[
        list[Path] | None, typer.Option(metavar="RUN", help="Another run of LEFT, for published scores; repeatable.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The published model that LEFT is; default: its card.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the comparison and its tables to DIR.", parser=o.named_path)
    ] = None,
    json: o.Json = None,
) -> int:
    """Compare two runs on the same samples, or a run with published scores."""
    from .terminal import check_target

    check_target(json)
    if right == PUBLISHED or right.lower().endswith(".csv"):
        from ._verdicts import compare_published

        return compare_published(
            left, right, model=model, rerun=rerun or [], output_format=output_format, protocol=protocol, json=json
        )
    raise NotImplementedError
