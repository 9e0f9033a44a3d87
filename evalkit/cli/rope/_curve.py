"""`evalkit rope curve`: perplexity against length under several bases or specs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.settings import MOST_TOKENS

from .. import _options as o

if TYPE_CHECKING:
    from evalkit._curve import CurveRequest
    from evalkit.perplexity import Curve
    from evalkit.rope import RopeSpec

TAKEN = (
    "dtype",
    "device",
    "device_map",
    "adapter",
    "attention",
    "trust_remote_code",
    "rope_replaces_native",
    "rope_stacks_on_native",
    "out",
)
HELPS = {
    "rope_replaces_native": "Let --spec replace the scaling a model was released with.",
    "rope_stacks_on_native": "Put --spec on top of the scaling a model was released with.",
    "out": "Folder of the results; default results/CARD-curve-TEXT-LENGTHS.",
}

Card = Annotated[str, typer.Argument(metavar="CARD", help="Card (name or YAML), model folder or hub id (owner/name).")]
Text = Annotated[
    Path,
    typer.Option(
        metavar="PATH", help="Text file, *.jsonl (`text`), or a folder of *.txt, *.md, *.jsonl.", parser=o.named_path
    ),
]
Specs = Annotated[
    list[str] | None,
    typer.Option("--spec", metavar="SPEC", help="RoPE condition, as --rope of a run; dynamic:2,4 is two. Repeatable."),
]
Bases = Annotated[
    list[str] | None,
    typer.Option("--base", metavar="B,B…", help="Rotation bases: each is the spec base:B. Repeatable."),
]
Lengths = Annotated[str, typer.Option(metavar="N,N…", help="Tokens of a window: 512,1024 or FIRST:LAST:STEP.")]
Windows = Annotated[
    str,
    typer.Option(
        metavar="HOW",
        help="`prefix` (the first n tokens of consecutive windows) or `sliding` (overlapping windows of n).",
    ),
]
Stride = Annotated[
    int | None, typer.Option(metavar="N", help="Tokens between sliding windows.  [default: half a window]")
]
Limit = Annotated[int | None, typer.Option(metavar="N", help="Only the first N documents.")]


@o.takes(*TAKEN, helps=HELPS)
def curve(
    card: Card,
    *,
    text: Text,
    spec: Specs = None,
    base: Bases = None,
    lengths: Lengths,
    windows: Windows = "prefix",
    stride: Stride = None,
    limit: Limit = None,
    given: o.Given,
    json: o.Json = None,
) -> int:
    """Perplexity of a text against length under several RoPE conditions, with tables and figures.

    Needs the hf backend. The same command again continues, and more specs may be added to it.
    """
    from evalkit._curve import CurveRequest
    from evalkit.errors import UnknownNameError
    from evalkit.files import user_path
    from evalkit.perplexity import MODES
    from evalkit.settings import RunSettings

    from ..terminal import check_target

    check_target(json)
    if windows not in MODES:
        raise UnknownNameError("--windows", windows, MODES)
    specs = [*_specs(spec or ()), *_bases(base or ())]
    request = CurveRequest(
        RunSettings(**{"model": card, "benchmarks": (), **given}), user_path(text), tuple(specs), _lengths(lengths),
        windows, stride, limit,  # type: ignore[arg-type]
    )  # fmt: skip
    return _curve(request, json)


def _curve(request: CurveRequest, json: str | None) -> int:
    from evalkit._curve import measure_curve, open_curve
    from evalkit.reports import curve_table, write_curve

    from ..terminal import ProgressMonitor, libraries_say, note, print_json, print_table

    with ProgressMonitor() as monitor, libraries_say(monitor.note):
        opened = open_curve(request, monitor)
        found = measure_curve(opened, monitor)
        monitor.stage("writing tables and figures")
        drawn = write_curve(opened.folder, found)
    if json != "-":
        print_table(curve_table(found))
    for line in _said(found):
        note(line)
    if not drawn:
        note("no figure: a line takes two --lengths, or two bases")
    note(f"results in {opened.folder}")
    if json is not None:
        print_json(found.to_json(), json)
    return 0


def _said(found: Curve) -> Iterator[str]:
    yield "perplexity = e to the mean of -ln p over the tokens of a window (nats per token)"
    yield from found.notes


def _specs(texts: Sequence[str]) -> list[RopeSpec]:
    from evalkit.rope import parse_ropes

    return [spec for text in texts for spec in parse_ropes(text)]


def _bases(texts: Sequence[str]) -> list[RopeSpec]:
    """The bases as specs; `UserError` for what is no base."""
    from evalkit.errors import UserError, shown
    from evalkit.rope import parse_ropes

    found: list[RopeSpec] = []
    for text, item in ((each, item) for each in texts for item in each.split(",")):
        try:
            found += parse_ropes(f"base:{item.strip()}")
        except UserError:
            raise UserError(
                f"--base {shown(text)}: {shown(item)} is no base; give numbers above 1, such as 10000,320000"
            ) from None
    return found


def _lengths(text: str) -> tuple[int, ...]:
    """The lengths in the order written; `UserError` for what is no whole number of tokens."""
    from evalkit.errors import UserError
    from evalkit.tasks import option_numbers

    numbers = option_numbers("lengths", text)
    if (odd := next((each for each in numbers if not each.is_integer() or each > MOST_TOKENS), None)) is not None:
        raise UserError(f"--lengths {text}: {odd:g} is no number of tokens up to {MOST_TOKENS:,}")
    return tuple(map(int, numbers))
