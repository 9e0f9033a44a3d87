"""Tables of a perplexity curve: spec × length, and every number of it as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from evalkit.perplexity import Curve, CurvePoint
from evalkit.printable import counted
from evalkit.tables import listing

from .._text_table import TextTable

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

__all__ = ["curve_caption", "curve_frame", "curve_table", "curve_tables", "number"]

Range = tuple[float, float] | None


def curve_caption(curve: Curve) -> str:
    """What a table or figure of the curve shows, in one line."""
    windows = sum(curve.counted_windows.values()) // len(curve.counted_windows)
    counts = {*curve.counted_windows.values()}
    of_each = counted(windows, "window") if len(counts) == 1 else f"{min(counts):,} to {max(counts):,} windows"
    return f"{counted(curve.documents, 'document')}, {of_each}{_manner(curve)}"


def _manner(curve: Curve) -> str:
    if curve.windows == "prefix":
        return " begun alike at all lengths"
    strides = {length / stride for length, stride in curve.strides.items()}
    if len({*curve.strides.values()}) == 1:
        return f" a length, sliding by {next(iter(curve.strides.values())):,} tokens"
    return " a length, sliding by half a window" if strides == {2.0} else " a length, sliding"


def curve_table(curve: Curve) -> Table:
    """For the terminal: perplexity of each spec at each length, its interval behind it."""
    headings = _headings(curve)
    table = listing(headings, numbers=headings[1:])
    table.title = f"Perplexity of {curve.model} on {curve.text}: {curve_caption(curve)}"
    for line in _lines(curve, _perplexity):
        table.add_row(*line)
    return table


def curve_tables(curve: Curve) -> list[TextTable]:
    """Perplexity, and the loss with its difference to the first spec, as tables of spec × length."""
    headings, caption = _headings(curve), curve_caption(curve)
    bounds = ", with 95% intervals over documents" if curve.has_intervals else ""
    said = [f"{curve.model} on {curve.text}: {caption}", *curve.notes]
    perplexity = TextTable(
        f"Perplexity (e to the nats per token) by window length in tokens{bounds}",
        headings, _lines(curve, _perplexity), 1, (), said,
    )  # fmt: skip
    loss = TextTable(f"Nats per token by window length in tokens{bounds}", headings, _lines(curve, _loss), 1, (), said)
    if len(curve.specs) == 1:
        return [perplexity, loss]
    apart = TextTable(
        f"Nats per token more than {curve.specs[0].spec} on the same tokens{bounds and ', paired by document'}",
        headings, _lines(curve, _difference)[1:], 1, (), said,
    )  # fmt: skip
    return [perplexity, loss, apart]


def curve_frame(curve: Curve) -> pd.DataFrame:
    """Every point as a row."""
    import pandas as pd

    return pd.DataFrame(list(_rows(curve)))


def _rows(curve: Curve) -> Iterator[dict[str, object]]:
    for spec in curve.specs:
        for point in spec.points:
            yield {
                "spec": spec.spec,
                "length": point.length,
                "perplexity": point.perplexity,
                **_ends("perplexity", point.perplexity_ci95),
                "nats_per_token": point.loss,
                **_ends("nats_per_token", point.loss_ci95),
                "difference": point.difference,
                **_ends("difference", point.difference_ci95),
                "tokens": point.tokens,
                "windows": curve.counted_windows[point.length],
                "documents": curve.documents,
                "base": point.base,
                "multiplier": point.multiplier,
            }


def _ends(name: str, ends: Range) -> dict[str, float | None]:
    low, high = ends or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


def _headings(curve: Curve) -> list[str]:
    return ["RoPE", *(f"{length:,}" for length in curve.lengths)]


def _lines(curve: Curve, cell: Callable[[CurvePoint], str]) -> list[list[str]]:
    return [[spec.spec, *map(cell, spec.points)] for spec in curve.specs]


def _perplexity(point: CurvePoint) -> str:
    return number(point.perplexity) + _between(point.perplexity_ci95, number)


def _loss(point: CurvePoint) -> str:
    return f"{point.loss:.4f}" + _between(point.loss_ci95, "{:.4f}".format)


def _difference(point: CurvePoint) -> str:
    if not point.difference and not any(point.difference_ci95 or ()):
        return "0"  # the same setting, or nothing that four digits show
    return _signed(point.difference or 0.0) + _between(point.difference_ci95, _signed, " to ")


def _signed(value: float) -> str:
    return f"{value:+.4f}".replace("-", "−")


def _between(ends: Range, written: Callable[[float], str], sign: str = "–") -> str:
    return "" if ends is None else f" ({written(ends[0])}{sign}{written(ends[1])})"


def number(value: float) -> str:
    """A perplexity with about four digits that count."""
    if value >= 1e7:
        return f"{value:.2e}".replace("e+0", "e").replace("e+", "e")
    if value >= 1000:
        return f"{float(f'{value:.4g}'):,.0f}"
    return f"{value:.{1 if value >= 100 else 2 if value >= 10 else 3}f}"
