"""Verdicts on published numbers in words, for the terminal and for pages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from evalkit.verdicts import KnobPair, NumberVerdict, PublishedComparison

__all__ = [
    "VERDICT_HEADINGS",
    "knob_lines",
    "short_margin",
    "some_names",
    "table_line",
    "verdict_cells",
    "verdict_counts",
    "verdict_remark",
    "verdict_remarks",
]

VERDICT_HEADINGS = ("number", "published", "ours", "diff.", "within", "margin", "n", "mode", "verdict")
"""What stands above the cells of a number."""
_NAMED = 3
"""Numbers that a remark names before it counts the others."""


def verdict_cells(one: NumberVerdict) -> Iterator[str]:
    """What stands below `VERDICT_HEADINGS`."""
    yield one.name
    yield one.published_text
    yield "–" if one.ours is None else f"{one.ours:.2f}"
    yield "–" if one.judged is None or one.difference is None else _signed(one.difference)
    yield "–" if one.judged is None or one.judged.bound == float("inf") else f"±{_rounded_up(one.judged.bound)}"
    yield short_margin(one.margin)
    yield "–" if one.n is None else f"{one.n:,}"
    yield "–" if one.mode is None else str(one.mode)
    yield str(one.verdict)


def _signed(difference: float) -> str:
    """`+0.50`, `−0.50`, and nothing as `0.00`."""
    text = f"{difference:+.2f}"
    return text[1:] if not float(text) else text.replace("-", "−")


def _rounded_up(bound: float) -> str:
    """Two decimals, never less than what the data support."""
    return f"{math.ceil(bound * 100 - 1e-9) / 100:.2f}"


def short_margin(margin: float) -> str:
    """At most two decimals, and as many as show that it is not 0."""
    return f"{round(margin, 2):g}" if margin >= 0.01 else f"{margin:.1g}"


def verdict_remarks(compared: PublishedComparison) -> Iterator[str]:
    """Why a number has its verdict and what to do next: each remark once, behind the numbers that it is about."""
    about: dict[str, list[str]] = {}
    for one in compared.numbers:
        if remark := verdict_remark(one):
            about.setdefault(remark, []).append(one.name)
    for remark, names in about.items():
        is_all = len(names) == len(compared.numbers) > 1
        yield f"{f'all {len(names)}' if is_all else some_names(names, _NAMED)}: {remark}"


def verdict_remark(one: NumberVerdict) -> str:
    """Why one number has its verdict and what to do next; empty where the numbers say it."""
    return "; ".join(filter(None, [_least(one), one.reason, one.settle]))


def _least(one: NumberVerdict) -> str:
    """By how much a number differs at least."""
    if one.verdict != "differs" or one.judged is None or one.difference is None:
        return ""
    way = "above" if one.difference > 0 else "below"
    return f"ours is at least {one.judged.low:.2f} points {way}"


def verdict_counts(compared: PublishedComparison) -> dict[str, int]:
    """Verdict → numbers that have it, in the order in which they first come."""
    return Counter(str(one.verdict) for one in compared.numbers)


def table_line(compared: PublishedComparison) -> str:
    """The verdict on the whole table, and how many numbers have which."""
    counted = [f"{count} {verdict}" for verdict, count in verdict_counts(compared).items()]
    counted += [f"{len(compared.absent)} not in this run"] if compared.absent else []
    return f"the table: {compared.table_verdict} ({', '.join(counted)})"


def knob_lines(pairs: Sequence[KnobPair]) -> Iterator[str]:
    """What differs, and what nobody knows, one line each."""
    differing = [pair for pair in pairs if pair.state == "differs"]
    unknown = [pair.name for pair in pairs if pair.state == "unknown"]
    if differing:
        values = (f"{pair.name} (ours {pair.ours.value}, published {pair.published.value})" for pair in differing)
        yield f"differs: {'; '.join(values)}"
    if unknown:
        yield f"with {len(unknown)} unknown{'s' if len(unknown) > 1 else ''}: {', '.join(unknown)}"
    if not differing and not unknown:
        yield "both were made alike, as far as all knobs tell"


def some_names(names: Sequence[str], most: int = 8) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
