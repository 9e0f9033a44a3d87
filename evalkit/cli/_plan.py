"""`evalkit plan`: what a run would cost; nothing is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _options as o

if TYPE_CHECKING:
    from evalkit.runs import Session


@o.takes(*o.ALL)  # all that a run takes: what counts as done depends on most of it
def plan(*, given: o.Given, config: o.Config = None, json: o.Json = None) -> int:
    """Count samples, tokens, what prefix reuse saves, truncation and memory. Needs the tokenizer only.

    CARD and BENCHMARK are as for `evalkit run`.
    """
    from ._several import objects_of, one_or_named, open_all
    from .terminal import check_target, print_json

    check_target(json)
    all_settings = o.complete(o.in_force(given, config))
    sessions, problems = open_all(all_settings)
    plans: dict[str, dict[str, Any]] = {}
    for session in sessions.values():
        plans[session.card.name] = _plan(session, is_shown=json != "-")
    if json is not None:
        objects = {name: one_or_named(made, "benchmarks") for name, made in plans.items()}
        print_json(objects_of(objects, len(all_settings)), json)
    return 2 if problems else 0


def _plan(session: Session, *, is_shown: bool) -> dict[str, Any]:
    """Benchmark → plan of one model, printed."""
    from evalkit._api import plan_opened
    from evalkit.reports import plan_notes, plan_table
    from evalkit.runs import manifest_note

    from .terminal import ProgressMonitor, note, print_table

    with ProgressMonitor() as monitor:
        for line in filter(None, (manifest_note(job.folder) for job in session.jobs)):
            monitor.note(line)
        plans = plan_opened(session, monitor).benchmarks
    for counts in plans.values():
        if counts["conflict"] is not None:
            note(f"nothing counts as done: {counts['conflict']}")
    for counts in plans.values() if is_shown else ():
        print_table(plan_table(counts))
    for line in dict.fromkeys(line for counts in plans.values() for line in plan_notes(counts)):
        note(line)
    return plans
