"""What `compare`, `explain` and `reproduce` print of published numbers.

Exit code 1 where a number differs, as where a check does not hold.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from evalkit.verdicts import KnobPair, PublishedComparison

__all__ = ["compare_published", "knobs_table", "print_comparison"]

_NUMBERS = ("published", "ours", "diff.", "within", "margin", "n")


def compare_published(
    left: Path,
    right: str,
    *,
    model: str | None,
    rerun: Sequence[Path],
    output_format: str | None,
    protocol: str | None,
    json: str | None,
    benchmark: str | None = None,
) -> int:
    """Hold a run against published numbers and print the verdicts."""
    from evalkit.verdicts import against_published

    from .terminal import print_json, shown

    with shown(f"comparing {left.name} with published numbers"):
        compared = against_published(
            left,
            right,
            reruns=rerun,
            model=model,
            output_format=output_format,
            protocol=protocol,
            benchmark=benchmark,
        )
    if json is not None:
        print_json(compared.to_json(), json)
    return print_comparison(compared, is_shown=json != "-")


def print_comparison(compared: PublishedComparison, *, is_shown: bool = True) -> int:
    """Print verdicts, then what of the two set-ups differs or is unknown; the exit code."""
    from evalkit.reports import knob_lines, some_names, table_line, verdict_remarks
    from evalkit.verdicts import Verdict

    from .terminal import note, print_table, say_wrapped

    for line in compared.notes:
        note(line)
    if is_shown:
        print_table(_table(compared), lambda: _table(compared, {"n"}))
        for line in (*verdict_remarks(compared), table_line(compared), *knob_lines(compared.knobs)):
            say_wrapped(line)
    if compared.absent:
        note(f"published, and not in this run: {some_names(compared.absent)}")
    return 1 if compared.table_verdict is Verdict.DIFFERS else 0


def _table(compared: PublishedComparison, without: Collection[str] = ()) -> Table:
    """A line for each number; columns that say nothing, or one thing, are left out, and those of `without`."""
    from evalkit.reports import VERDICT_HEADINGS, verdict_cells
    from evalkit.tables import listing

    rope = "" if compared.rope == "native" else f" · RoPE {compared.rope}"
    sources = ", ".join(dict.fromkeys(one.source for one in compared.numbers if one.source))
    sources = sources or ("own file" if compared.numbers else "no number of this run")
    modes = {str(one.mode) for one in compared.numbers if one.mode is not None}
    left_out = {*without, *(["mode"] if len(modes) <= 1 else [])}
    if not modes:  # nothing is comparable
        left_out |= {"diff.", "within"}
    headings = [name for name in VERDICT_HEADINGS if name not in left_out]
    table = listing(headings, numbers=_NUMBERS)
    table.title = f"{compared.benchmark} · {compared.model}{rope} · {compared.protocol} · published: {sources}" + (
        f" · mode {modes.pop()}" if len(modes) == 1 else ""
    )
    for one in compared.numbers:
        cells = dict(zip(VERDICT_HEADINGS, verdict_cells(one), strict=True))
        table.add_row(*(cells[name] for name in headings))
    return table


def knobs_table(pairs: Sequence[KnobPair], title: str) -> Table:
    """Every knob of both runs: what is the same, what differs, what nobody knows."""
    from evalkit.tables import listing

    table = listing(("knob", "", "ours", "published", "basis", "source"), texts=("ours", "published", "source"))
    table.title = title
    for state in ("differs", "unknown", "same"):
        for pair in (each for each in pairs if each.state == state):
            published = pair.published
            table.add_row(
                pair.name, str(pair.state), pair.ours.value, published.value, published.basis, published.source
            )
    return table
