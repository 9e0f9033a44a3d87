"""`evalkit run`: generate, score, report; the same command again continues.

Exit code 2 where a model could not be run, 1 where samples failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from evalkit.errors import UserError

from . import _options as o

if TYPE_CHECKING:
    from evalkit._api import EvaluationResult
    from evalkit.runs import Session
    from evalkit.settings import RunSettings


PrintConfig = Annotated[
    bool, typer.Option("--print-config", help="Print the settings in force as YAML for --config; run nothing.")
]


@o.takes(*o.ALL)
def run(*, given: o.Given, config: o.Config = None, print_config: PrintConfig = False, json: o.Json = None) -> int:
    """Run models on benchmarks, score them, write tables. The same command again continues.

    CARD is a model card (name or YAML file), a model folder, a hub id or a server's address; several run one after the
    other. BENCHMARK is a name of `evalkit benchmarks list`, a YAML file, or
    a file of samples (FILE.jsonl).
    """
    from .terminal import say

    values = o.in_force(given, config)
    if print_config:
        say(o.config_text(values), end="")
        return 0
    return _run(o.complete(values), json)


def _run(all_settings: list[RunSettings], json: str | None) -> int:
    from ._several import columns_of, objects_of, open_all, print_models, run_all, say_problems
    from .terminal import check_target, print_json

    check_target(json)
    if json is not None and all_settings[0].shard is not None:
        raise UserError("--json: a part of a run has no scores; `evalkit merge RUN --json` writes those of the run")
    sessions, problems = open_all(all_settings)
    if len(all_settings) == 1:
        results = {session.card.name: _run_one(session, json) for session in sessions.values()}
    else:
        results, failures = run_all(sessions, lambda session: _run_one(session, json))
        problems |= failures
        if json != "-":
            print_models(columns_of(list(results.values())))
        say_problems(problems)
    if json is not None:
        objects = {name: _json(result) for name, result in results.items()}
        print_json(objects_of(objects, len(all_settings)), json)
    return 2 if problems else int(any(result.outcome.failed for result in results.values()))


def _run_one(session: Session, json: str | None) -> EvaluationResult:
    """Run one model on all benchmarks and show what came out."""
    from evalkit._api import run_session

    from .terminal import ProgressMonitor, libraries_say

    with ProgressMonitor(session.tokenizer.unit) as monitor, libraries_say(monitor.note):
        result = run_session(session, monitor)
    _show(result, session.tokenizer.unit, is_shown=json != "-")
    return result


def _json(result: EvaluationResult) -> Any:
    from ._several import one_or_named

    return one_or_named({name: scores.to_json() for name, scores in result.scores.items()}, "benchmarks")


def _show(result: EvaluationResult, unit: str, *, is_shown: bool) -> None:
    from ._report import note_escapes
    from ._score import show_run
    from .terminal import note

    for name, scores in result.scores.items():
        show_run(result.folders[name], scores, is_shown=is_shown)
    note_escapes({result.folders[name]: scores for name, scores in result.scores.items()})
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
