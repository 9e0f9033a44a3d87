"""`evalkit reproduce`: run a model as it was run for its published numbers, then compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import _options as o

if TYPE_CHECKING:
    from evalkit._reproduce import Attempt
    from evalkit.settings import RunSettings
    from evalkit.verdicts import PublishedComparison

TAKEN = (
    *(
        "model",
        "benchmarks",
        "protocol",
        "tasks",
        "limit",
        "samples",
        "rope",
        "dtype",
        "lengths",
        "backend",
        "base_url",
    ),
    *("engine", "send_key_to", "max_cost", "device", "device_map", "attention", "batch", "trust_remote_code"),
    *("partial", "data", "replicas", "gpus_per_replica", "ray", "out"),
)
"""Settings that do not touch the published set-up, choose among what is published, or fill in what it leaves open."""


@o.takes(*TAKEN)
def reproduce(
    *,
    given: o.Given,
    reruns: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Further runs, which show how much a score moves.  [default: 1; 0 where its answers are published]",
        ),
    ] = None,
    json: o.Json = None,
) -> int:
    """Run a model as it was run for its published numbers, and say which of them hold.

    CARD is a model with published numbers; without BENCHMARK all that are published for it are run, under every
    protocol and RoPE setting that is published. The same command again continues. Exit code 1: a number differs.
    """
    from evalkit._reproduce import carry_out, plan_attempts
    from evalkit.errors import UserError

    from ._verdicts import print_comparison
    from .terminal import check_target, note, print_json

    check_target(json)
    if not given.get("model"):
        raise UserError("Missing argument 'CARD': name a model with published scores")
    if not isinstance(given["model"], str):
        raise UserError(f"{', '.join(given['model'])}: one model at a time")
    attempts = plan_attempts(given, reruns)
    results: list[PublishedComparison] = []
    codes = [0]
    for number, attempt in enumerate(attempts, 1):
        place = f"{number} of {len(attempts)}: " if len(attempts) > 1 else ""
        note(f"{place}{_what(attempt)}")
        results.append(carry_out(attempt, _run))
        codes.append(print_comparison(results[-1], is_shown=json != "-"))
    if json is not None:
        objects = [each.to_json() for each in results]
        print_json(objects[0] if len(objects) == 1 else {"schema": 1, "comparisons": objects}, json)
    return max(codes)


def _what(attempt: Attempt) -> str:
    count = len(attempt.reruns)
    again = f", then {count} further run{'s' if count > 1 else ''} to see how much it moves" if count else ""
    setup = f"{attempt.benchmark}, {attempt.settings.protocol}, RoPE {attempt.target.rope}"
    published = len(attempt.target.rows)
    return f"{setup}: {published} number{'s are' if published > 1 else ' is'} published{again}"


def _run(settings: RunSettings) -> Path:
    from evalkit._api import run_session
    from evalkit.runs import open_session

    from ._score import warn
    from .terminal import ProgressMonitor, libraries_say, note

    with ProgressMonitor() as monitor:
        session = open_session(settings, monitor)
    with ProgressMonitor(session.tokenizer.unit) as monitor, libraries_say(monitor.note):
        result = run_session(session, monitor)
    name, folder = next(iter(result.folders.items()))
    warn(result.scores[name])
    note(f"{name}: results in {folder}")
    return folder
