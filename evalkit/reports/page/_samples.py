"""The section `samples`: every sample behind the scores, as columns; `assets/records.js` says what each one holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evalkit.prompts import drops_tokens
from evalkit.runs import LedgerRecord
from evalkit.scores import Flag, LookedAt, last_ledger

from ._content import PageRun, Part
from ._labels import Labels
from ._texts import Text, shortened

__all__ = ["samples_part"]

FLAGS: Mapping[Flag, int] = {
    "cut": 1, "lost": 2, "failed": 4, "starved": 8, "limit": 16, "fragile": 32, "refused": 64, "doubtful": 128
}  # fmt: skip
"""As in `assets/records.js`."""

MOST_ANSWER, MOST_TARGET, MOST_EVIDENCE, MOST_ERROR = 2000, 600, 300, 500
"""Characters of a text of each kind, of both ends together."""
MOST_TARGETS = 10
"""Gold answers of a sample."""
MOST_AXIS = 80
"""Characters of an axis that is a word."""

AXES = ("length", "depth", "language", "needles", "repeat")
ALWAYS = ("task", "key", "score", "flags")
"""Columns that are there whatever they hold."""


def samples_part(runs: Sequence[PageRun], words: Labels) -> Part | None:  # noqa: ARG001
    """The section; None where there is nothing to show."""
    if not runs:
        return None
    columns = [_columns(run) if run.samples else None for run in runs]
    return Part("samples", "samples.html.j2", data={"samples": columns})


def _columns(run: PageRun) -> dict[str, Any]:
    """Column → a value for each sample of the run's tasks; those that no sample fills are left out."""
    tasks = {task: place for place, task in enumerate(run.scores.tasks)}
    shown = [each for each in run.samples if each.sample.task in tasks]
    columns: dict[str, list[Any]] = {
        "task": [tasks[each.sample.task] for each in shown],
        **_names(run, shown),
        "score": [_score(run, each) for each in shown],
        "flags": [sum(FLAGS[flag] for flag in each.flags) for each in shown],
        **{name: [_axis(each.sample.metadata.get(name)) for each in shown] for name in AXES},
        "depths": _depths(run, shown),
        **_prompts(shown),
        **_texts(run, shown),
    }
    scores = _further_scores(shown)
    filled = {name: column for name, column in columns.items() if name in ALWAYS or any(map(_is_there, column))}
    return {**filled, "scores": scores} if scores else filled


def _is_there(value: Any) -> bool:
    return value is not None


def _names(run: PageRun, shown: Sequence[LookedAt]) -> dict[str, list[Any]]:
    """What tells samples apart; the whole id too where a benchmark made from another one kept the other's names."""
    marks = [f"{run.scores.benchmark}/{each.sample.task}/" for each in shown]
    return {
        "key": [each.sample.id.split("/", 2)[-1] for each in shown],
        "id": [
            None if each.sample.id.startswith(mark) else each.sample.id for each, mark in zip(shown, marks, strict=True)
        ],
        "draw": [each.draw for each in shown] if any(each.draw for each in shown) else [],
    }


def _score(run: PageRun, each: LookedAt) -> float | None:
    """The one number of an answer, as `TaskValues.points` combines the columns of a sample."""
    values = run.measured.values.get(each.sample.task) if run.measured is not None else None
    if values is None or not each.metrics:
        return None
    row = np.array([math.nan if score is None else score for _, score in each.metrics], dtype=np.float64)
    return _number(values.point_of(row))


def _number(value: float | None) -> float | None:
    """A number as JSON holds it, whole ones without their `.0`."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else float(value)


def _axis(value: Any) -> Any:
    """Where a sample stands; nothing for what is neither a number nor a word."""
    if isinstance(value, int | float):
        return _number(value)
    return value[:MOST_AXIS] if isinstance(value, str) else None


def _further_scores(shown: Sequence[LookedAt]) -> dict[str, list[float | None]]:
    """Columns of metrics that have several, and metrics beside the protocol's."""
    found: dict[str, list[float | None]] = {}
    for place, each in enumerate(shown):
        for name, score in (*(each.metrics if len(each.metrics) > 1 else ()), *each.scores):
            found.setdefault(name, [None] * len(shown))[place] = _number(score)
    return found


def _depths(run: PageRun, shown: Sequence[LookedAt]) -> list[list[float | None] | None]:
    """Depths of the needles of prompts that hold several, each with a cell of its own."""
    found: dict[str, dict[Any, None]] = {}
    for row in run.measured.rows if run.measured is not None else ():
        if "depth" in row.metadata:
            found.setdefault(row.id, {})[row.metadata["depth"]] = None
    several = {name: [_number(depth) for depth in depths] for name, depths in found.items()}
    return [None if "depth" in each.sample.metadata else several.get(each.sample.id) for each in shown]


def _prompts(shown: Sequence[LookedAt]) -> dict[str, list[Any]]:
    """What is known of the prompt of each sample's last step."""
    ledgers = [last_ledger(each.records) for each in shown]
    ends = [each.records[-1].prompt_ends if each.records else None for each in shown]
    return {
        "before": [ledger and ledger.before for ledger in ledgers],
        "after": [ledger and ledger.after for ledger in ledgers],
        "kept": [_ranges(ledger) if ledger else None for ledger in ledgers],
        "needle": [(ledger and ledger.evidence_tokens) or None for ledger in ledgers],
        "head": [(end and end.start) or None for end in ends],
        "tail": [(end and end.end) or None for end in ends],
    }


def _ranges(ledger: LedgerRecord) -> list[int] | None:
    """Ends of the ranges that were kept of a prompt that was cut."""
    return [place for span in ledger.kept for place in span] if drops_tokens(ledger.before, ledger.kept) else None


def _texts(run: PageRun, shown: Sequence[LookedAt]) -> dict[str, list[Any]]:
    """What was expected and what came; the last step's answer is the sample's."""
    answers = [[*each.answers, None] if each.is_pending else each.answers for each in shown]
    return {
        "evidence": [_several(each.sample.evidence, MOST_EVIDENCE) for each in shown],
        "targets": [_several(each.sample.targets[:MOST_TARGETS], MOST_TARGET) for each in shown],
        "more": [max(0, len(each.sample.targets) - MOST_TARGETS) or None for each in shown],
        "steps": [[_text(text, MOST_ANSWER) for text in texts[:-1]] or None for texts in answers],
        "answer": [_text(texts[-1], MOST_ANSWER) for texts in answers],
        "seen": [_text(each.seen, MOST_ANSWER) for each in shown],
        "reasoning": [run.thoughts.get(each.records[-1].key) if each.records else None for each in shown],
        "error": [_text(each.error or each.refusal, MOST_ERROR) for each in shown],
    }


def _text(text: str | None, most: int) -> Text | None:
    return None if text is None else shortened(text, most)


def _several(texts: Sequence[str], most: int) -> list[Text] | None:
    return [shortened(text, most) for text in texts] or None
