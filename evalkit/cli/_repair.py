"""`evalkit repair`: what a power cut, a full disk or an editor damaged in a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.printable import counted

if TYPE_CHECKING:
    from evalkit.runs import Repair

MOST_SHOWN = 20  # damaged lines named one by one


def repair(runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")]) -> int:
    """Make damaged run folders whole: damaged lines are moved out, nothing is deleted. Then run, score and report."""
    from evalkit._api import repair as mend

    from .terminal import shown

    for folder in runs:
        with shown(f"reading {folder}"):
            done = mend(folder)
        _say(folder, done)
    return 0


def _say(folder: Path, done: Repair) -> None:
    from .terminal import note

    for line in done.manifest:
        note(line)
    for damage in done.dropped[:MOST_SHOWN]:
        of = f" ({damage.id})" if damage.id else ""
        note(f"{folder / 'samples.jsonl'}:{damage.line}{of}: {damage.reason}; moved out")
    if (more := len(done.dropped) - MOST_SHOWN) > 0:
        note(f"and {more} more such lines")
    if done.original is not None:
        lines = f"{counted(len(done.dropped), 'line')} moved out"
        saved = f", {done.saved} records in them kept" if done.saved else ""
        note(
            f"{folder}: {lines}{saved}, {done.kept} records kept; the file as it was is {done.original.name}; "
            "the same `evalkit run` makes again what is missing"
        )
    elif not done.manifest:
        note(f"{folder}: nothing to repair, {done.kept} records are whole")
    if done.unchecked is not None:
        note(f"{folder}: ids were not held against the benchmark ({done.unchecked})")
