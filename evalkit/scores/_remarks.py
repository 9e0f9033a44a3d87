"""What a reader of scores must know besides the numbers, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from evalkit.printable import counted

from ._near_ties import NEAR_TIE
from ._records import BenchmarkScores

__all__ = ["remarks_on"]

EMPTY_SHARE = 0.05  # more empty predictions than this are more often a broken run than a bad model


def remarks_on(result: BenchmarkScores) -> Iterator[str]:
    """One line each for tasks skipped, fragile answers, samples left out, empty answers, quirks that touched samples,
    failed metrics."""
    if result.skipped:
        yield f"protocol {result.protocol} does not have {', '.join(result.skipped)}: skipped"
    yield from _fragile(result)
    for name, task in result.tasks.items():
        if task.failed:
            are = "it is" if task.failed == 1 else "they are"
            failed = f"{counted(task.failed, 'sample')} failed or cannot be scored under {result.protocol}"
            yield f"{name}: {failed}; {are} left out"
        if task.missing_draws:
            draws = counted(task.missing_draws, "draw")
            yield f"{name}: {draws} failed or not asked for yet; their samples are scored on the others"
        if task.n and task.empty / task.answers > EMPTY_SHARE:
            yield f"{name}: {task.empty} of {task.answers} predictions are empty"
        yield from (f"{name}: {line}" for line in task.notes)
        for metric, extra in task.extra.items():
            for line in extra.errors[:1]:
                yield f"{name}: {metric} failed on {counted(extra.failed - task.failed, 'sample')}, first {line}"


def _fragile(result: BenchmarkScores) -> Iterator[str]:
    """How many answers another way of computing may change, over all tasks."""
    fragile = sum(task.fragile or 0 for task in result.tasks.values())
    known = sum(task.margins or 0 for task in result.tasks.values())
    answers = sum(task.answers for task in result.tasks.values())
    if fragile:
        unknown = "" if known == answers else f", and of {answers - known} more nothing is known"
        yield (
            f"{fragile} of {known} answers are fragile: two tokens lay within {NEAR_TIE:g} nats, so another kernel, "
            f"batch or number format may change them{unknown}"
        )
