"""`evalkit compare`: two runs on the same samples, or a run and published scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import _options as o

if TYPE_CHECKING:
    from evalkit.verdicts import Comparison, Flip

LONG = 400  # characters of an answer or gold answer; of a longer one both ends are shown


def compare(
    left: Annotated[Path, typer.Argument(metavar="LEFT", help="Run folder, folder of `score --out`, or outputs.")],
    right: Annotated[str, typer.Argument(metavar="RIGHT", help="The same; `published`, or FILE.csv of such scores.")],
    output_format: Annotated[
        str | None, typer.Option("--format", help="Format of what evalkit did not write, as for `score`.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Protocol that scores both.")] = None,
    benchmark: Annotated[str | None, typer.Option(help="Benchmark, where the format does not say it.")] = None,
    common: Annotated[bool, typer.Option("--common", help="Compare only the samples that both sides have.")] = False,
    flips: Annotated[
        int, typer.Option(min=0, metavar="N", help="Show N samples whose score differs, with both answers.")
    ] = 0,
    rerun: Annotated[
        list[Path] | None, typer.Option(metavar="RUN", help="For published scores: LEFT, run again; repeatable.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="For published scores: the model there, if not LEFT's own.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write comparison.json and tables to DIR.", parser=o.named_path)
    ] = None,
    json: o.Json = None,
) -> int:
    """Compare two runs on the same samples, or a run with published scores."""
    from evalkit.verdicts import names_numbers

    from .terminal import check_target, note, print_json, shown

    check_target(json)
    if names_numbers(right):
        from ._verdicts import compare_published

        _refuse_options("published scores", {"--common": common, "--flips": flips, "--out": out})
        return compare_published(
            left,
            right,
            model=model,
            rerun=rerun or [],
            output_format=output_format,
            protocol=protocol,
            json=json,
            benchmark=benchmark,
        )
    _refuse_options("another run", {"--rerun": rerun, "--model": model})
    from evalkit._api import compare_folders

    with shown(f"comparing {left.name} and {Path(right).name}"):
        comparison = compare_folders(
            left, Path(right), output_format, protocol=protocol, benchmark=benchmark, common=common, out=out
        )
    for line in comparison.notes:
        note(line)
    if json is not None:
        print_json(comparison.to_json(), json)
    if json != "-":
        _print(comparison, flips)
    if out is not None:
        note(f"comparison in {out}")
    return 0


def _refuse_options(what: str, given: dict[str, object]) -> None:
    """Raise `UserError` for options of the other kind of comparison."""
    from evalkit.errors import UserError

    name = next((name for name, value in given.items() if value), None)
    if name is not None:
        raise UserError(f"{name}: not for a comparison with {what}; leave it out")


def _print(comparison: Comparison, flips: int) -> None:
    from evalkit.reports import comparison_footer, comparison_table, slices_table

    from .terminal import note, print_table, say, say_wrapped

    print_table(comparison_table(comparison))
    parts = slices_table(comparison)
    if parts is not None:
        say()
        print_table(parts)
    say()
    for line in comparison_footer(comparison):
        say_wrapped(line)
    for flip in comparison.flips[:flips]:
        say("\n" + "\n".join(_lines(flip)))
    if not comparison.flips:
        say("no sample scores differently")
    elif len(comparison.flips) > flips:
        shown_so_far = f"the first {flips} of " if flips else ""
        note(f"{shown_so_far}{len(comparison.flips):,} samples score differently; --flips N shows, --json holds them")


def _lines(flip: Flip) -> Iterator[str]:
    """A sample as a person reads it."""
    yield f"{flip.id} · left {flip.left:.2f}, right {flip.right:.2f}"
    for name, text in (("left", flip.left_text), ("right", flip.right_text), ("targets", "\n".join(flip.targets))):
        yield f"  {name}:"
        if len(text) > LONG:
            text = f"{text[: LONG // 2]}\n[… {len(text) - LONG:,} characters …]\n{text[-LONG // 2 :]}"
        yield from (f"    {line}" for line in text.splitlines() or ["(empty)"])
