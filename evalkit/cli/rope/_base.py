"""`evalkit rope base`: what two theories say of a rotation base for a context."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalkit.cli import _options as o
from evalkit.errors import UserError, shown
from evalkit.tables import listing

if TYPE_CHECKING:
    from rich.table import Table

    from evalkit.rope.bounds import BaseBounds, BaseScan

TRAIN_BASE = 10000.0
SHOWN_INTERVALS = 6  # admissible intervals that are printed; all of them are in the JSON


def base(
    context: Annotated[int, typer.Option(metavar="N", help="Tokens that the model shall serve, and is tuned on.")],
    dim: Annotated[int, typer.Option(metavar="D", help="Rotated dimensions of a head.")] = 128,
    train_length: Annotated[
        int | None, typer.Option(metavar="T", help="Tokens of the texts of pre-training; gives the critical base.")
    ] = None,
    train_base: Annotated[
        float | None, typer.Option(metavar="B", help="Base of pre-training.  [default: 10000]")
    ] = None,
    base: Annotated[
        list[str] | None, typer.Option("--base", metavar="B,B…", help="Bases to judge. Repeatable.")
    ] = None,
    scan: Annotated[bool, typer.Option("--scan", help="Search bases that the second theory admits.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw both theories: FILE.png, .svg or .pdf.", parser=o.named_path),
    ] = None,
    json: o.Json = None,
) -> int:
    """Hold a rotation base against two theories: the critical dimension, and the sum of cosines; docs/rope.md.

    They are theories, not measurements, and they disagree: 320000 for 32768 tokens passes one and fails the other.
    """
    from evalkit.cli.terminal import check_target, note, print_json
    from evalkit.rope.bounds import Training, check_numbers, judge_bases

    check_target(json)
    if out is not None:
        _check_figure(out)
    check_numbers(context, dim)
    if train_length is None and train_base is not None:
        raise UserError(f"--train-base {train_base:g}: is used with --train-length T; say both, or neither")
    training = (
        None if train_length is None else Training(train_length, TRAIN_BASE if train_base is None else train_base)
    )
    bases = _bases(base or ())
    judge_bases(context, [], dimension=dim, training=training)  # what is wrong is said before a search
    found = judge_bases(context, bases, dimension=dim, training=training, scan=_scanned(context, dim) if scan else None)
    if json is not None:
        print_json(found.as_json(), json)
    if json != "-":
        _say(found)
    if out is not None:
        _draw(out, found)
        note(f"figure of both theories: {out}")
    return 0


def _bases(texts: Sequence[str]) -> list[float]:
    """The bases that are listed; `UserError` for what is no number."""
    found = []
    for text, item in ((each, item) for each in texts for item in each.split(",")):
        try:
            found.append(float(item))
        except ValueError:
            raise UserError(
                f"--base {shown(text)}: {shown(item)} is no base; give numbers, such as 10000,320000"
            ) from None
    return found


def _check_figure(path: Path) -> None:
    from evalkit.reports import check_figure_file

    check_figure_file(path)


def _draw(path: Path, found: BaseBounds) -> None:
    from evalkit.reports import draw_bounds

    draw_bounds(path, found)


def _scanned(context: int, dimension: int) -> BaseScan:
    from evalkit.cli.terminal import ProgressMonitor
    from evalkit.rope.bounds import scan_bases

    with ProgressMonitor() as monitor:
        return scan_bases(context, dimension, told=lambda base: monitor.stage("trying base", base))


def _say(found: BaseBounds) -> None:
    """Bounds, the bases that were asked about, what the search found, and what none of it is."""
    from evalkit.cli.terminal import print_table, say, say_wrapped

    print_table(_bounds_table(found))
    if found.bases:
        say()
        print_table(_bases_table(found))
    say()
    for line in [*_disagreements(found), *_found(found.scan), *_remarks(found)]:
        say_wrapped(line)


def _bounds_table(found: BaseBounds) -> Table:
    from evalkit.rope.bounds import fitted_bound, published_bound, small_bases

    table = listing(
        (f"bounds for {found.context:,} tokens, {found.dimension} dimensions", "base", "source"),
        texts=("source",),
        numbers=("base",),
    )
    if found.training is not None:
        length, start = found.training.length, found.training.base
        table.add_row(
            f"critical base of a model pre-trained on {length:,} tokens with base {start:,.6g}",
            _number(found.critical_base),
            "arXiv 2310.05209, Theorem 3",
        )
    for share, small in zip(("quarter", "half", "whole"), small_bases(found.context), strict=True):
        table.add_row(f"every dimension sees a {share} turn below", _number(small), "arXiv 2310.05209, Theorem 3")
    table.add_row(
        "sum of cosines: fit to the lower bounds", _number(fitted_bound(found.context)), "arXiv 2405.14591, Figure 1"
    )
    if (printed := published_bound(found.context)) is not None:
        low, high = printed
        text = _number(low) if low == high else f"{_number(low)} to {_number(high)}"
        table.add_row("sum of cosines: lower bound as printed", text, "arXiv 2405.14591, Table 2")
    if found.scan is not None and found.scan.first is not None:
        table.add_row(
            f"sum of cosines: first admissible multiple of {found.scan.step:,}",
            _number(found.scan.first),
            "computed here",
        )
    return table


def _bases_table(found: BaseBounds) -> Table:
    has_training = found.training is not None
    tuned = ("critical base", "critical dimension", "limit") if has_training else ()
    columns = ("base", *tuned, "limit if trained with it", "sum of cosines", "first negative at", "lowest")
    table = listing(columns, numbers=[name for name in columns if name not in ("critical base", "sum of cosines")])
    for judged in found.bases:
        cells = [_number(judged.base)]
        if judged.tuned is not None:
            cells += [
                "above" if judged.tuned.is_above else "not above",
                str(judged.tuned.critical_dimension),
                _number(judged.tuned.limit),
            ]
        cells += [_number(judged.trained_limit), "holds" if judged.is_admissible else "fails"]
        cells += ["" if judged.first_negative is None else f"{judged.first_negative:,}", f"{judged.lowest[1]:.2f}"]
        table.add_row(*cells)
    return table


def _disagreements(found: BaseBounds) -> list[str]:
    lines = []
    for judged in found.bases:
        if judged.agree is not False:
            continue
        critical = f"critical base {_number(found.critical_base)}"
        if judged.is_above_critical:
            first, second = f"it passes the first (above the {critical})", "fails the second"
        else:
            first, second = f"it is not above the {critical} of the first", "passes the second"
        lines.append(f"The theories disagree on {_number(judged.base)}: {first} and {second}.")
    return lines


def _found(scan: BaseScan | None) -> list[str]:
    if scan is None:
        return []
    grid = f"multiples of {scan.step:,} from {scan.start:,} to {scan.end:,}"
    if scan.first is None:
        return [f"None of the {grid} keeps the sum of cosines from turning negative."]
    shown = [f"{first:,}" if first == last else f"{first:,}–{last:,}" for first, last in scan.intervals]
    more = f" and {len(shown) - SHOWN_INTERVALS} more" if len(shown) > SHOWN_INTERVALS else ""
    return [
        f"Of the {grid}, {scan.admissible:,} of {scan.tried:,} are admissible, in runs of neighbours: "
        f"{', '.join(shown[:SHOWN_INTERVALS])}{more}. The set has gaps: a larger base is not always better."
    ]


def _remarks(found: BaseBounds) -> list[str]:
    lines = []
    if found.training is not None:
        lines.append(
            f"As pre-trained, {found.critical_dimension} of {found.dimension} dimensions turn at least once, and the "
            f"first theory sees it extrapolate to {_number(found.pretrained_limit)} tokens. It sees a model tuned on "
            f"{found.context:,} tokens extrapolate to `limit`."
        )
    return [*lines, "Both are theories of rotation angles, not measurements: `evalkit rope curve` measures."]


def _number(value: float | None) -> str:
    """A base or a length, as people write it."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value < 1e12 else f"{value:.4g}"
