"""`evalkit plan`: what a run would cost; nothing is run."""

from __future__ import annotations

from . import _options as o


@o.takes(*o.ALL)  # all that a run takes: what counts as done depends on most of it
def plan(*, given: o.Given, config: o.Config = None, json: o.Json = None) -> int:
    """Count samples, tokens, what prefix reuse saves, truncation and memory. Needs the tokenizer only."""
    from evalkit._api import plan_opened
    from evalkit.reports import plan_notes, plan_table
    from evalkit.runs import open_session

    from ._output import check_target, note, print_json, print_table
    from ._progress import prompts_built

    check_target(json)
    session = open_session(o.complete(o.in_force(given, config)))
    for line in session.notes:
        note(line)
    with prompts_built() as built:
        plans = plan_opened(session, built=built).benchmarks
    for counts in plans.values():
        if counts["conflict"] is not None:
            note(f"nothing counts as done: {counts['conflict']}")
    if json is not None:
        print_json(next(iter(plans.values())) if len(plans) == 1 else {"benchmarks": plans}, json)
    for counts in plans.values() if json != "-" else ():
        print_table(plan_table(counts))
    for counts in plans.values():
        for line in plan_notes(counts):
            note(line)
    return 0
