"""Tables of a comparison: for the terminal, and as CSV, Markdown and LaTeX files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalkit.files import json_text, write_text
from evalkit.printable import counted
from evalkit.tables import plain_table
from evalkit.verdicts import Comparison, PairedScore, Slice, TaskComparison

from ._markup import csv_text, latex_cell, latex_row, markdown_line, markdown_row
from ._names import shown_model

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "comparison_footer",
    "comparison_table",
    "comparison_title",
    "is_comparison",
    "slices_table",
    "write_comparison",
]

HEADINGS = ("task", "n", "left", "right", "diff.", "95% interval", "p", "won/lost/tied", "detects")
SLICE_HEADINGS = ("part", "", "n", "left", "right", "diff.", "95% interval", "p")
OWN = ("task", "group")
"""Axes whose parts stand in the first table."""


def comparison_title(comparison: Comparison) -> str:
    """One line that says what is compared."""
    left, right = (shown_model(side.model, side.model_title) for side in (comparison.left, comparison.right))
    if left == right:
        left, right = comparison.left.name, comparison.right.name
    return f"{comparison.title} · left {left}, right {right} · protocol {comparison.protocol}"


def comparison_table(comparison: Comparison) -> Table:
    """Tasks, then groups, then the overall score."""
    headings = _headings(comparison)
    table = plain_table(comparison_title(comparison))
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "task" else "right")
    for cells in _task_rows(comparison):
        table.add_row(*cells)
    means = _mean_rows(comparison)
    if means:
        table.add_section()
    for cells in means:
        table.add_row(*cells, style="bold")
    return table


def slices_table(comparison: Comparison) -> Table | None:
    """Further parts of the samples; None where there are none."""
    rows = _slice_rows(comparison)
    if not rows:
        return None
    table = plain_table("Parts of the samples")
    for index, heading in enumerate(SLICE_HEADINGS):
        table.add_column(heading, justify="left" if index < 2 else "right")
    for cells in rows:
        table.add_row(*cells)
    return table


def comparison_footer(comparison: Comparison) -> list[str]:
    """What the signs and columns of the tables mean."""
    lines = [
        "diff.: left − right, in points; the interval and p are of the difference, on the same samples",
        "detects: the smallest true difference that so many samples show four times in five",
    ]
    if _is_binary(comparison):
        lines.append("McNemar: exact p of right and wrong answers, each sample by itself, whatever its document")
    if comparison.slices:
        kept = sum(part.flagged for part in comparison.slices)
        lines.append(
            f"* {kept} of {counted(len(comparison.slices), 'part')} stand out (Benjamini and Hochberg at 10%): flags "
            "of where to look, no verdicts"
        )
        lines.append("  parts that share documents or haystacks are positively dependent: they rise and fall together")
    return lines


def _is_binary(comparison: Comparison) -> bool:
    """Whether all answers are right or wrong, so that McNemar's test has a column."""
    return all(task.mcnemar_p is not None for task in comparison.tasks.values())


def _headings(comparison: Comparison) -> list[str]:
    place = HEADINGS.index("p") + 1
    return [*HEADINGS[:place], *(["McNemar"] if _is_binary(comparison) else []), *HEADINGS[place:]]


def _task_rows(comparison: Comparison) -> list[list[str]]:
    flags, is_binary = _flags(comparison.slices, "task"), _is_binary(comparison)
    rows = []
    for name, task in comparison.tasks.items():
        counts = f"{task.wins}/{task.losses}/{task.ties}"
        rows.append(_cells(name, task, name in flags, [_p(task.mcnemar_p)] if is_binary else [], counts))
    return rows


def _mean_rows(comparison: Comparison) -> list[list[str]]:
    flags = _flags(comparison.slices, "group")
    blank = [""] if _is_binary(comparison) else []
    rows = [
        _cells(comparison.group_titles[name], group, name in flags, blank, "")
        for name, group in comparison.groups.items()
    ]
    return rows if comparison.overall is None else [*rows, _cells("overall", comparison.overall, False, blank, "")]


def _flags(slices: Sequence[Slice], axis: str) -> set[str]:
    return {part.name for part in slices if part.axis == axis and part.flagged}


def _cells(name: str, score: PairedScore, is_flagged: bool, mcnemar: list[str], counts: str) -> list[str]:
    detects = "–" if score.smallest_detectable is None else f"{score.smallest_detectable:.1f}"
    return [name, str(score.n), *_numbers(score), _flagged(score.p, is_flagged), *mcnemar, counts, detects]


def _numbers(score: PairedScore | Slice) -> list[str]:
    return [f"{score.left:.2f}", f"{score.right:.2f}", _signed(score.difference, 2), _interval(score)]


def _slice_rows(comparison: Comparison) -> list[list[str]]:
    rows, last = [], ""
    for part in comparison.slices:
        if part.axis in OWN:
            continue
        axis = part.axis if part.axis != last else ""
        rows.append([axis, part.name, str(part.n), *_numbers(part), _flagged(part.p, part.flagged)])
        last = part.axis
    return rows


def _signed(value: float, decimals: int) -> str:
    text = f"{value:+.{decimals}f}"
    return text[1:] if not float(text) else text.replace("-", "−")


def _interval(score: PairedScore | Slice) -> str:
    if score.ci95 is not None:
        return f"{_signed(score.ci95[0], 1)} – {_signed(score.ci95[1], 1)}"
    is_few = isinstance(score, TaskComparison) and score.clusters < 5
    return f"({counted(score.clusters, score.cluster_unit)})" if is_few else "–"  # type: ignore[union-attr]


def _flagged(p: float | None, is_flagged: bool) -> str:
    return f"{_p(p)}{'*' if is_flagged else ' '}"


def _p(p: float | None) -> str:
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def write_comparison(folder: Path, comparison: Comparison) -> list[Path]:
    """`comparison.json` and `tables/comparison.csv`, `.md` and `.tex` below `folder`; their paths."""
    paths = [folder / "comparison.json"]
    paths += [folder / "tables" / f"comparison.{suffix}" for suffix in ("csv", "md", "tex")]
    texts = [json_text(comparison.to_json()), csv_text(comparison.to_pandas())]
    texts += [_markdown(comparison), _latex(comparison)]
    for path, text in zip(paths, texts, strict=True):
        write_text(path, text)
    return paths


def is_comparison(folder: Path) -> bool:
    """Whether a folder holds a comparison that `write_comparison` wrote, which may be written anew."""
    try:
        said = json.loads((folder / "comparison.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(said, dict) and {"schema", "left", "right", "tasks"} <= said.keys()


def _markdown(comparison: Comparison) -> str:
    headings = _headings(comparison)
    lines = [markdown_line(comparison_title(comparison)), "", *_markdown_rows(headings, 1)]
    lines += [markdown_row(cells) for cells in _task_rows(comparison)]
    lines += [markdown_row(cells, bold=1) for cells in _mean_rows(comparison)]
    if parts := _slice_rows(comparison):
        lines += ["", *_markdown_rows(list(SLICE_HEADINGS), 2), *map(markdown_row, parts)]
    said = [*comparison_footer(comparison), *comparison.notes]
    return "\n".join([*lines, "", *(f"- {markdown_line(line)}" for line in said)]) + "\n"


def _markdown_rows(headings: list[str], texts: int) -> list[str]:
    rule = " | ".join(["---"] * texts + ["---:"] * (len(headings) - texts))
    return [markdown_row(headings), f"| {rule} |"]


def _latex(comparison: Comparison) -> str:
    """Floating booktabs tables, the second one of the parts."""
    footer = ". ".join([comparison_title(comparison), *comparison_footer(comparison)])
    means = _mean_rows(comparison)
    text = _latex_table(footer, _headings(comparison), 1, [_task_rows(comparison), means])
    parts = _slice_rows(comparison)
    title = f"Parts of the samples: {comparison_title(comparison)}"
    return text + (_latex_table(title, list(SLICE_HEADINGS), 2, [parts]) if parts else "")


def _latex_table(title: str, headings: list[str], texts: int, blocks: Sequence[list[list[str]]]) -> str:
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{latex_cell(title)}}}"]
    lines += [rf"\begin{{tabular}}{{{'l' * texts}{'r' * (len(headings) - texts)}}}", r"\toprule", latex_row(headings)]
    for block in filter(None, blocks):
        lines += [r"\midrule", *map(latex_row, block)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])
