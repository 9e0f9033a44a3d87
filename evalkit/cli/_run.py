"""`evalkit run`: generate, score, report; the same command again continues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from . import _options as o

if TYPE_CHECKING:
    from evalkit._api import EvaluationResult
    from evalkit.settings import RunSettings


PrintConfig = Annotated[
    bool, typer.Option("--print-config", help="Print the settings in force as YAML for --config; run nothing.")
]


@o.takes(*o.ALL)
def run(*, given: o.Given, config: o.Config = None, print_config: PrintConfig = False, json: o.Json = None) -> int:
    """Run a model on benchmarks, score it, write tables. The same command again continues."""
    from ._output import say

    values = o.in_force(given, config)
    if print_config:
        say(o.config_text(values), end="")
        return 0
    return _run(o.complete(values), json)


def _run(settings: RunSettings, json: str | None) -> int:
    from evalkit._api import run_session
    from evalkit.runs import open_session

    from ._output import check_target
    from ._progress import ProgressMonitor

    check_target(json)
    with ProgressMonitor() as monitor:
        session = open_session(settings, monitor)
        monitor.unit = session.tokenizer.unit
        result = run_session(session, monitor)
    _show(result, json, session.tokenizer.unit)
    return 1 if result.outcome.failed else 0


def _show(result: EvaluationResult, json: str | None, unit: str) -> None:
    from evalkit._api import spec_of_run
    from evalkit.reports import buckets_table, lengths_of_run, terminal_table

    from ._output import note, print_json, print_table
    from ._report import note_escapes
    from ._score import warn

    if json is not None:
        objects = {name: scores.to_json() for name, scores in result.scores.items()}
        print_json(next(iter(objects.values())) if len(objects) == 1 else {"benchmarks": objects}, json)
    for name, scores in result.scores.items():
        warn(scores)
        if json != "-":
            print_table(terminal_table(scores, spec_of_run(result.folders[name])))
            if (parts := buckets_table(scores, lengths_of_run(result.folders[name]))) is not None:
                print_table(parts)
        note(f"{scores.benchmark}: results in {result.folders[name]}")
    note_escapes({folder: result.scores[name] for name, folder in result.folders.items()})
    note(_summary(result, unit))


def _summary(result: EvaluationResult, unit: str) -> str:
    outcome = result.outcome
    parts = [f"{outcome.finished} answered, {outcome.reused} already done, {outcome.failed} failed"]
    if outcome.finished and unit != "tokens":
        parts.append(f"{outcome.planned_tokens:,} prompt {unit}")
    elif outcome.finished and outcome.planned_tokens and outcome.is_reuse_known:
        ratio = outcome.computed_tokens / outcome.planned_tokens
        parts.append(
            f"{outcome.computed_tokens:,} prompt tokens computed, {outcome.planned_tokens:,} unique ({ratio:.2f}x)"
        )
    if outcome.currency is not None:
        parts.append(f"{outcome.spent:.4g} {outcome.currency} spent")
    return "; ".join(parts)
