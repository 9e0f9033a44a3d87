"""Tables of a sweep: spec × length, for the terminal and as CSV, Markdown and LaTeX files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.files import write_text
from evalkit.printable import counted
from evalkit.sweeps import BenchmarkSweep, LengthEstimate, SpecSweep, Sweep, SweepCell
from evalkit.tables import plain_table

from .._markup import csv_text
from .._names import shown_model
from .._text_table import TextTable, latex_table, markdown_table

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["sweep_footer", "sweep_table", "sweep_text_tables", "write_sweep_tables"]

NOWHERE = "nowhere"
"""Shown for no tested length; `none` is a spec."""
UNKNOWN = "–"
"""Shown where there is no score to hold lengths against."""


def sweep_table(sweep: Sweep, benchmark: BenchmarkSweep) -> Table:
    """One row per spec: its score at each length, marked where it differs from the first spec's, and the lengths."""
    table = plain_table(_caption(sweep, benchmark))
    table.add_column("RoPE")
    for length in benchmark.lengths:
        table.add_column(_heading(benchmark, length), justify="right")
    for heading in ("holds to (95%)", "pays from (95%)"):
        table.add_column(heading, justify="right")
    for spec in benchmark.specs.values():
        table.add_row(spec.spec, *map(_marked, spec.cells), _holds(spec, benchmark), _pays(spec))
    return table


def sweep_footer(sweep: Sweep, benchmark: BenchmarkSweep) -> list[str]:
    """What the signs and columns of the tables mean."""
    reference, control = sweep.specs[0], benchmark.control
    what = "prompt and answer limit, upper ends of buckets" if benchmark.is_bucketed else "prompt tokens"
    lines = [f"lengths: {what}; * lies inside the {sweep.window:,} tokens that the model was made for"]
    lines.append(f"+ and −: the paired 95% interval of the difference to {reference} at that length excludes 0")
    if control is None:
        lines.append("holds to: not known, because no sample lies inside those with its answer")
    elif not benchmark.has_effective_lengths:
        lines.append(f"holds to: not known, because {reference} scores 0 at {control:,} tokens")
    else:
        lines.append(
            f"holds to: longest tested length up to which each keeps {sweep.share:.0%} of the score of {reference} at "
            f"{control:,} tokens; ≥: all tested lengths do"
        )
    ends = " to ".join(f"{length:,}" for length in sorted({benchmark.lengths[0], benchmark.lengths[-1]}))
    lines.append(
        "pays from: shortest tested length with + and no − beyond; both with intervals over documents, which end at "
        f"the tested lengths ({ends})"
    )
    return lines


def write_sweep_tables(folder: Path, sweep: Sweep) -> list[Path]:
    """`tables/BENCHMARK.csv`, `.md` and `.tex` below the sweep's folder, of each benchmark; their paths.

    The first has one row per spec and length with all numbers, the others a table of scores and one of differences.
    """
    frame = sweep.to_pandas()
    paths = []
    for name, benchmark in sweep.benchmarks.items():
        tables = sweep_text_tables(sweep, benchmark)
        texts = {
            "csv": csv_text(frame[frame["benchmark"] == name]),
            "md": "\n".join(map(markdown_table, tables)),
            "tex": "\n".join(map(latex_table, tables)),
        }
        for end, text in texts.items():
            paths.append(folder / "tables" / f"{name}.{end}")
            write_text(paths[-1], text)
    return paths


def sweep_text_tables(sweep: Sweep, benchmark: BenchmarkSweep) -> list[TextTable]:
    """Scores with the lengths read off them, then differences to the first spec."""
    headings = [_heading(benchmark, length) for length in benchmark.lengths]
    specs = list(benchmark.specs.values())
    caption, footer = _caption(sweep, benchmark), sweep_footer(sweep, benchmark)
    scores = TextTable(
        title=f"{caption}: scores with 95% intervals",
        headings=["RoPE", *headings, "holds to", "pays from"],
        lines=[[each.spec, *map(_score, each.cells), _holds(each, benchmark), _pays(each)] for each in specs],
        names=1,
        rules=(),
        notes=[*footer, *(note for note in sweep.notes if note.startswith(f"{benchmark.benchmark}: "))],
    )
    differences = TextTable(
        title=f"{caption}: differences to {specs[0].spec} in points, paired, with 95% intervals over documents",
        headings=["RoPE", *headings, "m at the longest", "base there"],
        lines=[[each.spec, *map(_difference, each.cells), *_rotation(each)] for each in specs[1:]],
        names=1,
        rules=(),
        notes=(),
    )
    return [scores, *([differences] if len(specs) > 1 else [])]


def _caption(sweep: Sweep, benchmark: BenchmarkSweep) -> str:
    """One line that says what the table shows."""
    counts = [cell.samples for cell in benchmark.specs[sweep.specs[0]].cells]
    documents = [cell.clusters for cell in benchmark.specs[sweep.specs[0]].cells]
    samples = f"{_span(counts, 'sample')} of {_span(documents, 'document')} at each length"
    model = shown_model(sweep.model, sweep.title)
    return f"{benchmark.title} by RoPE spec · {model} · protocol {benchmark.protocol} · {samples}"


def _span(counts: Sequence[int], noun: str) -> str:
    low, high = min(counts), max(counts)
    return counted(low, noun) if low == high else f"{low:,}–{counted(high, noun)}"


def _heading(benchmark: BenchmarkSweep, length: int) -> str:
    inside = benchmark.control is not None and length <= benchmark.control
    return f"{'≤ ' if benchmark.is_bucketed else ''}{length:,}{'*' if inside else ''}"


def _marked(cell: SweepCell) -> str:
    return f"{cell.score:.1f}{_sign(cell) or ' '}"


def _sign(cell: SweepCell) -> str:
    """Whether the difference is surely above or below 0."""
    if cell.difference_ci95 is None:
        return ""
    low, high = cell.difference_ci95
    return "+" if low > 0 else "−" if high < 0 else ""


def _score(cell: SweepCell) -> str:
    ends = f" ({cell.ci95[0]:.1f} – {cell.ci95[1]:.1f})" if cell.ci95 is not None else ""
    return f"{cell.score:.1f}{ends}{_sign(cell)}"


def _difference(cell: SweepCell) -> str:
    if cell.difference is None:
        return "–"
    ends = cell.difference_ci95
    return _signed(cell.difference) + (f" ({_signed(ends[0])} – {_signed(ends[1])})" if ends is not None else "")


def _signed(value: float) -> str:
    text = f"{value:+.1f}"
    return text[1:] if not float(text) else text.replace("-", "−")


def _rotation(spec: SpecSweep) -> list[str]:
    """Multiplier and base of the longest prompts."""
    last = spec.cells[-1]
    return ["–" if ends is None else _range(ends) for ends in (last.multiplier, last.base)]


def _range(ends: tuple[float, float]) -> str:
    low, high = (f"{end:,.4g}" if end < 1e4 else f"{end:,.0f}" for end in ends)
    return low if low == high else f"{low} – {high}"


def _holds(spec: SpecSweep, benchmark: BenchmarkSweep) -> str:
    if not benchmark.has_effective_lengths:
        return UNKNOWN
    return _length(spec.holds_to, "≥ " if spec.holds_to.is_longest else "")


def _pays(spec: SpecSweep) -> str:
    return "" if spec.pays_from is None else _length(spec.pays_from, "")


def _length(estimate: LengthEstimate, mark: str) -> str:
    low, high = map(_named, estimate.ci95)
    ends = low if low == high else f"{low} – {high}"
    return f"{mark}{_named(estimate.tokens)} ({ends})"


def _named(tokens: int | None) -> str:
    return NOWHERE if tokens is None else f"{tokens:,}"
