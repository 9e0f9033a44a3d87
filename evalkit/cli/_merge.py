"""`evalkit merge`: parts of a run that were answered apart become the run.

Exit code 1 where parts are missing or samples failed; what is there is joined and scored all the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.printable import counted

from . import _options as o

if TYPE_CHECKING:
    from evalkit._api import MergeResult


def merge(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="The folder of a run with parts; or, with --out, folders of parts and runs made elsewhere.",
            parser=o.named_path,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Run folder that several folders are joined to.", parser=o.named_path),
    ] = None,
    json: o.Json = None,
) -> int:
    """Join the parts of a run that `evalkit run --shard I/N` answered, and score it. The parts stay as they are."""
    from evalkit._api import join_runs

    from .terminal import ProgressMonitor, check_target, print_json

    check_target(json)
    with ProgressMonitor() as monitor:
        result = join_runs(runs, out, monitor)
    if json is not None:
        print_json(result.scores.to_json(), json)
    _show(result, is_shown=json != "-")
    return 1 if result.missing or result.merged.failed else 0


def _show(result: MergeResult, *, is_shown: bool) -> None:
    from ._report import note_escapes
    from ._score import show_run
    from .terminal import note

    show_run(result.folder, result.scores, is_shown=is_shown)
    note_escapes({result.folder: result.scores})
    for line in result.missing:
        note(line)
    merged = result.merged
    note(
        f"{counted(merged.joined, 'record')} of {counted(merged.sources, 'folder')} joined; "
        f"{merged.answered} steps answered, {merged.failed} failed"
    )
