"""`evalkit demo`: what a long-context test shows, in two minutes, without network or GPU.

The embedded model finds a fact anywhere in its window and fails beyond it; the same grid under five RoPE settings shows
what each of them mends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.printable import counted
from evalkit.tables import plain_table

from . import _options as o
from .terminal import shown

if TYPE_CHECKING:
    from rich.table import Table

    from evalkit.cards import Card
    from evalkit.reports import HeatGrid, Palette
    from evalkit.runs import Session

ROPE_SPECS = ("none", "dynamic:2", "dynamic:4", "dynamic:8", "linear:4")
WINDOW_SHARES = (0.25, 0.5, 0.9375, 1.5, 2.0, 4.0)  # of the model's window; the third leaves room for an answer
DEPTHS = "0:100:10"
REPEATS = 1

Out = Annotated[Path, typer.Option(metavar="DIR", help="Where results go.", parser=o.named_path)]
Model = Annotated[str, typer.Option(metavar="CARD", help="Another model; lengths follow its window.")]
Repeats = Annotated[int, typer.Option(help="Samples per cell; more take longer and tell more.")]
Safe = Annotated[bool, typer.Option("--colour-blind", help="Draw in a colour-blind-safe map.")]


@o.takes("is_reusing_prefixes")
def demo(
    out: Out = Path("results/demo"),
    model: Model = "needle-tiny",
    repeats: Repeats = REPEATS,
    colour_blind: Safe = False,
    *,
    given: o.Given,
) -> int:
    """Run the embedded model under five RoPE settings: needle heatmaps, and a page to look through and send on.

    Offline, no GPU, about a minute.
    """
    from evalkit._api import report_run
    from evalkit._page import PAGE, AskedPage, make_page, refuse_other
    from evalkit.reports import grids_of
    from evalkit.runs import SeveralRuns

    from .terminal import ProgressMonitor, note, print_table, say

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for a model this small, threads cost more than they save
    palette: Palette = "colour-blind" if colour_blind else "published"
    _check_place(out)
    refuse_other(out / PAGE)
    with shown(f"reading {model}"):
        sessions = _sessions(model, out, repeats, given)
    grids: dict[str, HeatGrid] = {}
    failed = 0
    with ProgressMonitor() as monitor, SeveralRuns(sessions, monitor) as runs:
        for spec in sessions:
            failed += runs.execute(spec).failed
            _, rows = report_run(out / _folder(spec), palette=palette)
            grids[spec] = grids_of(rows)["single"]
    card = sessions["none"].card
    with shown("drawing all settings on one scale"):
        together = _draw(out, grids, card, palette)
    say(_heading(grids, card))
    print_table(_table(grids))
    say(_finding(grids, card))
    for path in (out / "none" / "figures" / "single.png", together):
        note(f"figure: {path}")
    with ProgressMonitor() as monitor:
        page = make_page(out / PAGE, AskedPage(tuple(out / _folder(spec) for spec in sessions)), monitor)
    note(page.line)
    return 1 if failed else 0


def _check_place(out: Path) -> None:
    """Raise `UserError` for a folder with other things than an earlier demo in it: its figures have plain names."""
    from evalkit.errors import UserError
    from evalkit.runs import holds_files, listed

    folders = list(map(_folder, ROPE_SPECS))
    names = [name for name in holds_files(out) if name not in folders] if out.is_dir() else []
    if names and not any((out / name / "run.json").exists() for name in folders):
        raise UserError(f"{out}: holds {listed(names)} and no demo of evalkit; give --out a new or empty folder")


def _folder(spec: str) -> str:
    return spec.replace(":", "-")


def _sessions(model: str, out: Path, repeats: int, given: o.Given) -> dict[str, Session]:
    """RoPE spec → the session that runs the grid under it."""
    from evalkit.cards import load_card
    from evalkit.runs import RunSettings, open_session

    window = load_card(model).context_length
    options = {
        "lengths": ",".join(str(round(share * window)) for share in WINDOW_SHARES),
        "depths": DEPTHS,
        "repeats": str(repeats),
    }
    return {
        spec: open_session(
            RunSettings(
                model=model,
                benchmarks=("needle",),
                rope=spec,
                options=options,
                out=out / _folder(spec),
                **given,
            )
        )
        for spec in ROPE_SPECS
    }


def _draw(out: Path, grids: Mapping[str, HeatGrid], card: Card, palette: Palette) -> Path:
    """All settings on one colour scale."""
    from evalkit.reports import Panel, draw_side_by_side, lengths_of_run

    panels = [Panel(grid, spec) for spec, grid in grids.items()]
    title = f"{card.title} by RoPE setting"
    axis = lengths_of_run(out / _folder("none"))
    window = card.context_length
    return draw_side_by_side(out / "rope", panels, title, "Needle grid", lengths=axis, window=window, palette=palette)[
        0
    ]


def _heading(grids: Mapping[str, HeatGrid], card: Card) -> str:
    least = min(cell.n for grid in grids.values() for cell in grid.all_cells())
    samples = f"{counted(least, 'sample')} per cell"
    return f"{card.title}, made for {card.context_length:,} tokens: facts found (%) by prompt length, {samples}"


def _table(grids: Mapping[str, HeatGrid]) -> Table:
    """Mean over depths by setting and length."""

    lengths = grids["none"].lengths
    table = plain_table()
    table.add_column("RoPE")
    for length in lengths:
        table.add_column(f"{length:,.0f}", justify="right")
    for spec, grid in grids.items():
        table.add_row(spec, *(_percent(grid.column_mean(length)) for length in lengths))
    return table


def _finding(grids: Mapping[str, HeatGrid], card: Card) -> str:
    """What the numbers say, in a sentence made of them."""
    plain, window = grids["none"], card.context_length
    inside = [plain.column_mean(length) for length in plain.lengths if length <= window]
    longest = plain.lengths[-1]
    far = {spec: grid.column_mean(longest) or 0.0 for spec, grid in grids.items()}
    best = max(far, key=lambda spec: far[spec])
    there = [mean for mean in inside if mean is not None]
    mended = f"best there: {best} with {_percent(far[best])}" if far[best] > far["none"] else "no setting mends that"
    return (
        f"Inside the window {_percent(sum(there) / len(there))}, at {longest:,.0f} tokens without scaling "
        f"{_percent(far['none'])}; {mended}."
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
