"""Runs held against published numbers, as `evalkit compare RUN published` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.errors import UserError
from evalkit.published import published_benchmarks
from evalkit.verdicts import PublishedComparison, Side, hold_published

from .._verdicts import knob_lines, verdict_cells, verdict_counts, verdict_remark
from ._cells import Cell, Heading, Row, Table, full, say
from ._content import PageRun
from ._labels import Labels

__all__ = ["RunVerdict", "verdict_of"]

KINDS = {"held": "held", "differs": "differs", "inconclusive": "inconclusive", "not comparable": "uncompared"}
"""Verdict → class of its cell."""


@dataclass(frozen=True)
class RunVerdict:
    """What published numbers say of a run."""

    run: str
    """Name of the run."""
    reason: str
    """Why it is not held against any; empty where it is."""
    verdict: str = ""
    """The verdict on the whole table."""
    kind: str = ""
    """Class of it."""
    counts: Sequence[tuple[str, str, int]] = ()
    """Verdict, its class, and how many numbers have it."""
    table: Table | None = None
    """Number by number."""
    lines: Sequence[str] = ()
    """How both were made, as far as it is known, and what a reader should know besides."""


def verdict_of(run: PageRun, words: Labels) -> RunVerdict:
    """The verdicts on a run; never an error."""
    if run.is_being_written:
        return RunVerdict(run.name, words["verdict_written"])
    if run.measured is None:
        return RunVerdict(run.name, words["verdict_unmeasured"])
    if run.scores.benchmark not in published_benchmarks():
        return RunVerdict(run.name, say(words, "verdict_nothing", benchmark=run.spec.title))
    try:
        compared = hold_published(Side(str(run.folder), run.measured, run.manifest, run.notes, run.run_folder))
    except UserError as error:
        return RunVerdict(run.name, say(words, "verdict_refused", reason=error))
    return _verdict(run, compared, words)


def _verdict(run: PageRun, compared: PublishedComparison, words: Labels) -> RunVerdict:
    absent = [say(words, "verdict_absent", names=", ".join(compared.absent))] if compared.absent else []
    counts = verdict_counts(compared)
    return RunVerdict(
        run=run.name,
        reason="",
        verdict=words[f"verdict_{KINDS[str(compared.table_verdict)]}"],
        kind=KINDS[str(compared.table_verdict)],
        counts=[(words[f"verdict_{KINDS[name]}"], KINDS[name], count) for name, count in counts.items()],
        table=_table(compared, words),
        lines=[*absent, *knob_lines(compared.knobs), *(n for n in compared.notes if n not in run.scores.notes)],
    )


_COLUMNS = ("number", "published", "ours", "difference", "within", "margin", "n", "mode", "verdict")


def _table(compared: PublishedComparison, words: Labels) -> Table:
    """A row for each number, means at the end."""
    rope = "" if compared.rope == "native" else f" · RoPE {compared.rope}"
    sources = ", ".join(dict.fromkeys(one.source for one in compared.numbers if one.source))
    caption = (
        f"{compared.benchmark} · {compared.model}{rope} · {compared.protocol} · {words['verdict_from']}: {sources}"
    )
    headings = [
        Heading(words[f"verdict_column_{name}"], name not in ("number", "mode", "verdict")) for name in _COLUMNS
    ]
    has_why = any(map(verdict_remark, compared.numbers))
    headings += [Heading(words["verdict_column_why"], is_number=False)] if has_why else []
    tasks, means = list[Row](), list[Row]()
    for one in compared.numbers:
        values = (
            *("", full(one.published), full(one.ours)),
            full(one.difference) if one.judged is not None else "",
            full(one.judged.bound) if one.judged is not None and one.judged.bound != float("inf") else "",
            full(one.margin),
            "" if one.n is None else str(one.n),
        )
        *texts, mode, verdict = verdict_cells(one)
        cells = [Cell(text, value) for text, value in zip(texts, values, strict=True)]
        kind = KINDS[verdict]
        row = [*cells, Cell(_mode(mode, words)), Cell(words[f"verdict_{kind}"], kind=kind)]
        row += [Cell(verdict_remark(one), kind="why")] if has_why else []
        is_mean = one.kind in ("group", "overall")
        (means if is_mean else tasks).append(Row(row, one.kind if is_mean else ""))
    return Table(caption, headings, tasks, means)


def _mode(mode: str, words: Labels) -> str:
    """What a verdict rests on, in a word."""
    return words.get(f"verdict_mode_{mode}", mode)
