"""Score tables: for the terminal, and as CSV, Markdown and LaTeX files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from evalkit.files import write_text
from evalkit.printable import counted
from evalkit.scores import (
    BOUND,
    STARVED_REMEDY,
    BenchmarkScores,
    DrawSpread,
    GroupScore,
    OverallScore,
    TaskScore,
    score_rows,
)
from evalkit.tables import plain_table
from evalkit.tasks import BenchmarkSpec

from ._markup import csv_text, latex_cell, latex_row, markdown_line, markdown_row
from ._names import shown_model

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

__all__ = [
    "ScoreLine",
    "caption",
    "further_names",
    "marked_number",
    "mean_lines",
    "missing_samples",
    "protocols_list",
    "protocols_table",
    "score_ends",
    "score_frame",
    "score_number",
    "starved_mark",
    "task_lines",
    "terminal_table",
    "write_tables",
]

Score = TaskScore | GroupScore | OverallScore


class ScoreLine(NamedTuple):
    """One row of a table of scores, with its cells as every format shows them."""

    kind: Literal["task", "group", "overall"]
    """What it is a score of."""
    name: str
    """Task or group; `overall`."""
    score: Score
    """The score."""
    tasks: Sequence[str]
    """Tasks that it is made of."""
    cells: list[str]
    """Name for people, score, interval, metric, samples, then those of `further_names`."""


DECIMALS = 2
_COUNTS = ("n", "failed", "expected", "cut", "starved")
_DRAW_COLUMNS = ["spread", "lowest_draw", "highest_draw"]
_IDENTITY = ("benchmark", "model", "protocol", "partial")


def score_frame(scores: BenchmarkScores, spec: BenchmarkSpec) -> pd.DataFrame:
    """One row per task, extra metric of a task, group and the overall score, each with model, protocol and counts."""
    import pandas as pd

    rows = [
        {**row, "name": _row_name(row, scores, spec), **_flags(row, scores), **_drawn(row, scores)}
        for row in score_rows(scores)
    ]
    columns = ["kind", "name", "score", "ci95_low", "ci95_high", "ci95_kind", "metric", "n", "failed", "expected"]
    columns += ["cut", "starved"]
    if _draws(scores) > 1:
        columns += _DRAW_COLUMNS
    frame = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(_COUNTS, "Int64"))
    for name in reversed(_IDENTITY):
        frame.insert(0, name, getattr(scores, name))
    return frame


def _flags(row: Mapping[str, Any], scores: BenchmarkScores) -> dict[str, int | None]:
    """How many answers of a task were cut, and how many starved; None for all else, and where nobody knows."""
    task = scores.tasks.get(row["task"]) if row["kind"] == "task" else None
    if task is None:
        return {"cut": None, "starved": None}
    return {"cut": task.cut, "starved": task.lost_to_reasoning}


def _drawn(row: Mapping[str, Any], scores: BenchmarkScores) -> dict[str, float | None]:
    """How far draws lie apart; empty where the row has one answer a sample."""
    found: dict[str, Mapping[str, Score]] = {"task": scores.tasks, "group": scores.groups}
    score = scores.overall if row["kind"] == "overall" else found.get(row["kind"], {}).get(row["task"])
    draws = None if score is None else score.draws
    return (
        {} if draws is None else dict(zip(_DRAW_COLUMNS, (draws.spread, *(draws.range or (None, None))), strict=True))
    )


def _row_name(row: Mapping[str, Any], scores: BenchmarkScores, spec: BenchmarkSpec) -> str:
    """A row's name for people: the title of a group, the rule of the overall score."""
    if row["kind"] == "group":
        return spec.groups[row["task"]].title
    return scores.overall.rule or "overall" if row["kind"] == "overall" else str(row["task"])


def write_tables(folder: Path, scores: BenchmarkScores, spec: BenchmarkSpec) -> list[Path]:
    """`tables/scores.csv`, `.md` and `.tex` below `folder`; their paths."""
    frame = score_frame(scores, spec)
    paths = [folder / "tables" / f"scores.{suffix}" for suffix in ("csv", "md", "tex")]
    texts = (csv_text(frame), _markdown(scores, spec), _latex(scores, spec))
    for path, text in zip(paths, texts, strict=True):
        write_text(path, text)
    return paths


def terminal_table(scores: BenchmarkScores, spec: BenchmarkSpec) -> Table:
    """The scores for people: tasks, then groups, then the overall score."""
    tasks, means = ([line.cells for line in lines] for lines in (task_lines(scores), mean_lines(scores, spec)))
    width = max((len(cells[1].partition(" ")[0]) for cells in [*tasks, *means]), default=0)
    table = plain_table(caption(scores, spec))
    for heading, justify in zip(_HEADINGS, ("left", "left", "left", "left", "right"), strict=True):
        table.add_column(_aligned(heading, width) if heading == "score" else heading, justify=justify)  # type: ignore[arg-type]
    for name in further_names(scores):
        table.add_column(name)
    for cells in tasks:
        table.add_row(cells[0], _aligned(cells[1], width), *cells[2:])
    if means:
        table.add_section()
    for cells in means:
        table.add_row(cells[0], _aligned(cells[1], width), *cells[2:], style="bold")
    return table


def _aligned(cell: str, width: int) -> str:
    """A number with the right end of the others, whatever stands behind it."""
    number, blank, rest = cell.partition(" ")
    return f"{number:>{width}}{blank}{rest}"


def protocols_table(results: Sequence[BenchmarkScores], spec: BenchmarkSpec) -> Table:
    """The same answers under several protocols, side by side: score, and what it measures."""
    partial = [result.protocol for result in results if result.partial]
    title = f"{spec.title} · {_model(results[0])} · the same answers under {len(results)} protocols"
    title += starved_mark(results[:1])
    title += f" · PARTIAL under {', '.join(partial)}" if partial else ""
    table = plain_table(title)
    table.add_column("task")
    for result in results:
        table.add_column(result.protocol, justify="right")
        table.add_column("metric")
        table.add_column("samples", justify="right")
    for task in spec.tasks:
        if any(task in result.tasks for result in results):
            table.add_row(task, *(cell for result in results for cell in _protocol_cells(result.tasks.get(task))))
    table.add_section()
    for name, group in spec.groups.items():
        cells = [cell for result in results for cell in _group_cells(result, name)]
        table.add_row(group.title, *cells, style="bold")
    if spec.overall:
        overall = [cell for result in results for cell in _overall_cells(result)]
        table.add_row("overall", *overall, style="bold")
    return table


def protocols_list(results: Sequence[BenchmarkScores], spec: BenchmarkSpec) -> Table:
    """The rows of `protocols_table` below each other, for terminals that are too narrow for it."""
    wide = protocols_table(results, spec)
    table = plain_table(str(wide.title))
    for heading, justify in zip(("task", *_PROTOCOL_HEADINGS), ("left", "left", "right", "left", "right"), strict=True):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    columns = [list(column.cells) for column in wide.columns]
    for index, row in enumerate(wide.rows):
        for number, result in enumerate(results):
            cells = [str(column[index]) for column in columns[1 + 3 * number : 4 + 3 * number]]
            name = str(columns[0][index]) if number == 0 else ""
            table.add_row(name, result.protocol, *cells, style=row.style)
    return table


_PROTOCOL_HEADINGS = ("protocol", "score", "metric", "samples")


def _protocol_cells(score: TaskScore | None) -> tuple[str, str, str]:
    return ("–", "", "") if score is None else (score_number(score.score), score.metric, _coverage(score))


def _group_cells(scores: BenchmarkScores, name: str) -> tuple[str, str, str]:
    group = scores.groups[name]
    return (score_number(group.score), "mean", _members(scores, group.tasks))


def _overall_cells(scores: BenchmarkScores) -> tuple[str, str, str]:
    mark = _partial_mark(scores, list(scores.tasks))
    return (score_number(scores.overall.score), "", mark if scores.overall.score is not None else "")


def caption(scores: BenchmarkScores, spec: BenchmarkSpec) -> str:
    """One line that says what the table shows: benchmark, model, protocol, coverage."""
    text = f"{spec.title} · {_model(scores)} · protocol {scores.protocol}{starved_mark([scores])}"
    if not scores.partial:
        return text
    tasks = f", {len(scores.tasks)} of {len(scores.tasks) + len(scores.missing)} tasks" if scores.missing else ""
    return f"{text} · PARTIAL{tasks}"


def starved_mark(all_scores: Sequence[BenchmarkScores]) -> str:
    """Where thoughts took the tokens of too many answers: how many of how many, and what to do; empty elsewhere."""
    counts = list(filter(None, (scores.starved for scores in all_scores)))
    if not counts:
        return ""
    starved, answers = max(counts, key=lambda each: each[0] / each[1])
    most = "up to " if len(all_scores) > 1 else ""
    return f" · STARVED {most}{starved}/{answers} answers: {STARVED_REMEDY}"


_HEADINGS = ("task", "score", "95% interval", "metric", "samples")


def further_names(scores: BenchmarkScores) -> list[str]:
    """Headings behind the counts: how far draws lie apart, and extra metrics."""
    return [*([] if _draws(scores) == 1 else [f"spread of {_draws(scores)} draws"]), *_extra_names(scores)]


def _draws(scores: BenchmarkScores) -> int:
    """Most answers that any task draws for a sample."""
    return max((task.draws.per_sample for task in scores.tasks.values() if task.draws is not None), default=1)


def _draw_cells(scores: BenchmarkScores, draws: DrawSpread | None) -> list[str]:
    """Standard deviation and range of the scores of whole draws; no cell where a run has one draw."""
    if _draws(scores) == 1:
        return []
    if draws is None or draws.spread is None or draws.range is None:
        return ["–"]
    low, high = map(score_number, draws.range)
    return [f"± {score_number(draws.spread)} ({low} – {high})"]


def _extra_names(scores: BenchmarkScores) -> list[str]:
    """The extra metrics of any task, in the order they were asked for."""
    return list(dict.fromkeys(name for score in scores.tasks.values() for name in score.extra))


def _extra_cell(score: TaskScore, name: str) -> str:
    """Score, interval and count of an extra metric; a dash where it said nothing."""
    extra = score.extra.get(name)
    if extra is None or not (extra.n or extra.failed):
        return "–"
    interval = (
        f" ({extra.ci95[0]:.1f} – {extra.ci95[1]:.1f})" if extra.ci95 else f" ({counted(extra.clusters, 'cluster')})"
    )
    failed = f", {extra.failed} failed" if extra.failed else ""
    return f"{score_number(extra.score)}{interval}, n {extra.n}{failed}"


def task_lines(scores: BenchmarkScores) -> list[ScoreLine]:
    """The tasks, in the benchmark's order."""
    names = _extra_names(scores)
    return [
        ScoreLine(
            *("task", task, score, [task]),
            [
                *(task, score_number(score.score), _interval(score), score.metric, _coverage(score)),
                *_draw_cells(scores, score.draws),
                *(_extra_cell(score, name) for name in names),
            ],
        )
        for task, score in scores.tasks.items()
    ]


def mean_lines(scores: BenchmarkScores, spec: BenchmarkSpec) -> list[ScoreLine]:
    """Groups and overall, as far as any can be given; extra metrics have no means over tasks."""
    blanks = [""] * len(_extra_names(scores))
    lines = [
        ScoreLine(
            *("group", name, group, group.tasks),
            [
                spec.groups[name].title,
                marked_number(group.score, _partial_mark(scores, group.tasks)),
                _mean_interval(group),
                "mean",
                _members(scores, group.tasks),
                *_draw_cells(scores, group.draws),
                *blanks,
            ],
        )
        for name, group in scores.groups.items()
        if any(task in scores.tasks for task in group.tasks)
    ]
    if scores.overall.rule:
        mark = _partial_mark(scores, list(scores.tasks)) or ("PARTIAL" if scores.partial else "")
        number, interval = marked_number(scores.overall.score, mark), _mean_interval(scores.overall)
        cells = ["overall", number, interval, scores.overall.rule, "", *_draw_cells(scores, scores.overall.draws)]
        lines.append(ScoreLine("overall", "overall", scores.overall, list(scores.tasks), [*cells, *blanks]))
    return lines


def marked_number(score: float | None, mark: str) -> str:
    """The number, with what is missing behind it: it shall not be copied without."""
    return f"{score_number(score)} ({mark})" if mark and score is not None else score_number(score)


def _partial_mark(scores: BenchmarkScores, tasks: Sequence[str]) -> str:
    """`PARTIAL 60/220` where samples of any of the tasks are missing; empty otherwise."""
    there = [scores.tasks[task] for task in tasks if task in scores.tasks]
    if not any(score.is_partial for score in there):
        return ""
    return f"PARTIAL {sum(score.n for score in there)}/{sum(map(_asked, there))}"


def missing_samples(scores: BenchmarkScores, tasks: Sequence[str]) -> str:
    """`60/220`, and how many failed, where samples of any of the tasks are missing; empty otherwise."""
    mark, failed = (
        _partial_mark(scores, tasks),
        sum(scores.tasks[task].failed for task in tasks if task in scores.tasks),
    )
    counts = mark.removeprefix("PARTIAL ")
    return f"{counts}, {failed} failed" if failed else counts


def _asked(score: TaskScore) -> int:
    """Samples of the full task, as far as their number is known."""
    return score.expected or score.n + score.failed


def _members(scores: BenchmarkScores, tasks: list[str]) -> str:
    """How much of a group is there: tasks, and samples where some of a task's are missing."""
    there = [scores.tasks[task] for task in tasks if task in scores.tasks]
    text = f"{len(there)}/{len(tasks)} tasks"
    if not any(score.is_partial for score in there):
        return text
    return f"{text}, {sum(score.n for score in there)}/{sum(map(_asked, there))} samples"


def _model(scores: BenchmarkScores) -> str:
    return shown_model(scores.model, scores.model_title)


def score_number(value: float | None) -> str:
    """A score as every table prints it; a dash where there is none."""
    return "–" if value is None else f"{value:.{DECIMALS}f}"


def _interval(score: TaskScore) -> str:
    """The interval, or why there is none."""
    return score_ends(score) or f"({counted(score.clusters, score.cluster_unit)})"


def _mean_interval(score: GroupScore | OverallScore) -> str:
    return score_ends(score) or ("(too few clusters in a task)" if score.score is not None else "")


def score_ends(score: Score) -> str:
    """The 95% interval, and that it is a bound where it is; empty where there is none."""
    if score.ci95 is None:
        return ""
    text = f"{score.ci95[0]:.1f} – {score.ci95[1]:.1f}"
    return f"{text} ({BOUND})" if score.ci95_kind == BOUND else text


def _coverage(score: TaskScore) -> str:
    text = f"{score.n}/{score.expected}" if score.expected is not None else f"{score.n}"
    text += f" × {score.draws.per_sample}" if score.draws is not None else ""
    text += f", {score.failed} failed" if score.failed else ""
    text += f", {counted(score.missing_draws, 'draw')} missing" if score.missing_draws else ""
    return f"{text}, {score.lost_to_reasoning} starved" if score.lost_to_reasoning else text


def _markdown(scores: BenchmarkScores, spec: BenchmarkSpec) -> str:
    extra = further_names(scores)
    rule = " | ".join(["---", "---:", "---", "---", "---:", *["---"] * len(extra)])
    lines = [markdown_line(caption(scores, spec)), "", markdown_row([*_HEADINGS, *extra]), f"| {rule} |"]
    lines += [markdown_row(line.cells) for line in task_lines(scores)]
    lines += [markdown_row(line.cells, bold=2) for line in mean_lines(scores, spec)]
    return "\n".join(lines) + "\n"


def _latex(scores: BenchmarkScores, spec: BenchmarkSpec) -> str:
    """A floating booktabs table whose caption says what it shows."""
    extra = further_names(scores)
    means = [latex_row(line.cells) for line in mean_lines(scores, spec)]
    rules = [
        rf"\begin{{tabular}}{{lrllr{'l' * len(extra)}}}",
        r"\toprule",
        latex_row([*_HEADINGS, *extra]),
        r"\midrule",
    ]
    rules += [latex_row(line.cells) for line in task_lines(scores)]
    rules += [r"\midrule", *means] if means else []
    head = [r"\begin{table}", r"\centering", rf"\caption{{{latex_cell(caption(scores, spec))}}}"]
    return "\n".join([*head, *rules, r"\bottomrule", r"\end{tabular}", r"\end{table}"]) + "\n"
