"""What `compare`, `explain` and `reproduce` print of published numbers.

Exit code 1 where a number differs, as where a check does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from evalkit.verdicts import KnobPair, NumberVerdict, PublishedComparison

__all__ = ["compare_published", "knob_lines", "knobs_table", "print_comparison"]

_HEADINGS = ("number", "published", "ours", "difference", "within", "margin", "n", "mode", "verdict", "why; what next")
_NUMBERS = ("published", "ours", "difference", "within", "margin", "n")


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
    from evalkit.verdicts import Verdict

    from .terminal import note, print_table, say

    for line in compared.notes:
        note(line)
    if is_shown:
        print_table(_table(compared))
        say(_table_line(compared))
        for line in knob_lines(compared.knobs):
            say(line)
    if compared.absent:
        note(f"published, and not in this run: {_some(compared.absent)}")
    return 1 if compared.table_verdict is Verdict.DIFFERS else 0


def _table(compared: PublishedComparison) -> Table:
    from evalkit.tables import listing

    rope = "" if compared.rope == "native" else f" · RoPE {compared.rope}"
    sources = ", ".join(dict.fromkeys(one.source for one in compared.numbers if one.source))
    table = listing(_HEADINGS, texts=_HEADINGS[-1:], numbers=_NUMBERS)
    table.title = (
        f"{compared.benchmark} · {compared.model}{rope} · {compared.protocol} · published: {sources or 'own file'}"
    )
    for one in compared.numbers:
        table.add_row(*_cells(one))
    return table


def _cells(one: NumberVerdict) -> Iterator[str]:
    yield one.name
    yield one.published_text
    yield "–" if one.ours is None else f"{one.ours:.2f}"
    yield "–" if one.judged is None or one.difference is None else f"{one.difference:+.2f}"
    yield "–" if one.judged is None or one.judged.bound == float("inf") else f"±{_bound(one.judged.bound)}"
    yield f"{one.margin:g}"
    yield "–" if one.n is None else f"{one.n:,}"
    yield "–" if one.mode is None else str(one.mode)
    yield str(one.verdict)
    yield "; ".join(filter(None, [_least(one), one.reason, one.settle]))


def _bound(bound: float) -> str:
    """Two decimals, and as many as show that it is not 0."""
    return f"{bound:.2f}" if bound >= 0.01 else f"{bound:.1g}"


def _least(one: NumberVerdict) -> str:
    """By how much a number differs at least."""
    if one.verdict != "differs" or one.judged is None or one.difference is None:
        return ""
    way = "above" if one.difference > 0 else "below"
    return f"ours is at least {one.judged.low:.2f} points {way}"


def _table_line(compared: PublishedComparison) -> str:
    counts: dict[str, int] = {}
    for one in compared.numbers:
        counts[str(one.verdict)] = counts.get(str(one.verdict), 0) + 1
    counted = [f"{count} {verdict}" for verdict, count in counts.items()]
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


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
